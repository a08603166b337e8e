"""Counting choices, and what bounds prove, without a framework: against NumPy, and values drawn within bounds."""

from itertools import product
from math import inf

import numpy as np
import pytest

from twotrack.shared.pieces import bounds
from twotrack.shared.pieces.bounds import Bounds
from twotrack.shared.pieces.choice import LONGEST_LISTED, Choice, Window, count, margins
from twotrack.shared.pieces.count import PieceKind, merged, missing_in_words
from twotrack.shared.pieces.recorder import Piece, Recorder
from twotrack.shared.pieces.watch import GIVEN, Operand, Watch

GENERATOR = np.random.default_rng(0)


def interval(values: list[float], *thresholds: float) -> Choice:
    return Choice(PieceKind.INTERVAL, "clamp", np.array(values), thresholds)


def test_a_value_on_a_threshold_is_in_no_piece() -> None:
    assert count(interval([-2, 0, 0, 1, 6, 7, 8], 0.0, 6.0)).counts.tolist() == [1, 1, 2]


def test_margins_are_positive_just_where_a_value_is_counted() -> None:
    choice = interval(GENERATOR.normal(size=50).tolist(), -0.5, 0.2)
    found = count(choice).counts

    assert [int((margins(choice, piece) > 0).sum()) for piece in range(3)] == found.tolist()


def pooled_by_loop(values: np.ndarray, size: int, stride: int) -> list[int]:
    """Count which place of each window has the largest value, one window after the other."""
    wins = [0] * size**2
    for top, left in product(
        range(0, values.shape[1] - size + 1, stride), range(0, values.shape[2] - size + 1, stride)
    ):
        windows = values[:, top : top + size, left : left + size]
        for image, channel in product(range(len(values)), range(values.shape[3])):
            wins[int(windows[image, :, :, channel].argmax())] += 1
    return wins


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_winners_of_windows_are_those_of_a_loop(size: int, stride: int) -> None:
    values = GENERATOR.normal(size=(2, 7, 8, 3))
    window = Window((1, size, size, 1), (1, stride, stride, 1), (0,) * 4, (0,) * 4, (1,) * 4)
    choice = Choice(PieceKind.WINNER, "max pooling", values, window=window)

    assert count(choice).counts.tolist() == pooled_by_loop(values, size, stride)
    assert [int((margins(choice, place) > 0).sum()) for place in range(size**2)] == count(choice).counts.tolist()


def test_what_wins_together_with_another_is_counted_for_neither() -> None:
    window = Window.over_axes((2, 3), (1,))
    assert count(
        Choice(PieceKind.WINNER, "max", np.array([[1.0, 1, 0], [0, 0, 2]]), window=window)
    ).counts.tolist() == [0, 0, 1]


def test_of_a_long_axis_first_last_and_between_are_told_apart() -> None:
    size = LONGEST_LISTED + 4
    rows = np.eye(size)[[0, 3, 5, size - 1]]
    window = Window.over_axes(rows.shape, (-1,))
    assert count(Choice(PieceKind.WINNER, "max", rows, window=window)).counts.tolist() == [1, 2, 1]


def test_padding_never_wins() -> None:
    window = Window((1, 3), (1, 1), (0, 1), (0, 1), (1, 1))
    found = count(Choice(PieceKind.WINNER, "max pooling", np.array([[-5.0, -7, -9]]), window=window)).counts
    assert found.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (bounds.add, np.add),
        (bounds.subtract, np.subtract),
        (bounds.multiply, np.multiply),
        (bounds.divide, np.divide),
        (bounds.maximum, np.maximum),
        (bounds.minimum, np.minimum),
    ],
)
def test_no_value_drawn_within_bounds_leaves_those_of_the_result(function, expected) -> None:
    for low_a, low_b in product((-3.0, -0.5, 0.0, 2.0), (-4.0, 0.5, 1.0)):
        a, b = Bounds(low_a, low_a + 2.5), Bounds(low_b, low_b + 3.0)
        drawn = expected(GENERATOR.uniform(*a, 500), GENERATOR.uniform(*b, 500))
        result = function(a, b)
        assert result.low <= drawn.min()
        assert drawn.max() <= result.high


@pytest.mark.parametrize(("function", "expected"), [(bounds.square, np.square), (bounds.absolute, np.abs)])
def test_square_and_absolute_value_stay_within_their_bounds(function, expected) -> None:
    for limits in (Bounds(-3, -1), Bounds(-2, 5), Bounds(1, 4)):
        drawn = expected(GENERATOR.uniform(*limits, 500))
        assert function(limits).low <= drawn.min()
        assert drawn.max() <= function(limits).high


