"""The simulated rounding of sums, against float32 sums in many orders."""

import numpy as np
import pytest

from twotrack.shared.precision.formats import FORMATS, nearest
from twotrack.shared.precision.rounding import Rounding

ORDERS = 300


def _sequential(terms: np.ndarray) -> float:
    """Return the float32 sum of terms, one by one."""
    return float(np.cumsum(terms.astype(np.float32), dtype=np.float32)[-1])


@pytest.mark.parametrize("mean", [0.0, 1.0], ids=["terms cancel", "terms add up"])
@pytest.mark.parametrize("count", [64, 1024])
def test_simulated_errors_of_a_sum_are_as_large_as_those_of_its_orders(mean: float, count: int):
    generator = np.random.default_rng(count)
    terms = nearest(generator.normal(mean, 1.0, count), FORMATS["float32"])
    exact = terms.sum()
    own = [_sequential(generator.permutation(terms)) - exact for _ in range(ORDERS)]
    rounding, found = Rounding("float32", 0), []
    for _ in range(ORDERS):
        made = rounding.of_sums(np.array([exact]), np.array([np.square(terms).sum()]), np.array([float(count)]))
        found.append(made[0] - exact)
        rounding.next()
    assert 1.0 < np.std(found) / np.sqrt(np.mean(np.square(own))) < 4.0


def test_inside_of_an_operation_half_precision_is_rounded_as_float32():
    rounding, third = Rounding("bfloat16", 0), np.array([1 / 3])
    with rounding.inside("softmax"):
        inner = rounding.result(third)
    assert abs(inner - third) < 1e-7
    assert abs(rounding.result(third) - third) > 1e-4


def test_inside_of_a_poor_operation_each_step_is_rounded_to_the_precision():
    rounding, third = Rounding("bfloat16", 0, poor=frozenset({"softmax"})), np.array([1 / 3])
    with rounding.inside("softmax"):
        assert abs(rounding.result(third) - third) > 1e-4
    with rounding.inside("layer norm"):
        assert abs(rounding.result(third) - third) < 1e-7
    assert rounding.of_steps == {"softmax", "layer norm"}


def test_a_poor_sum_may_have_all_terms_of_one_sign_first():
    terms = np.concatenate([np.ones(512), -np.ones(512)])
    plain, poor = (Rounding("bfloat16", 0, poor=names) for names in (frozenset(), frozenset({"BiasAddGrad"})))
    given = np.array([1e-3]), np.array([np.square(terms).sum()]), np.array([1024.0])
    assert abs(plain.of_sums(*given, "BiasAddGrad") - given[0]) < 1e-2
    running = np.abs(np.cumsum(terms)).max()
    errors = []
    for _ in range(200):
        errors.append(float((poor.of_sums(*given, "BiasAddGrad") - given[0])[0]))
        poor.next()
    assert np.std(errors) > 2.0**-8 * running
