"""Rounding to a format, against what NumPy and ml_dtypes make of the same numbers."""

import ml_dtypes
import numpy as np
import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.precision.formats import FORMATS, arithmetics, at_random, nearest, noise

TYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def _numbers(name: str) -> np.ndarray:
    """Return numbers of all sizes that a format has, and beyond, which float32 holds."""
    generator, own = np.random.default_rng(0), FORMATS[name]
    powers = generator.uniform(own.smallest - own.digits, own.largest + 1, 20_000)
    numbers = generator.choice([-1, 1], powers.shape) * 2.0 ** np.clip(powers, -149, 127.9)
    return numbers.astype(np.float32).astype(np.float64)  # so that ml_dtypes rounds once


@pytest.mark.parametrize("name", TYPES)
def test_rounding_to_nearest_is_that_of_numpy_and_ml_dtypes(name: str):
    numbers = np.concatenate([_numbers(name), [0.0, -0.0, np.inf, -np.inf]])
    with np.errstate(over="ignore"):
        expected = numbers.astype(TYPES[name]).astype(np.float64)
    assert np.array_equal(nearest(numbers, FORMATS[name]), expected)


@pytest.mark.parametrize("name", TYPES)
def test_a_format_ends_where_its_type_ends(name: str):
    limits = ml_dtypes.finfo(TYPES[name])
    own = FORMATS[name]
    assert (own.limit, own.spacing) == (float(limits.max), float(limits.smallest_subnormal))


@pytest.mark.parametrize("name", TYPES)
def test_rounding_at_random_goes_to_one_of_the_two_neighbours_and_loses_nothing_on_average(name: str):
    numbers = np.random.default_rng(1).normal(size=50)
    draws = np.array([at_random(numbers, FORMATS[name], seed) for seed in range(2000)])
    assert np.array_equal(nearest(draws, FORMATS[name]), draws)
    assert all(len(set(column)) <= 2 for column in draws.T)
    spacing = np.spacing(nearest(numbers, FORMATS[name]).astype(TYPES[name])).astype(np.float64)
    assert (np.abs(draws.mean(0) - numbers) < 5 * np.abs(spacing) / np.sqrt(2000)).all()


@pytest.mark.parametrize("name", TYPES)
def test_what_a_format_holds_is_rounded_to_itself(name: str):
    held = nearest(_numbers(name), FORMATS[name])
    held = held[np.isfinite(held)]
    assert np.array_equal(at_random(held, FORMATS[name], 3), held)


def test_equal_numbers_are_rounded_alike_and_others_apart():
    rounded = at_random(np.full(1000, 1.001), FORMATS["bfloat16"], 7)
    assert len(set(rounded)) == 1
    assert len(set(at_random(np.linspace(1.001, 1.002, 1000), FORMATS["bfloat16"], 7))) == 2


def test_noise_has_mean_0_and_variance_1():
    found = noise(np.random.default_rng(0).normal(size=100_000), 5)
    assert abs(found.mean()) < 4 / len(found) ** 0.5
    assert found.var() == pytest.approx(1, abs=4 * (2 / len(found)) ** 0.5)


def test_float16_holds_no_bfloat16_and_float32_holds_both():
    assert not FORMATS["float16"].holds(FORMATS["bfloat16"])
    assert not FORMATS["bfloat16"].holds(FORMATS["float16"])
    assert all(FORMATS["float32"].holds(FORMATS[name]) for name in ("float16", "bfloat16", "tf32"))


def test_an_unknown_precision_is_refused_with_the_nearest_that_there_is():
    with pytest.raises(UserError, match="did you mean 'bfloat16'"):
        arithmetics(["float32", "bfloat61"])
