"""A layout that is tried is the rule that is written: both make the same array. Signatures do not depend on axes."""

from itertools import permutations

import numpy as np
import pytest

from twotrack.shared.matching import values
from twotrack.shared.matching.signature import Signatures, signature
from twotrack.shared.matching.views import View, layouts, parted, stacked, whole


def _array(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape)


@pytest.mark.parametrize(
    ("own", "target", "first"),
    [
        ((12, 8), (8, 12), "o i -> i o"),
        ((12, 8), (8, 3, 4), "(h d) i -> i h d"),
        ((12, 8), (2, 4, 12), "o (h d) -> h d o"),
        ((6, 3, 5, 4), (5, 4, 3, 6), "o i y x -> y x i o"),
        ((6, 1, 3, 3), (3, 3, 1, 6), "o 1 i y -> i y 1 o"),
        ((1, 17, 4), (17, 4), "1 o i -> o i"),
        ((12,), (3, 4), "(h d) -> h d"),
        ((4,), (1, 1, 4), "o -> 1 1 o"),
    ],
)
def test_layouts_are_rules(own: tuple[int, ...], target: tuple[int, ...], first: str):
    array = _array(*own)
    found = layouts(whole("w", array), target)

    assert first in [laid.rule.layout for laid in found]
    for laid in found:
        np.testing.assert_array_equal(laid.rule.to_canonical([array]), laid.array)
        assert laid.array.shape == target


@pytest.mark.parametrize("heads", [1, 2])
def test_parts_are_rules_whose_parts_make_the_whole(heads: int):
    array = _array(24, 5)
    parts = [layouts(part, (5, 8))[0] for part in parted(whole("w", array), 0, heads, 3)]

    for laid in parts:
        np.testing.assert_array_equal(laid.rule.to_canonical([array]), laid.array)
    assert sorted(np.concatenate([laid.array for laid in parts], axis=None)) == sorted(array.ravel())


@pytest.mark.parametrize("heads", [1, 2])
def test_stacked_weights_are_rules(heads: int):
    arrays = [_array(4, 3), _array(4, 3) + 1]
    view: View = stacked(["a", "b"], arrays)
    found = layouts(view if heads == 1 else view.split(1, (heads, 2)), (3, 8))

    assert found[0].rule.layout == "part o i -> i (part o)" if heads == 1 else "part (h d) i -> i (part h d)"
    for laid in found:
        np.testing.assert_array_equal(laid.rule.to_canonical(arrays), laid.array)


def test_rows_are_rules():
    array = _array(10, 3)
    (laid,) = layouts(whole("w", array).rows_from(2, 9), (7, 3))

    assert laid.rule.rows == (2, 9)
    np.testing.assert_array_equal(laid.array, array[2:9])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_value_is_known_in_every_order_of_its_axes(order: tuple[int, ...]):
    value = _array(2, 3, 5)
    moved = value.transpose(order)

    assert signature(moved) in Signatures([signature(value)])
    assert values.same(moved, value)
    assert values.same(moved.reshape(-1), value)


def test_a_value_with_one_element_off_is_another():
    value = _array(2, 3, 5)
    other = value.copy()
    other[1, 2, 3] *= 1 + 1e-7

    assert signature(other) not in Signatures([signature(value)])
    assert not values.same(other, value)


def test_equal_numbers_in_an_order_that_no_axes_make_are_no_same_value():
    value = _array(2, 4)
    shuffled = np.random.default_rng(0).permutation(value.ravel()).reshape(2, 4)

    assert signature(shuffled) in Signatures([signature(value)])
    assert not values.same(shuffled, value)


def test_the_places_of_a_depthwise_kernel_keep_their_order_where_no_value_tells_it():
    first = layouts(whole("w", np.arange(45.0).reshape(5, 1, 3, 3)), (3, 3, 1, 5))[0]

    assert str(first.rule) == "w, 'o 1 i y -> i y 1 o'"
