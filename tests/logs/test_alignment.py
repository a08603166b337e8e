"""Two series on one axis: what a point is compared with is what the other log says of the same steps."""

import numpy as np
import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.logs.alignment import align
from twotrack.shared.logs.series import Series, make_series

NO_SIZES = (None, None)


def by_step(steps: list[float], values: list[float], averaged: bool = False) -> Series:
    return make_series(values, steps, None, averaged)


def test_common_steps_are_taken_as_they_are():
    first, second = by_step([1, 2, 3, 4], [1, 2, 3, 4]), by_step([2, 3, 4, 5, 6], [20, 30, 40, 50, 60])

    aligned = align(first, second, NO_SIZES, None)

    assert (aligned.along, aligned.as_logged) == ("step", True)
    assert aligned.positions.tolist() == [2, 3, 4]
    assert aligned.difference.tolist() == [18, 27, 36]


def test_a_log_that_counts_from_0_is_one_that_counts_from_1():
    aligned = align(by_step([1, 2, 3], [5, 6, 7]), by_step([0, 1, 2], [5, 6, 7]), NO_SIZES, None)

    assert aligned.difference.tolist() == [0, 0, 0]
    assert aligned.note == "the second counts from 0, the first from 1"


def test_a_mean_since_the_last_line_is_compared_with_the_mean_of_the_same_steps():
    values = np.random.default_rng(0).normal(size=40)
    dense = by_step([*range(1, 41)], values.tolist())
    sparse = by_step([10, 20, 30, 40], values.reshape(4, 10).mean(axis=1).tolist(), averaged=True)

    for first, second in ((dense, sparse), (sparse, dense)):
        aligned = align(first, second, NO_SIZES, None)
        assert aligned.positions.tolist() == [10, 20, 30, 40]
        np.testing.assert_allclose(aligned.difference, 0, atol=1e-14)


def test_between_points_a_line_is_taken_which_a_falling_curve_does_not_bend():
    def curve(step: np.ndarray) -> np.ndarray:
        return 1 / (1 + step / 50)

    first, second = np.arange(5.0, 500, 10), np.arange(1.0, 500)
    aligned = align(by_step(first.tolist(), curve(first).tolist()), by_step(second.tolist(), curve(second).tolist()),
                    NO_SIZES, None)  # fmt: skip
    shifted = align(by_step(first.tolist(), curve(first).tolist()),
                    by_step((second + 0.5).tolist(), curve(second + 0.5).tolist()), NO_SIZES, None)  # fmt: skip

    np.testing.assert_allclose(aligned.difference, 0, atol=1e-12)
    np.testing.assert_allclose(shifted.difference, 0, atol=2e-3)
    assert not shifted.as_logged


def test_other_batch_sizes_are_compared_by_the_examples_seen():
    first = by_step([1, 2, 3, 4], [1, 2, 3, 4])
    second = by_step([1, 2], [2, 4])

    aligned = align(first, second, (32.0, 64.0), None)

    assert aligned.along == "examples"
    assert aligned.positions.tolist() == [64, 128]
    assert aligned.difference.tolist() == [0, 0]


def test_other_steps_in_an_epoch_are_compared_by_the_epoch():
    first = make_series([3, 2, 1], [100, 200, 300], [1, 2, 3])
    second = make_series([3, 2, 1], [50, 100, 150], [1, 2, 3])

    aligned = align(first, second, NO_SIZES, None)

    assert aligned.along == "epoch"
    assert aligned.difference.tolist() == [0, 0, 0]


def test_points_of_one_epoch_are_spread_over_it_and_meet_its_mean():
    dense = make_series([4, 2, 3, 1], [1, 2, 3, 4], [1, 1, 2, 2])
    sparse = make_series([3, 2], None, [1, 2], averaged=True)

    aligned = align(dense, sparse, NO_SIZES, None)

    assert aligned.positions.tolist() == [1, 2]
    assert aligned.difference.tolist() == [0, 0]


def test_an_axis_that_a_log_lacks_is_refused():
    with pytest.raises(UserError, match="--along epoch needs a column epoch in both logs"):
        align(by_step([1, 2], [1, 2]), by_step([1, 2], [1, 2]), NO_SIZES, "epoch")
    with pytest.raises(UserError, match="--along: expected one of step, epoch, examples, point, found 'time'"):
        align(by_step([1, 2], [1, 2]), by_step([1, 2], [1, 2]), NO_SIZES, "time")


def test_logs_that_have_no_axis_in_common_are_compared_point_by_point():
    aligned = align(make_series([1, 2], None, [1, 2]), by_step([10, 20], [1, 3]), NO_SIZES, None)

    assert (aligned.along, aligned.difference.tolist()) == ("point", [0, 1])


def test_logs_of_other_steps_have_no_point_in_common():
    assert len(align(by_step([1, 2, 3], [1, 2, 3]), by_step([10, 20, 30], [1, 2, 3]), NO_SIZES, None)) == 0
