"""Weights that the search draws."""

from dataclasses import dataclass, field
from math import prod

import numpy as np

from twotrack.shared.spec.units import Side, Weights


def constants(side: Side) -> frozenset[str]:
    """Return the statistics that are constants of the model: those that it was built with other numbers than 0 or 1."""
    return frozenset(name for name in side.statistics if not _is_plain(side.built[name]))


def _is_plain(built: np.ndarray) -> bool:
    return bool((built == 0).all() or (built == 1).all())


@dataclass
class Drawn:
    """Weights for which no term of a layer is zero or one, so that none can be left out unseen."""

    seed: int
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, built: Weights, kept: frozenset[str] = frozenset()) -> "Drawn":
        """Draw a weight of the shape of each of `built`, but for those that are kept as they are."""
        for name in sorted(built):
            array = built[name]
            self.weights[name] = array if name in kept else self._draw(array.shape)
        return self

    def _draw(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return positive numbers around 1 for a vector, which may be a variance; else numbers that keep the scale."""
        generator = np.random.default_rng([self.seed, len(self.weights)])
        if sum(size > 1 for size in shape) < 2:
            return generator.uniform(0.5, 1.5, shape)
        return generator.normal(size=shape) / np.sqrt(max(1.0, prod(shape) / max(shape[0], shape[-1])))
