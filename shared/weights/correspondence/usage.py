"""How often the values of a weight of torch are used by the rules that are made of it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from twotrack.shared.weights.correspondence.rule import Shape, WeightRule


def of_source(source: str, rules: Sequence[WeightRule], torch: Mapping[str, Shape]) -> Iterator[str]:
    """Yield what is wrong with how rules use one weight of torch."""
    try:
        used = _used(source, rules, torch)
    except (ValueError, KeyError):  # told by itself
        return
    most, of_row = int(used.max(initial=0)), used.reshape(len(used), -1) if used.ndim else used.reshape(1, 1)
    if most > 1:
        yield f"{int((used > 1).sum())} of the {used.size} values of torch's '{source}' are used {most} times"
    asked = of_row.any(axis=1) if all(rule.rows for rule in rules) else np.ones(len(of_row), bool)
    missing = int((of_row[asked] == 0).sum())
    if missing:
        yield f"{missing} of the {used.size} values of torch's '{source}' are in no rule"


def _used(source: str, rules: Sequence[WeightRule], torch: Mapping[str, Shape]) -> np.ndarray:
    """Return how often each value of a weight is used."""
    total = np.zeros(torch[source], np.uint8)
    for rule in rules:
        shapes = [torch[name] for name in rule.sources]
        arrays = [np.zeros(shape, np.uint8) for shape in shapes]
        rule.scatter(np.ones(rule.canonical_shape(shapes), np.uint8), arrays)
        total += arrays[rule.sources.index(source)]
    return total
