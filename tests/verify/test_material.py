"""What a pair is fed that has no data of its own: every id as early as may be, and those that may mean something."""

import numpy as np
import pytest

from twotrack import Input, Pair
from twotrack.shared.verify.material import draw_inputs, unmet_ids
from twotrack.shared.verify.optimizer_material import FAR, starts

STEPS = 20


def over(size: int, length: int = 6, batch_size: int = 4) -> Pair:
    """Return a pair over tokens; it is never built."""
    return Pair(dict, dict, Input((length,), kind="tokens", size=size), batch_size=batch_size)


def batches(pair: Pair) -> list[np.ndarray]:
    return [draw_inputs(pair, step)["input"] for step in range(STEPS)]


@pytest.mark.parametrize("size", [2, 3, 10, 500, 60_000])
def test_every_batch_holds_the_first_id_at_an_end_and_the_second_and_the_last(size: int) -> None:
    for batch in batches(over(size)):
        assert batch.shape == (4, 6)
        assert batch.max() < size
        assert {0, 1, size - 1} & set(batch[:, :-1].ravel()), "what is no padding stands anywhere"
        assert 0 in batch[:, -1]
    assert {0, 1, size - 1} <= set(np.ravel(batches(over(size))))


def test_the_id_0_stands_behind_all_others_and_is_there() -> None:
    rows = np.concatenate(list(batches(over(5))))
    assert (rows == 0).any()
    assert (np.diff((rows == 0).astype(int), axis=1) >= 0).all()


def test_ids_repeat() -> None:
    assert any((batch[:, 1:] == batch[:, :-1]).any() for batch in batches(over(60_000)))


@pytest.mark.parametrize(("length", "batch_size"), [(1, 1), (1, 2), (2, 1), (3, 1)])
def test_the_smallest_batches_hold_the_special_ids_in_turn(length: int, batch_size: int) -> None:
    seen = set(np.ravel(batches(over(1000, length, batch_size))))
    assert {0, 1, 999} <= seen
    assert len(seen) > STEPS // 3, "and others"


@pytest.mark.parametrize(("size", "missing"), [(29, 0), (5000, 5000 - 4 * 6 * STEPS)])
def test_ids_come_up_in_turn_so_that_few_batches_hold_them_all(size: int, missing: int) -> None:
    found = unmet_ids(over(size), STEPS)
    assert missing <= found[size] <= missing + 5 * STEPS * (missing > 0)


def test_a_pair_without_tokens_has_no_ids() -> None:
    assert unmet_ids(Pair(dict, dict, (4,)), STEPS) == {}


def test_far_weights_have_either_sign_and_are_as_large_as_said() -> None:
    near, far = (start.parameters["dense.kernel"] for start in starts({"dense.kernel": (4, 3)}, 2000))
    np.testing.assert_allclose(np.abs(far), FAR * near)
    assert {-1.0, 1.0} == set(np.sign(far).ravel())
