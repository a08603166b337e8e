"""Which layers a weight map makes one: those whose weights are all each other's."""

from collections.abc import Iterable, Iterator, Mapping

from twotrack.shared.weights.correspondence.weight_map import WeightMap


def layer_paths(weight_map: WeightMap) -> dict[str, str]:
    """Return the canonical path for each torch path whose weights are all that the canonical one has, and the reverse.

    Paths that hold layers count too, so that a whole block is compared. Of several with the same weights, as a layer
    and what wraps it, the innermost are one.
    """
    links = [(source, name) for name, rule in weight_map.rules.items() for source in rule.sources]
    torch = _inside({source: {name for own, name in links if own == source} for source, _ in links})
    keras = _inside({name: {name} for _, name in links})
    by_weights = {frozenset(weights): path for path, weights in _outermost_first(keras)}
    found = {frozenset(weights): path for path, weights in _outermost_first(torch)}
    return {path: by_weights[weights] for weights, path in found.items() if weights in by_weights}


def _inside(weights: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return, by path, the canonical names of all weights in it."""
    found: dict[str, set[str]] = {}
    for name, canonical in weights.items():
        for path in _holding(name):
            found.setdefault(path, set()).update(canonical)
    return found


def _holding(name: str) -> Iterable[str]:
    parts = name.split(".")[:-1]
    return (".".join(parts[: count + 1]) for count in range(len(parts)))


def _outermost_first(found: Mapping[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
    yield from sorted(found.items(), key=lambda pair: pair[0].count("."))