def test_unknown_bounds_stay_unknown_whatever_is_done() -> None:
    unknown = Bounds()
    assert bounds.multiply(unknown, Bounds(0.0, 0.0)) == Bounds(0.0, 0.0)
    assert bounds.divide(Bounds(1, 2), Bounds(-1, 1)) == unknown
    assert bounds.add(unknown, Bounds(1, 2)) == unknown


# === The watch ===


class Model:
    """Runs operations in NumPy under a watch, as a counter of a framework does."""

    def __init__(self, *watched: Piece) -> None:
        self.recorder = Recorder(*watched)
        self.watch = Watch(self.recorder.tell)

    def given(self, values: np.ndarray) -> Operand:
        return Operand(values, GIVEN)

    def run(self, operation: str, result: np.ndarray, *operands: Operand, **settings) -> Operand:
        return Operand(result, self.watch.see(operation, operands, settings))


def constant(value: float) -> Operand:
    return Operand(np.array(value))


def test_a_relu_behind_a_sigmoid_cannot_be_negative() -> None:
    model, x = Model(), GENERATOR.normal(size=20)
    y = model.run("sigmoid", 1 / (1 + np.exp(-x)), model.given(x))
    model.run("relu", y.given, y)

    (found,) = model.recorder.run.counts
    assert found.counts.tolist() == [0, 20]
    assert found.possible.tolist() == [False, True]
    assert found.unreached == []


def test_a_piece_that_can_be_reached_and_was_not_is_named_with_what_was_seen() -> None:
    model, x = Model(), np.linspace(-1, 2, 4)
    model.run("relu6", x, model.given(x))

    (found,) = model.recorder.run.counts
    assert found.unreached == [2]
    assert missing_in_words(found) == "was given nothing above 6"


def test_what_does_not_vary_with_inputs_has_no_pieces() -> None:
    model = Model()
    model.run("relu", np.ones(3), constant(1.0))
    assert model.recorder.run.counts == []


def test_a_condition_made_of_comparisons_has_the_smaller_of_their_margins() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    model = Model(Piece(Model().recorder.next_place("where"), 1))
    above = model.run("gt", x > 0.5, model.given(x), constant(0.5))
    below = model.run("lt", x < 2.5, model.given(x), constant(2.5))
    both = model.run("and", above.given & below.given, above, below)
    model.run("where", x, both, model.given(x), constant(0.0))

    (found,) = [each for each in model.recorder.run.counts if each.kind is PieceKind.CONDITION]
    assert found.counts.tolist() == [2, 2]
    (seen,) = model.recorder.run.margins
    assert seen.tolist() == [-0.5, 0.5, 0.5, -0.5]


def test_a_value_that_a_comparison_let_through_has_its_bounds() -> None:
    model, x = Model(), GENERATOR.normal(size=9)
    value = model.given(x)
    above = model.run("gt", x > 1, value, constant(1.0))
    chosen = model.run("where", np.where(x > 1, x, 0), above, value, constant(0.0))

    assert chosen.bounds == Bounds(0.0, inf)


def test_a_comparison_says_nothing_about_another_value_of_that_shape() -> None:
    model, x = Model(), GENERATOR.normal(size=9)
    above = model.run("gt", x > 1, model.given(x), constant(1.0))
    chosen = model.run("where", np.where(x > 1, x, 0), above, model.given(x + 1), constant(0.0))

    assert chosen.bounds == Bounds()


def test_counts_of_two_runs_are_one_and_bounds_hold_for_both() -> None:
    first, second = Model(), Model()
    x = np.array([1.0, 2.0])
    y = first.run("sigmoid", x / 4, first.given(x))
    first.run("relu", y.given, y)
    second.run("relu", -x, second.given(-x))

    (found,) = merged([*first.recorder.run.counts, *second.recorder.run.counts])
    assert found.counts.tolist() == [2, 2]
    assert (found.low, found.high) == (-inf, inf)


def test_places_are_told_apart_by_layer_layer_before_and_number() -> None:
    recorder = Recorder()
    with recorder.inside("block"):
        recorder.tell(interval([1.0], 0.0))
        with recorder.inside("block.dense"):
            recorder.tell(interval([1.0], 0.0))
        recorder.tell(interval([1.0], 0.0))
        recorder.tell(interval([1.0], 0.0))
    recorder.tell(interval([1.0], 0.0))

    assert [tuple(found.place) for found in recorder.run.counts] == [
        ("block", "", "clamp", 1),
        ("block.dense", "", "clamp", 1),
        ("block", "block.dense", "clamp", 1),
        ("block", "block.dense", "clamp", 2),
        ("", "block", "clamp", 1),
    ]
