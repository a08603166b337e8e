"""The test of two distributions: it tells apart what differs alone or together, and raises no alarm otherwise."""

import numpy as np
import pytest

from twotrack.shared.verify.distribution import FALSE_ALARM, SAMPLES, Samples

VALUES = 24


def mixed(drawn: np.ndarray) -> np.ndarray:
    """What a dense layer makes of draws (samples, values)."""
    return drawn @ np.random.default_rng(1).normal(size=(VALUES, VALUES))


@pytest.mark.parametrize("draw", ["exponential", "normal", "uniform"])
def test_equal_distributions_raise_no_alarm(draw: str) -> None:
    generator = np.random.default_rng(0)
    smallest = [
        Samples(*(mixed(getattr(generator, draw)(size=(SAMPLES, VALUES))) for _ in range(2))).smallest_p()
        for _ in range(40)
    ]

    assert min(smallest) > 1e-3
    assert FALSE_ALARM < 1e-3 / 40


def test_outputs_that_do_not_change_are_equal_up_to_rounding() -> None:
    constant = np.ones((SAMPLES, VALUES))

    assert Samples(constant, constant * (1 + 1e-15)).smallest_p() == 1
    assert Samples(constant, constant * 1.01).smallest_p() < FALSE_ALARM


def test_another_spread_shows() -> None:
    generator = np.random.default_rng(0)
    one, other = (mixed(generator.normal(size=(SAMPLES, VALUES))) for _ in range(2))

    assert Samples(one, 1.5 * other).smallest_p() < FALSE_ALARM


def test_what_outputs_share_shows_though_each_alone_is_the_same() -> None:
    generator = np.random.default_rng(0)
    apart = generator.normal(size=(SAMPLES, VALUES))
    shared = np.repeat(generator.normal(size=(SAMPLES, 1)), VALUES, axis=1)
    together = np.sqrt(0.6) * generator.normal(size=(SAMPLES, VALUES)) + np.sqrt(0.4) * shared

    assert Samples(apart, together).smallest_p() < FALSE_ALARM
