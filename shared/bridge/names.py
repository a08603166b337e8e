"""Checks that two sets of named weights are the same set, in both directions and by shape."""

from collections.abc import Mapping

from shared.bridge import BridgeError


def require_same(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], model: str) -> None:
    """Raise BridgeError unless `found` has exactly the names and shapes that `expected`, of `model`, has."""
    missing = [name for name in expected if name not in found]
    left_over = [name for name in found if name not in expected]
    misshapen = [
        f"{name}: {model} has {expected[name]}, the weights have {found[name]}"
        for name in expected
        if name in found and tuple(expected[name]) != tuple(found[name])
    ]
    problems = (("missing from the weights", missing), ("unknown to the model", left_over), ("misshapen", misshapen))
    told = [f"{what}: {', '.join(names)}" for what, names in problems if names]
    if told:
        raise BridgeError(f"the weights do not fit {model}; " + "; ".join(told))
