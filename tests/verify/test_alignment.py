"""What lies inside of attention on one side and behind it on the other is no difference where values are replaced."""

from collections.abc import Sequence

import numpy as np
import pytest

from twotrack.shared.verify.alignment import Alignment, Passes
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.passes import Call, Pass

ROWS, SIZE = 3, 4
VALUE, ATTENTION, PROJECTION = "attention.value", "attention", "attention.attention_output"


def drawn(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, SIZE))


def call(path: str, given: np.ndarray, gave: np.ndarray) -> Call:
    digests = [digest(array, ROWS) for array in (given, gave)]
    assert all(one is not None for one in digests)
    return Call(path, "Layer", digests[:1], digests[1:], replaceable=0)  # type: ignore[arg-type]


def ran(calls: Sequence[Call], outputs: np.ndarray, replaced: Sequence[str] = ()) -> Pass:
    own = digest(outputs, ROWS)
    assert own is not None
    return Pass(["ordinary"] * ROWS, np.zeros(ROWS), np.ones(ROWS, bool), list(calls), [own], list(replaced))


def alignment(replaced_context: int, is_projected_inside: bool) -> Alignment:
    """Two sides that agree on ordinary inputs, and in a pass in which what `attention` gives is replaced.

    Torch's attention gives the context, which is projected behind it; Keras' may project it inside, so that the
    projection runs on the context that it computed, and torch's on what was put in the place of that.
    """
    value, context, outputs, put = (drawn(seed) for seed in range(4))
    torch = [call(VALUE, value, value), call(ATTENTION, value, context), call(PROJECTION, context, outputs)]
    inside = [call(VALUE, value, value), call(PROJECTION, context, outputs), call(ATTENTION, value, outputs)]
    keras = inside if is_projected_inside else torch
    other = drawn(replaced_context)
    torch_wide = [call(VALUE, value, value), call(ATTENTION, value, put), call(PROJECTION, put, put)]
    wide = {
        VALUE: call(VALUE, value, value),
        PROJECTION: call(PROJECTION, other, other),
        ATTENTION: call(ATTENTION, value, put),
    }
    sides = (
        {"ordinary": ran(torch, outputs), "wide values": ran(torch_wide, put, [ATTENTION])},
        {"ordinary": ran(keras, outputs), "wide values": ran([wide[one.path] for one in keras], other, [ATTENTION])},
    )
    return Alignment(*(Passes(side, {}) for side in sides))


@pytest.mark.parametrize(("is_projected_inside", "may_come"), [(True, True), (False, False)])
def test_a_difference_behind_replaced_values_counts_unless_they_stand_for_something_else_on_one_side(
    is_projected_inside: bool, may_come: bool
) -> None:
    found = alignment(7, is_projected_inside)
    difference, _ = found.first_difference("wide values")
    assert difference is not None
    assert difference.where.keras.path == PROJECTION
    assert found.may_come_from_unmatched(difference) is may_come
    assert found.unmatched_points == ([ATTENTION] if may_come else [])


def test_a_value_is_the_same_thing_on_both_sides_only_if_rows_that_hide_something_agree_too() -> None:
    given, sides = drawn(0), []
    for seed in (1, 2):
        side = ran([call("layer", given, drawn(seed))], given)
        side.whole[:] = False
        sides.append(Passes({"ordinary": side}, {}))

    assert ("layer", "outputs") not in {(pair.keras.path, pair.keras.role) for pair in Alignment(*sides).matched}
