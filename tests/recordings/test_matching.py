"""Weights of two recordings are paired by name, by equal values whatever their axes, and fused ones by their parts."""

import numpy as np
import pytest

from tests.recordings.made import Network
from twotrack.shared.recordings.matching import Match, fingerprint, match
from twotrack.shared.recordings.renaming import read_renames, renamed
from twotrack.shared.recordings.ways import ByValue, Same

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)
Arrays = dict[str, np.ndarray]


def drawn(**shapes: tuple[int, ...]) -> Arrays:
    generator = np.random.default_rng(0)
    return {name.replace("__", "."): generator.normal(size=shape) for name, shape in shapes.items()}


def pairs(found: Match) -> set[tuple[str, str]]:
    return {("+".join(pair.one), "+".join(pair.other)) for pair in found.pairs}


@pytest.mark.parametrize("kind", [DOUBLE, SINGLE])
def test_a_fingerprint_is_blind_to_order_and_to_nothing_else(kind: np.dtype):
    values = np.random.default_rng(0).normal(size=(30, 20)).astype(kind)
    changed = values.copy()
    changed[3, 4] = np.nextafter(changed[3, 4], kind.type(9))
    swapped = values.copy()
    swapped[0, 0], swapped[0, 1] = values[0, 0] + values[0, 1], 0  # the same sum

    assert fingerprint(values, kind) == fingerprint(values.T[::-1], kind)
    assert fingerprint(values, kind) != fingerprint(changed, kind)
    assert fingerprint(values, kind) != fingerprint(swapped, kind)
    assert fingerprint(np.array([0.0, 1.0]), kind) == fingerprint(np.array([1.0, -0.0]), kind)


@pytest.mark.parametrize(
    ("shape", "own"),
    [
        ((6, 4), lambda a: a.T),
        ((3, 3, 2, 5), lambda a: a.transpose(3, 2, 0, 1)),
        ((6, 2, 3), lambda a: a.reshape(6, 6).T),
        ((2, 3, 6), lambda a: a.reshape(6, 6).T),
        ((4, 1, 5), lambda a: a[:, 0]),
    ],
    ids=["dense", "convolution", "heads", "merged heads", "squeezed"],
)
def test_a_weight_of_other_axes_is_found_and_what_belongs_to_it_follows(shape: tuple[int, ...], own):
    generator = np.random.default_rng(0)
    keras, gradient = generator.normal(size=shape), generator.normal(size=shape)
    (pair,) = match({"a.weight": own(keras)}, {"b.kernel": keras}, DOUBLE).pairs
    one, other = pair.way.together([own(gradient)], [gradient])

    assert not isinstance(pair.way, ByValue)
    np.testing.assert_array_equal(one, other)


def test_random_names_are_no_obstacle():
    keras, torch = Network("keras").weights(), Network("torch").own(Network().weights())
    words = dict(zip(["w.q", "x.r", "y.s"], torch.values(), strict=True))

    assert pairs(match(words, keras, DOUBLE)) == {
        ("w.q", "first.kernel"),
        ("x.r", "first.bias"),
        ("y.s", "second.kernel"),
    }


@pytest.mark.parametrize("interleaved", [False, True])
def test_a_fused_weight_is_found_by_its_parts_on_either_side(interleaved: bool):
    parts = drawn(attention__query=(6, 2, 3), attention__key=(6, 2, 3), attention__value=(6, 2, 3))
    stacked = np.stack([part.reshape(6, 6).T.reshape(2, 3, 6) for part in parts.values()], 1 if interleaved else 0)
    fused = {"block.c_attn": stacked.reshape(18, 6)}
    for one, other in ((fused, parts), (parts, fused)):
        (pair,) = match(one, other, DOUBLE).pairs
        moved = [{name: array * 2 + 1 for name, array in side.items()} for side in (one, other)]
        first, second = pair.way.together(*(list(side.values()) for side in moved))

        assert pair.name == "block.c_attn"
        np.testing.assert_array_equal(first, second)


def test_a_fused_weight_with_one_wrong_number_stays_alone():
    parts = drawn(query=(6, 6), key=(6, 6), value=(6, 6))
    fused = np.concatenate(list(parts.values()))
    fused[7, 3] += 1e-12
    found = match({"qkv": fused}, parts, DOUBLE)

    assert found.pairs == []
    assert found.only_one == ["qkv"]


