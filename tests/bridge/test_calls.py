"""What is found of a call's axes, with NumPy's functions in the place of a framework's."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twotrack.shared.axes.calls import Call, Given
from twotrack.shared.axes.factors import BATCH, CHANNEL, PLACE, Factor
from twotrack.shared.axes.follow import follow, settle_weights
from twotrack.shared.axes.values import CANONICAL, Orientation, Value, fresh

generator = np.random.default_rng(0)


def image(channels: int = 3, height: int = 4, width: int = 5) -> tuple[np.ndarray, Value]:
    """Return an image, channels first, of a batch of two."""
    axes = (Factor(2, BATCH), Factor(channels, CHANNEL), Factor(height, PLACE), Factor(width, PLACE))
    return generator.normal(size=(2, channels, height, width)), Value(axes, Orientation(displaced=True))


def made(function: Callable, *given_: tuple[np.ndarray, Value | None], axis: int | None = None):
    """Call a function on arrays of which something is known; return the result, what is known of it, and the use."""

    def again(replaced):
        return [function(*[replaced.get(number, array) for number, (array, _) in enumerate(given_)])]

    result = function(*[array for array, _ in given_])
    (value,), use = follow(Call([Given(*each) for each in given_], [result], again, axis))
    return result, value, use


def canonical(array: np.ndarray, value: Value) -> np.ndarray:
    arrangement = value.rearrangement()
    return array if arrangement is None else arrangement.to_canonical(array)


MOVES = {
    "slice": (lambda x: x[:, :, 1:, ::2], lambda x: x[:, 1:, ::2]),
    "flip": (lambda x: x[:, ::-1], lambda x: x[..., ::-1]),
    "roll": (lambda x: np.roll(x, 2, 3), lambda x: np.roll(x, 2, 2)),
    "pad": (
        lambda x: np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0))),
        lambda x: np.pad(x, ((0, 0), (0, 2), (0, 0), (1, 0))),
    ),
    "repeat": (lambda x: x.repeat(2, 2), lambda x: x.repeat(2, 1)),
    "flatten": (lambda x: x.reshape(2, -1), lambda x: x.reshape(2, -1)),
    "columns": (
        lambda x: x.transpose(0, 3, 1, 2).reshape(2, 5, -1),
        lambda x: x.transpose(0, 2, 1, 3).reshape(2, 5, -1),
    ),
    "places": (lambda x: x.reshape(2, 3, -1), lambda x: x.reshape(2, -1, 3)),
    "one row": (lambda x: x[:, :, 1], lambda x: x[:, 1]),
    "one channel": (lambda x: x[:, 1:2], lambda x: x[..., 1:2]),
    "joined": (lambda x: np.concatenate([x, -x[:, :2]], 1), lambda x: np.concatenate([x, -x[..., :2]], -1)),
    "softmax": (
        lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
        lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    ),
    "mean": (lambda x: x.mean((2, 3)), lambda x: x.mean((1, 2))),
    "mean channel": (lambda x: x.mean(1, keepdims=True), lambda x: x.mean(-1, keepdims=True)),
    "windows": (lambda x: x[:, :, 1:] + x[:, :, :-1], lambda x: x[:, 1:] + x[:, :-1]),
    "gram": (lambda x: np.einsum("bchw,bdhw->bcd", x, x), lambda x: np.einsum("bhwc,bhwd->bcd", x, x)),
    "where": (lambda x: np.where(x > 0, x, 0.0), lambda x: np.where(x > 0, x, 0.0)),
    "sorted": (lambda x: np.sort(x, 3), lambda x: np.sort(x, 2)),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_result_in_canonical_order_is_that_of_the_same_function_channels_last(name):
    first, last = MOVES[name]
    x, value = image()
    result, known, _ = made(first, (x, value))
    np.testing.assert_allclose(canonical(result, known), last(x.transpose(0, 2, 3, 1)), rtol=1e-13)


@given(st.lists(st.integers(1, 4), min_size=3, max_size=3), st.integers(1, 4))
def test_features_of_several_images_and_a_table_are_counted_channels_last(size, more):
    (x, a), (y, b) = image(*size), image(more, *size[1:])
    table = generator.normal(size=(2, 3))

    def join(x, y, table):
        return np.concatenate([x.reshape(2, -1), table, y.reshape(2, -1)], 1)

    result, known, _ = made(join, (x, a), (y, b), (table, Value((Factor(2, BATCH), Factor(3)), CANONICAL)))
    expected = join(x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1), table)
    np.testing.assert_array_equal(canonical(result, known), expected)


def test_a_call_that_cuts_across_channels_leaves_the_order_as_it_is():
    x, value = image(4, 4, 6)
    result, known, _ = made(lambda x: x.reshape(2, 6, 16), (x, value))
    np.testing.assert_array_equal(canonical(result, known), result)


def test_a_sorted_axis_has_no_order_of_its_own():
    x, value = image()
    flat, known, _ = made(lambda x: x.reshape(2, -1), (x, value))
    assert known.axes[1].order() is not None
    assert made(np.sort, (flat, known))[1].axes[1].order() is None


def test_the_inputs_of_a_matrix_are_found_among_its_axes():
    x, value = image(2, 2, 3)
    flat, known, _ = made(lambda x: x.reshape(2, -1), (x, value))
    matrix, own = generator.normal(size=(12, 12)), fresh((12, 12), is_weight=True)
    _, _, use = made(lambda x, w: x @ w.T, (flat, known), (matrix, own))
    settle_weights([use])
    order = own.axes[1].order()
    assert own.axes[0].order() is None
    np.testing.assert_array_equal(order, np.arange(12).reshape(2, 6).T.ravel())


def test_the_outputs_of_a_matrix_are_found_where_they_become_an_image():
    x, known = generator.normal(size=(2, 5)), Value((Factor(2, BATCH), Factor(5)), CANONICAL)
    matrix, own = generator.normal(size=(12, 5)), fresh((12, 5), is_weight=True)
    flat, made_, use = made(lambda x, w: x @ w.T, (x, known), (matrix, own))
    picture, shaped, _ = made(lambda x: x.reshape(2, 2, 2, 3), (flat, made_))
    made(lambda x: x[:, :, 1:] + x[:, :, :-1], (picture, shaped), axis=1)
    settle_weights([use])
    np.testing.assert_array_equal(own.axes[0].order(), np.arange(12).reshape(2, 6).T.ravel())
    np.testing.assert_array_equal(canonical(picture, shaped), picture.transpose(0, 2, 3, 1))


def test_a_value_that_was_moved_by_hand_stands_as_what_needs_its_channels_first_takes_it():
    steps = generator.normal(size=(2, 4, 3)), Value((Factor(2, BATCH), Factor(4), Factor(3)), CANONICAL)
    moved, known, _ = made(lambda x: x.transpose(0, 2, 1), steps)
    assert known.rearrangement() is None  # attention moves its heads so, and Keras does too
    made(lambda x: x[:, :, 1:] + x[:, :, :-1], (moved, known), axis=1)
    np.testing.assert_array_equal(canonical(moved, known), steps[0])
