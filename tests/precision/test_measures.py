"""What a step is measured by: its own size, or that of its neighbours where no digit of it is left."""

import numpy as np
import pytest

from tests.precision.tasks import differences_of_parts
from twotrack.shared.precision.formats import FORMATS
from twotrack.shared.verify.lower_precision import Quantity, _Spread
from twotrack.shared.workers.pool import WorkerPool

UNIT, SPACING = FORMATS["float16"].unit, FORMATS["float16"].spacing


def _judged(truth: float, simulated: float, found: float) -> Quantity:
    """Judge a bias beside a kernel whose gradients are of size 1."""
    kernel, bias = ("gradient", "dense.kernel"), ("gradient", "dense.bias")
    spread = _Spread({kernel: np.ones(4), bias: np.full(4, truth)})
    spread.add({kernel: np.full(4, 1.001), bias: np.full(4, simulated)})
    return spread.judge(bias, np.full(4, found), UNIT, SPACING)


def test_a_gradient_that_is_zero_but_for_rounding_is_measured_by_its_layer():
    found = _judged(truth=1e-19, simulated=1e-3, found=2e-3)
    assert found.is_lost
    assert found.error == pytest.approx(2e-3)
    assert found.bound == pytest.approx(4e-3, rel=1e-3)
    assert not found.is_flushed


def test_a_gradient_with_digits_is_measured_by_itself():
    found = _judged(truth=1e-2, simulated=1.01e-2, found=1.02e-2)
    assert not found.is_lost
    assert found.error == pytest.approx(2e-2)


def test_a_gradient_below_the_smallest_number_is_told_from_one_that_is_zero():
    assert _judged(truth=1e-9, simulated=SPACING, found=0.0).is_flushed
    assert not _judged(truth=1e-19, simulated=1e-3, found=0.0).is_flushed
    assert not _judged(truth=0.0, simulated=0.0, found=0.0).is_flushed


def test_what_is_measured_by_changes_no_ratio():
    assert _judged(truth=1e-19, simulated=1e-3, found=2e-3).ratio == pytest.approx(0.5, rel=1e-3)


def test_the_steps_of_tensorflow_s_operations_are_these_operations(workers: WorkerPool):
    found = workers.call("keras:tensorflow", differences_of_parts, None)
    assert len(found) == 13
    assert max(found.values()) < 1e-13, found