def test_equal_values_are_told_apart_by_their_layers():
    kernels = drawn(a__kernel=(4, 4), b__kernel=(4, 4))
    one = {
        "a.kernel": kernels["a.kernel"],
        "a.bias": np.zeros(4),
        "b.kernel": kernels["b.kernel"],
        "b.bias": np.zeros(4),
    }
    other = {"y.weight": kernels["b.kernel"].T, "y.bias": np.zeros(4), "x.weight": kernels["a.kernel"].T} | {
        "x.bias": np.zeros(4)
    }
    found = match(one, other, DOUBLE)

    assert pairs(found) >= {("a.bias", "x.bias"), ("b.bias", "y.bias")}
    assert found.ambiguous == []


def test_what_nothing_tells_apart_is_called_ambiguous():
    new = {"gamma": np.ones(4), "beta": np.zeros(4), "moving_mean": np.zeros(4), "moving_variance": np.ones(4)}
    torch_names = ("weight", "bias", "running_mean", "running_var")
    one = {f"norm.{name}": array for name, array in new.items()}
    other = {f"bn.{name}": array for name, array in zip(torch_names, new.values(), strict=True)}
    found = match(one, other, DOUBLE)

    assert pairs(found) == {(f"norm.{name}", f"bn.{own}") for name, own in zip(new, torch_names, strict=True)}
    assert len(found.ambiguous) == 4


def test_names_count_before_order_where_values_are_equal():
    one = {"a.kernel": np.zeros((2, 2)), "b.kernel": np.zeros((2, 2))}
    found = match(one, dict(reversed(one.items())), DOUBLE)

    assert pairs(found) == {("a.kernel", "a.kernel"), ("b.kernel", "b.kernel")}
    assert found.ambiguous == []


def test_names_that_are_swapped_do_not_hide_values():
    one = drawn(a=(4, 4), b=(4, 4))

    assert pairs(match(one, {"a": one["b"], "b": one["a"]}, DOUBLE)) == {("a", "b"), ("b", "a")}


def test_two_biases_of_a_recurrent_layer_are_their_sum():
    biases = drawn(lstm__bias_ih_l0=(8,), lstm__bias_hh_l0=(8,))
    total = {"rnn.bias": biases["lstm.bias_ih_l0"] + biases["lstm.bias_hh_l0"]}
    for one, other in ((biases, total), (total, biases)):
        (pair,) = match(one, other, DOUBLE).pairs
        sums = pair.way.together(list(one.values()), list(other.values()))
        gradients = pair.way.gradients([np.ones(8)] * len(one), [np.ones(8)] * len(other))

        assert pair.name == "rnn.bias"
        np.testing.assert_array_equal(*sums)
        np.testing.assert_array_equal(*gradients)


def test_a_table_of_positions_needs_no_counterpart():
    found = match({"position_ids": np.arange(9), "a": np.ones(2)}, {"a": np.ones(2)}, DOUBLE)

    assert (found.only_one, found.only_other) == ([], [])


def test_a_weight_that_was_rounded_to_float32_is_the_same():
    one = drawn(a=(4, 4))
    rounded = {"x": one["a"].T.astype(np.float32)}

    assert pairs(match(one, rounded, SINGLE)) == {("a", "x")}
    assert match(one, rounded, DOUBLE).pairs == []


def test_one_name_and_other_values_are_paired_and_called_different():
    one, other = drawn(a=(4, 4)), {"a": np.random.default_rng(1).normal(size=(4, 4))}
    found = match(one, other, DOUBLE)

    assert [pair.one for pair in found.different] == [("a",)]
    assert isinstance(found.different[0].way, Same)


def test_what_has_no_counterpart_is_named():
    one = drawn(a=(4, 4), b=(3,))
    found = match(one, {"x": one["a"], "y": np.ones(7)}, DOUBLE)

    assert (found.only_one, found.only_other) == (["b"], ["y"])


def test_sorted_by_value_equal_numbers_stand_for_each_other():
    start, numbers = np.array([2.0, 1.0, 1.0, 3.0]), np.array([20.0, 10.0, 11.0, 30.0])
    order = [3, 2, 0, 1]
    one, other = ByValue([start], [start[order]]).together([numbers], [numbers[order]])
    wrong = ByValue([start], [start[order]]).together([numbers], [numbers[[3, 2, 1, 0]]])

    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(*wrong)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("encoder.layer.3.attention.query.kernel", "layer_3.att.query.kernel"),
        ("encoder.layer.3", "layer_3"),
        ("encoder.layers.3", "encoder.layers.3"),
        ("head.kernel", "out.kernel"),
        ("header.kernel", "header.kernel"),
    ],
)
def test_patterns_rename_whole_parts_and_the_longest_wins(name: str, expected: str):
    patterns = read_renames(["encoder.layer.{i}=layer_{i}", "encoder.layer.{i}.attention=layer_{i}.att", "head=out"])

    assert renamed(name, patterns) == expected
