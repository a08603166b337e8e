"""Shares of a batch: all rows once, in order; what their losses and gradients come to."""

import numpy as np
import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.spec.draws import DrawsOfShare, SharedDraws
from twotrack.shared.spec.replicas import MOST, require_replicas, shares


@pytest.mark.parametrize("rows", [4, 9, 64, 101])
@pytest.mark.parametrize("replicas", [1, 2, 3, 4])
def test_shares_are_all_rows_once_and_in_order(rows: int, replicas: int):
    parts = shares(rows, replicas)

    assert [row for part in parts for row in range(part.begin, part.end)] == list(range(rows))
    assert max(part.end - part.begin for part in parts) - min(part.end - part.begin for part in parts) <= 1


@pytest.mark.parametrize("rows", [2, 9, 31, 64])
def test_the_mean_of_weighted_gradients_is_that_of_the_whole_batch(rows: int):
    generator = np.random.default_rng(rows)
    x, y, w = generator.normal(size=(rows, 5)), generator.normal(size=rows), generator.normal(size=5)

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:  # of the mean of (x w - y)^2
        return 2 * x.T @ (x @ w - y) / len(y)

    for replicas in (2, 3, 7):
        parts = shares(rows, replicas)
        means = [part.weight * gradient(x[part.rows], y[part.rows]) for part in parts]
        assert np.mean(means, axis=0) == pytest.approx(gradient(x, y), abs=1e-14)


def test_of_fewer_rows_than_replicas_each_has_all():
    assert [(part.begin, part.end, part.weight) for part in shares(2, 3)] == [(0, 2, 1.0)] * 3


@pytest.mark.parametrize(
    ("count", "batch", "said"),
    [(0, 8, "1 or more"), (-2, 8, "1 or more"), (9, 8, "the 8 rows of a batch"), (MOST + 1, 1000, "at most 64")],
)
def test_numbers_that_make_no_sense_are_refused(count: int, batch: int, said: str):
    with pytest.raises(UserError, match=said):
        require_replicas(count, batch)


def test_replicas_draw_the_rows_of_one_replicas_mask():
    whole = SharedDraws(3).numbers("uniform", (9, 4), 0)

    drawn = [DrawsOfShare(SharedDraws(3), part, 9).numbers("uniform", (part.end - part.begin, 4), 0)
             for part in shares(9, 2)]  # fmt: skip

    assert np.array_equal(np.concatenate(drawn), whole)


def test_a_mask_with_several_rows_for_each_example_is_shared_out_by_example():
    whole = SharedDraws(3).numbers("uniform", (3 * 8, 5), 1)

    second = DrawsOfShare(SharedDraws(3), shares(8, 2)[1], 8).numbers("uniform", (3 * 4, 5), 1)

    assert np.array_equal(second, whole[12:])
