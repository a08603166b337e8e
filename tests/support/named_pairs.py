"""Pairs that a module makes in families, by names under which `module:NAME` finds them."""

from collections.abc import Callable, Iterable, Mapping

from twotrack import Pair


def numbered(**families: Iterable[Pair]) -> Callable[[str], Pair]:
    """Return a module's `__getattr__` that gives each family's pairs by its name and their number, as WRONG_0."""
    return named({f"{name}_{number}": one for name, family in families.items() for number, one in enumerate(family)})


def named(pairs: Mapping[str, Pair]) -> Callable[[str], Pair]:
    """Return a module's `__getattr__` that gives pairs by their names."""

    def find(name: str) -> Pair:
        if name in pairs:
            return pairs[name]
        raise AttributeError(name)

    return find
