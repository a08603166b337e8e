"""Canonical names: how they are joined and renamed, and whether two sets of named weights are the same set."""

from collections.abc import Iterable, Mapping, Set
from difflib import get_close_matches
from types import MappingProxyType

from twotrack.shared.weights.bridge import BridgeError

Shape = tuple[int, ...]
NOTHING: Mapping[str, str] = MappingProxyType({})
SHOWN = 4
"""Names in a message; a wrong checkpoint can have hundreds."""


def join(*parts: str) -> str:
    """Join layer names to a dotted path; empty parts vanish."""
    return ".".join(part for part in parts if part)


def rename(
    names: Iterable[str], renames: Mapping[str, str], model: str, without: Set[str] = frozenset()
) -> dict[str, str]:
    """Return the canonical name for each of `model`'s dotted names, but for those in `without`.

    `renames` maps a path, or any leading part of one, to what stands there in the canonical name; the
    longest that fits wins. The empty path stands in front of every name, or for no path at all.
    Raises BridgeError for a rename that fits no name, and for two names that become the same.
    """
    names = list(names)
    for path in renames:
        if not any(_leads(path, name) for name in names):
            raise BridgeError(f"rename names '{path}', which {model} does not have{_guess(path, names)}")
    renamed = {name: rename_path(name, renames) for name in names if name not in without}
    owners: dict[str, str] = {}
    for name, new in renamed.items():
        if new in owners:
            raise BridgeError(f"'{owners[new]}' and '{name}' of {model} would both be the canonical weight '{new}'")
        owners[new] = name
    return renamed


def rename_path(path: str, renames: Mapping[str, str]) -> str:
    """Return the canonical form of one dotted path."""
    leading = max((start for start in renames if _leads(start, path)), key=len, default="")
    return join(renames.get(leading, ""), path[len(leading) :].lstrip("."))


def _leads(path: str, name: str) -> bool:
    return not path or name == path or name.startswith(f"{path}.")


def _guess(path: str, names: list[str]) -> str:
    paths = {".".join(name.split(".")[: count + 1]) for name in names for count in range(name.count(".") + 1)}
    near = get_close_matches(path, sorted(paths), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; it has {listed(names)}"


def require_same(
    expected: Mapping[str, Shape],
    found: Mapping[str, Shape],
    model: str,
    source: str = "the weights",
    own_names: Mapping[str, str] = NOTHING,
) -> None:
    """Raise BridgeError unless `found`, of `source`, has exactly the names and shapes of `expected`, of `model`.

    The message names every side of each mismatch. `own_names` tells what `model` itself calls a weight.
    """

    def told(name: str) -> str:
        return f"{name} {tuple(expected[name])}" + (f" ({own_names[name]})" if name in own_names else "")

    missing = [told(name) for name in expected if name not in found]
    left_over = [f"{name} {tuple(shape)}" for name, shape in found.items() if name not in expected]
    misshapen = [
        f"{told(name)} in {model}, {tuple(found[name])} in {source}{_hint(expected[name], found[name])}"
        for name in expected
        if name in found and tuple(expected[name]) != tuple(found[name])
    ]
    problems = ((f"missing from {source}", missing), (f"unknown to {model}", left_over), ("misshapen", misshapen))
    lists = [f"{what}: {listed(entries)}" for what, entries in problems if entries]
    if lists:
        raise BridgeError(f"{source} do not fit {model}; " + "; ".join(lists))


def _hint(expected: Shape, found: Shape) -> str:
    if tuple(found) == tuple(expected)[::-1]:
        return " (its transpose would fit)"
    if sorted(found) == sorted(expected):
        return " (its axes in another order would fit)"
    return ""


def listed(entries: list[str]) -> str:
    """Return the first few of a list, and how many more there are."""
    more = len(entries) - SHOWN
    return ", ".join(entries[:SHOWN]) + (f" and {more} more" if more > 0 else "")
