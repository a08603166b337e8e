"""Weights that are made one by one as they are asked for, so that a large model's never stand in memory all at once."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

Shape = tuple[int, ...]
Make = Callable[[str, Shape], np.ndarray]


class MadeWeights(Mapping[str, np.ndarray]):
    """Maps names to arrays, each of which is made anew whenever it is asked for."""

    def __init__(self, shapes: Mapping[str, Shape], make: Make):
        self.shapes, self._make = dict(shapes), make

    def __getitem__(self, name: str) -> np.ndarray:
        return self._make(name, self.shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def changed(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "MadeWeights":
        """Return weights of the same shapes, of which each is what `change` makes of its name and this one's."""
        return MadeWeights(self.shapes, lambda name, _: change(name, self[name]))


def shapes_of(weights: Mapping[str, np.ndarray]) -> dict[str, Shape]:
    """Return every weight's shape; nothing is made for that."""
    if isinstance(weights, MadeWeights):
        return weights.shapes
    return {name: array.shape for name, array in weights.items()}
