"""What ordinary inputs do not show: pairs that differ elsewhere fail at their place, and equal ones raise no alarm."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.probing import Compare, comparing
from tests.support.turns import MOSTLY_QUICKEST, in_turn
from tests.verify.range_pairs import EXCEPTED, HONEST, WRONG
from twotrack import Input
from twotrack.shared.verify import wide
from twotrack.shared.verify.alignment import Passes
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.passes import NOT_ALLOWED, ROUNDINGS, Call, Pass, points, rounded
from twotrack.shared.verify.result import FailurePlace, GapKind
from twotrack.shared.verify.rungs.range import compare_passes
from twotrack.shared.workers.pool import WorkerPool


@pytest.fixture(scope="module")
def compare(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    by_reference = comparing("range", workers, tmp_path_factory.mktemp)
    return lambda pair, track: by_reference(f"tests.verify.range_pairs:{pair}", track)


@pytest.mark.parametrize(("pair", "track"), in_turn(WRONG, order=MOSTLY_QUICKEST))
def test_a_pair_that_differs_outside_the_ordinary_is_told_at_its_place(pair: str, track: str, compare: Compare) -> None:
    result = compare(pair, track)
    assert not result.passed
    assert WRONG[pair] in result.detail


@pytest.mark.parametrize(("pair", "track"), in_turn(HONEST, order=MOSTLY_QUICKEST))
def test_a_pair_that_is_one_model_raises_no_alarm_and_needs_no_exception(
    pair: str, track: str, compare: Compare
) -> None:
    result = compare(pair, track)
    assert result.passed, result.detail
    assert result.gaps == ()


@pytest.mark.parametrize(("pair", "track"), in_turn(EXCEPTED))
def test_a_pair_that_differs_for_masks_of_another_form_says_so(pair: str, track: str, compare: Compare) -> None:
    result = compare(pair, track)
    assert result.passed, result.detail
    assert [gap.kind for gap in result.gaps] == [GapKind.MASK] * len(result.gaps)
    assert any(EXCEPTED[pair] in gap.detail for gap in result.gaps)


@pytest.mark.parametrize("track", ["keras:torch"])
def test_a_number_that_hides_scores_up_to_its_own_size_is_an_exception(track: str, compare: Compare) -> None:
    result = compare("HIDDEN_1E9", track)
    assert result.passed, result.detail
    (gap,) = result.gaps
    assert (gap.kind, gap.where) == (GapKind.EXTREME, "last")
    assert "beyond 1e8" in gap.detail


def test_a_size_that_a_model_keeps_is_put_back_and_told(compare: Compare) -> None:
    result = compare("KEEPS_THE_SHORTEST", "keras:torch")
    assert result.passed, result.detail
    (gap,) = result.gaps
    assert gap.kind is GapKind.KEPT
    assert "change torch's model for good: window of" in gap.detail


# === Without a framework ===

ROWS = 4


def call(path: str, given: np.ndarray, gave: np.ndarray) -> Call:
    values = [digest(np.asarray(array, float), ROWS) for array in (given, gave)]
    return Call(path, "Dense", [values[0]], [values[1]], 0)


def ran(value: np.ndarray, output: np.ndarray, replaced: Sequence[str] = ("a",), **changes: object) -> Pass:
    calls = [call("a", np.ones((ROWS, 3)), value), call("b", value, output)]
    texts = [f"of kind {number}" for number in range(ROWS)]
    made = Pass(texts, np.ones(ROWS), np.ones(ROWS, bool), calls, [calls[-1].outputs[0]], list(replaced))
    return replace(made, **changes)


def side(wide: Pass, single: Pass | None = None, ordinary: Pass | None = None) -> Passes:
    """Return a side that is ordinary, and does `wide` on wide values, in float32 as `single`."""
    values = np.arange(3 * ROWS, dtype=float).reshape(ROWS, 3)
    return Passes(
        {"ordinary": ordinary or ran(values, 2 * values), "wide values": wide},
        {"wide values": single} if single else {},
    )


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, 50))


def test_equal_passes_pass(values: np.ndarray) -> None:
    result = compare_passes(side(ran(values, values)), side(ran(values, values)))
    assert (result.passed, result.difference, result.gaps) == (True, 0.0, ())


def test_a_single_value_of_many_that_differs_is_found_in_its_row() -> None:
    values = np.random.default_rng(0).normal(size=(ROWS, 100_000))
    other = values.copy()
    other[2, 77_777] += 1e-6
    result = compare_passes(side(ran(values, values)), side(ran(values, other)))
    assert (result.passed, result.where) == (False, "b")
    assert result.detail.startswith("layer 'b' (Dense against Dense) differs by")
    assert result.detail.endswith("on values of kind 2")


def test_a_small_row_is_not_drowned_by_a_large_one(values: np.ndarray) -> None:
    sizes = np.array([[1e6], [1.0], [1e-6], [1.0]])
    other = (values * sizes) * np.array([[1], [1], [1 + 1e-6], [1]])
    assert not compare_passes(side(ran(values, values * sizes)), side(ran(values, other))).passed


def test_what_comes_in_otherwise_is_made_between_two_layers(values: np.ndarray) -> None:
    result = compare_passes(side(ran(values, values)), side(ran(values + 1, values)))
    assert (result.passed, result.place) == (False, FailurePlace.LAYER)
    other = ran(values, values)
    other.calls[1] = call("b", values + 1, values)
    result = compare_passes(side(ran(values, values)), side(other))
    assert (result.passed, result.place) == (False, FailurePlace.OUTPUTS)
    assert result.detail.startswith("between 'a' and 'b'")


@pytest.mark.parametrize(("off", "passes"), [(1e-3, True), (1e-5, False), (None, False)])
def test_rounding_is_what_float32_is_off_by(values: np.ndarray, off: float | None, passes: bool) -> None:
    single = None if off is None else ran(values, values * (1 + off))
    other = ran(values, values * (1 + 1e-11))
    assert compare_passes(side(ran(values, values), single), side(other, single)).passed is passes


def test_however_far_float32_is_off_no_difference_of_mathematics_hides(values: np.ndarray) -> None:
    garbage = ran(values, 1e30 * values)
    other = ran(values, values * (1 + 1e-7))
    assert not compare_passes(side(ran(values, values), garbage), side(other, garbage)).passed


@pytest.mark.parametrize(("by", "in_doubt"), [(1e-13, False), (1e-11, True), (1e-3, True), (0.1, False)])
def test_only_what_may_be_rounding_leaves_a_doubt_until_it_was_looked_at(
    values: np.ndarray, by: float, in_doubt: bool
) -> None:
    own, other = ran(values, values), ran(values, values * (1 + by))
    assert compare_passes(side(own), side(other)).in_doubt is in_doubt
    assert compare_passes(side(own, own), side(other, other)).in_doubt is in_doubt, "float32 shows nothing"
    assert not compare_passes(*(at_random(values, values * (1 + each), 1e-16) for each in (0, by))).in_doubt


def at_random(values: np.ndarray, output: np.ndarray, by: float) -> Passes:
    """Return a side whose last layer rounding at random moves by that share on wide values, and float32 does not."""
    own, moved = ran(values, output), ran(values, output * (1 + by))
    runs = {rounded("wide values", draw): moved for draw in range(ROUNDINGS)}
    return Passes(side(own).float64, side(own, own).float32, runs)


@pytest.mark.parametrize(("off", "by", "passes"), [(1e-5, 1e-6, True), (1e-5, 1e-7, False), (0.1, 0.1, False)])
def test_what_rounding_at_random_moves_is_allowed_for_and_told(
    values: np.ndarray, off: float, by: float, passes: bool
) -> None:
    result = compare_passes(at_random(values, values, by), at_random(values, values * (1 + off), by))
    assert result.passed is passes
    assert [gap.kind for gap in result.gaps] == [GapKind.ROUNDING] * passes


def test_a_value_that_is_no_partner_but_for_rounding_leaves_a_doubt(values: np.ndarray) -> None:
    wide, one, other = ran(values, values), ran(values, values), ran(values, values * (1 + 1e-11))
    found = compare_passes(side(wide, ordinary=one), side(wide, ordinary=other))
    assert found.doubts == {"ordinary", "wide values"}, "what is one on both sides may be found otherwise"


def test_every_pass_that_may_be_rounding_is_named_also_behind_the_first(values: np.ndarray) -> None:
    off, equal = ran(values, values * (1 + 1e-11)), ran(values, values)
    names = ["ordinary", "wide inputs", "second call", "wide values"]
    one = Passes(dict.fromkeys(names, equal), {})
    other = Passes(dict(zip(names, [equal, off, equal, off], strict=True)), {})
    assert compare_passes(one, other).doubts == {"wide inputs", "wide values"}


def test_a_doubt_in_training_mode_is_one_in_all_passes_in_that_mode(values: np.ndarray) -> None:
    off, equal = ran(values, values * (1 + 1e-11)), ran(values, values)
    names = ["ordinary", "training mode", "wide values in training mode"]
    one = Passes(dict.fromkeys(names, equal), {})
    other = Passes(dict(zip(names, [equal, off, equal], strict=True)), {})
    assert compare_passes(one, other).doubts == set(names[1:])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_where_float32_is_not_finite_the_plain_limit_holds(values: np.ndarray, bad: float) -> None:
    overflown = ran(values, np.full_like(values, bad))
    other = ran(values, values * (1 + 1e-11))
    assert not compare_passes(side(ran(values, values), overflown), side(other, overflown)).passed


def test_nan_is_equal_at_the_same_places_only(values: np.ndarray) -> None:
    left, right = values.copy(), values.copy()
    left[1, 7] = right[1, 7] = np.nan
    assert compare_passes(side(ran(values, left)), side(ran(values, right))).passed
    right[1, 8] = np.nan
    result = compare_passes(side(ran(values, left)), side(ran(values, right)))
    assert not result.passed
    assert "has NaN or infinity on one side on values of kind 1" in result.detail


def test_infinities_of_other_signs_differ(values: np.ndarray) -> None:
    left, right = values.copy(), values.copy()
    left[0, 0], right[0, 0] = np.inf, -np.inf
    assert not compare_passes(side(ran(values, left)), side(ran(values, right))).passed


@pytest.mark.parametrize(("row", "passes"), [(0, True), (1, False)])
def test_what_is_hidden_counts_where_nothing_is(row: int, passes: bool, values: np.ndarray) -> None:
    """Layer b gives anything for masked steps: it is equal only where nothing is hidden, as in row 1."""
    plain = np.arange(3 * ROWS, dtype=float).reshape(ROWS, 3)
    whole, other = np.arange(ROWS) == 1, values.copy()
    other[row] = 7.0
    torch, keras = (
        side(ran(values, value, whole=whole), ordinary=ran(plain, ordinary))
        for value, ordinary in ((values, plain), (other, plain + 1))
    )
    for passes_of_side in (torch, keras):
        passes_of_side.float64 = {**passes_of_side.float64, "nothing hidden": ran(plain, plain)}
    for name in ("ordinary", "wide values"):  # the model's outputs are equal: nothing that is hidden comes so far
        keras.float64[name].outputs[:] = torch.float64[name].outputs
    assert compare_passes(torch, keras).passed is passes


def test_a_replaced_value_that_is_not_the_same_thing_is_an_exception_and_no_failure(values: np.ndarray) -> None:
    plain = np.arange(3 * ROWS, dtype=float).reshape(ROWS, 3)
    ordinary = ran(plain + 1, 2 * plain)
    result = compare_passes(side(ran(values, values)), side(ran(values, values + 1), ordinary=ordinary))
    assert result.passed
    assert {(gap.kind, gap.where) for gap in result.gaps} >= {(GapKind.PARTNER, "a")}


@pytest.mark.parametrize(("off", "passes"), [(0.0, True), (1.0, False)])
def test_a_value_that_is_one_in_inference_only_is_an_exception_where_the_outputs_agree(
    off: float, passes: bool, values: np.ndarray
) -> None:
    """What ReLU is given with a dropout before it is another thing than with one behind it, in training only."""
    torch, keras = side(ran(values, values)), side(ran(values, values))
    other = ran(values + 1, values + off)
    other.calls[1].inputs[:] = other.calls[0].outputs
    torch.float64, keras.float64 = (
        {**one.float64, "training mode": mode, "wide values in training mode": mode}
        for one, mode in ((torch, ran(values, values)), (keras, other))
    )
    result = compare_passes(torch, keras)
    assert result.passed is passes
    if passes:
        assert [(gap.kind, gap.where) for gap in result.gaps] == [(GapKind.PARTNER, "a"), (GapKind.PARTNER, "b")]


def test_a_size_that_one_side_refuses_is_an_exception(values: np.ndarray) -> None:
    torch, keras = side(ran(values, values)), side(ran(values, values))
    torch.float64 = {**torch.float64, "batch size 1": Pass(error="RuntimeError: no")}
    keras.float64 = {**keras.float64, "batch size 1": ran(values, values)}
    (gap,) = compare_passes(torch, keras).gaps
    assert (gap.where, gap.detail) == ("batch size 1", "Keras takes it and torch does not (RuntimeError: no)")


def test_a_size_that_keras_states_to_be_another_is_none(values: np.ndarray) -> None:
    torch, keras = side(ran(values, values)), side(ran(values, values))
    torch.float64 = {**torch.float64, "an axis of 7 in place of 6": ran(values, values)}
    keras.float64 = {**keras.float64, "an axis of 7 in place of 6": Pass(error=NOT_ALLOWED)}
    assert compare_passes(torch, keras).gaps == ()


def test_layers_with_weights_are_replaced_by_one_rule_on_both_sides() -> None:
    weights = {
        "dense.kernel", "dense.bias", "norm.gamma", "lstm.recurrent_kernel", "lstm.kernel",
        *(f"attention.{part}.kernel" for part in ("query", "key", "value", "attention_output")), "scale",
    }  # fmt: skip
    assert points(weights) == {"dense", "norm", "attention"}


def test_a_row_is_the_same_in_every_process_and_batch() -> None:
    alone = wide.rows("dense", [6], (5,))
    np.testing.assert_array_equal(wide.rows("dense", [6, 3, 1], (5,))[0], alone[0])
    np.testing.assert_array_equal(wide.rows("dense", [6], (5, 1))[0, :, 0], alone[0])
    assert not np.array_equal(wide.rows("other", [6], (5,)), alone)


def test_rows_are_of_every_size_and_kind() -> None:
    drawn = wide.rows("dense", range(len(wide.KINDS)), (100,))
    sizes = np.abs(drawn).max(1)
    assert (sizes == 0).sum() == 1
    assert 0 < sizes[sizes > 0].min() < 1e-7
    assert sizes.max() > 1e6
    assert any((row > 0).all() for row in drawn)
    assert any((row < 0).all() for row in drawn)


def test_tokens_reach_first_and_last_and_masks_hide_all_but_one() -> None:
    specs = {"tokens": Input((6,), kind="tokens", size=500), "mask": Input((6,), kind="mask")}
    drawn = wide.inputs(specs, wide.ALL)
    assert {0, 1, 499} <= set(drawn["tokens"].ravel())
    assert drawn["tokens"].max() == 499
    kept = drawn["mask"].sum(1)
    assert (kept.min(), kept.max()) == (1, 6)
    assert drawn["mask"][:, 0].all(), "what is there stands in front"


def test_a_row_of_no_token_but_0_stands_apart() -> None:
    specs = {"tokens": Input((6,), kind="tokens", size=500), "values": Input((3,))}
    assert wide.inputs(specs, wide.ALL)["tokens"].any(1).all()
    empty = wide.empty(specs, 4)
    assert not empty["tokens"].any()
    assert empty["values"].all()


def test_open_axes_of_one_size_are_opened_together() -> None:
    specs = {"values": Input((6, 4)), "mask": Input((6,), kind="mask")}
    drawn = wide.inputs(specs, [0, 0], {6: 9})
    assert (drawn["values"].shape, drawn["mask"].shape) == ((2, 9, 4), (2, 9))
