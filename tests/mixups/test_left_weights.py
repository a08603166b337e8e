"""What a training leaves is known by the weights behind its steps: compared with averages written out in NumPy."""

from collections.abc import Callable

import numpy as np
import pytest

from twotrack.shared.verify.diagnosis.left_weights import Weights, left

STEPS = 12
Make = Callable[[list[np.ndarray]], np.ndarray]


def states() -> list[Weights]:
    """Return a walk of two weights, the start first."""
    generator = np.random.default_rng(0)
    walk = np.cumsum(generator.normal(size=(STEPS + 1, 2, 3)), axis=0)
    return [{"a": one, "b": -2 * one[0]} for one in walk]


def moving(kept: float, start: int) -> Make:
    def make(values: list[np.ndarray]) -> np.ndarray:
        average = values[start]
        for value in values[start + 1 :]:
            average = kept * average + (1 - kept) * value
        return average

    return make


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda values: values[-1], "the weights of the last step"),
        (lambda values: values[7], "the weights of step 7"),
        (lambda values: values[0], "the weights of the start"),
        (lambda values: np.mean(values[4:], axis=0), "behind every step from step 4 on"),
        (lambda values: np.mean(values[3::4], axis=0), "behind every 4 steps from step 3 on"),
        (moving(0.9, 0), "(momentum 0.9) that begins with those of the start"),
        (moving(0.75, 1), "(momentum 0.75) that begins with those of step 1"),
        (moving(0.99, 5), "(momentum 0.99) that begins with those of step 5"),
    ],
)
def test_what_is_left_is_named(make: Make, told: str) -> None:
    walk = states()
    found = left(walk, {name: make([one[name] for one in walk]) for name in walk[0]})
    assert found
    assert told in found.told
    assert sum(found.shares) == pytest.approx(1.0)


def test_what_is_no_average_of_the_steps_has_no_name() -> None:
    walk = states()
    assert left(walk, {name: value + 1 for name, value in walk[-1].items()}) is None
