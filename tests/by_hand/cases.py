"""Networks of random sizes with random weights and data, drawn by hypothesis."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from twotrack.shared.by_hand.two_layer import Weights

FEATURES = 2


@dataclass(frozen=True)
class Case:
    examples: int
    hidden_size: int
    activation: Literal["sigmoid", "tanh"]
    seed: int

    @cached_property
    def weights(self) -> Weights:
        draw, h = np.random.default_rng(self.seed).normal, self.hidden_size
        return Weights(draw(size=(FEATURES, h)), draw(size=h), draw(size=(h, 1)), draw(size=1))

    @cached_property
    def neuron(self) -> tuple[np.ndarray, float]:
        """w (features,) and b."""
        return self.weights.W1[:, 0], float(self.weights.b2[0])

    @cached_property
    def x(self) -> np.ndarray:
        return np.random.default_rng([self.seed, 1]).normal(scale=3, size=(self.examples, FEATURES))

    @cached_property
    def y(self) -> np.ndarray:
        """(examples,)"""
        return np.random.default_rng([self.seed, 2]).integers(0, 2, self.examples).astype(float)


cases = st.builds(
    Case,
    examples=st.integers(1, 30),
    hidden_size=st.integers(1, 8),
    activation=st.sampled_from(["sigmoid", "tanh"]),
    seed=st.integers(0, 2**32 - 1),
)
