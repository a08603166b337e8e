"""Rules against plain NumPy: what they make, that they undo it, and what they refuse."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twotrack import WeightRule
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.patterns import expanded
from twotrack.shared.weights.correspondence.paths import layer_paths
from twotrack.shared.weights.correspondence.weight_map import WeightMap

SOURCE = np.arange(24 * 5).reshape(24, 5)
BLOCKS = SOURCE.reshape(3, 4, 2, 5)
HEADS = SOURCE.reshape(4, 3, 2, 5)
MADE = {
    "transposed": (WeightRule(("a",), "o i -> i o"), SOURCE.T),
    "query of blocks": (WeightRule(("a",), "(part h d) i -> i h d", {"h": 4}, (0, 3)), BLOCKS[0].transpose(2, 0, 1)),
    "value of heads": (WeightRule(("a",), "(h part d) i -> i h d", {"h": 4}, (2, 3)), HEADS[:, 2].transpose(2, 0, 1)),
    "rows": (WeightRule(("a",), rows=(2, 24)), SOURCE[2:]),
    "rows of a part": (WeightRule(("a",), "(part o) i -> o i", part=(1, 2), rows=(0, 8)), SOURCE[4:8]),
    "new axes": (WeightRule(("a",), "o i -> o 1 i 1"), SOURCE[:, None, :, None]),
    "as it is": (WeightRule(("a",)), SOURCE),
}


@pytest.mark.parametrize("name", MADE)
def test_a_rule_makes_what_numpy_makes_and_gives_back_every_element(name: str) -> None:
    rule, expected = MADE[name]
    made, back = rule.to_canonical([SOURCE]), np.full_like(SOURCE, -1)
    np.testing.assert_array_equal(made, expected)
    assert rule.canonical_shape([SOURCE.shape]) == expected.shape
    rule.scatter(made, [back])
    used = back >= 0
    np.testing.assert_array_equal(back[used], SOURCE[used])
    assert used.sum() == expected.size


def test_several_sources_are_joined_and_parted_again() -> None:
    rule, sources = WeightRule(("gate", "up"), "part o i -> i (part o)"), [SOURCE, SOURCE + 1000]
    made, back = rule.to_canonical(sources), [np.zeros_like(SOURCE), np.zeros_like(SOURCE)]
    np.testing.assert_array_equal(made, np.concatenate(sources).T)
    rule.scatter(made, back)
    np.testing.assert_array_equal(back, sources)


@st.composite
def rules(draw: st.DrawFn) -> tuple[WeightRule, tuple[int, ...]]:
    """Draw a rule of one source, and the source's shape: any grouping of any axes into any others."""
    sizes = {f"x{number}": draw(st.integers(1, 4)) for number in range(draw(st.integers(1, 5)))}
    part = draw(st.sampled_from([None, *sizes]))
    left = _grouped(draw, list(sizes))
    right = _grouped(draw, draw(st.permutations([axis for axis in sizes if axis != part])))
    layout = " -> ".join(" ".join(f"({' '.join(group)})" for group in side) for side in (left, right))
    rule = WeightRule(
        ("a",),
        layout,
        {axis: size for axis, size in sizes.items() if axis != part},
        (draw(st.integers(0, sizes[part] - 1)), sizes[part]) if part else None,
    )
    return rule, tuple(prod(sizes[axis] for axis in group) for group in left)


def _grouped(draw: st.DrawFn, axes: list[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    for axis in axes:
        if groups and draw(st.booleans()):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return groups


@given(rules())
def test_any_rule_gives_back_every_bit_that_it_took_and_touches_no_other(drawn) -> None:
    rule, shape = drawn
    source = np.random.default_rng(0).normal(size=shape)
    made, back = rule.to_canonical([source]), np.full(shape, np.nan)
    rule.scatter(made, [back])
    kept = ~np.isnan(back)
    assert back[kept].tobytes() == source[kept].tobytes()
    assert kept.sum() == made.size == len(np.unique(made))
    if rule.part is None:
        assert rule.from_canonical(made).tobytes() == source.tobytes()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (WeightRule, "has at least one source, or is a constant"),
        (lambda: WeightRule(("a", "a"), "p o -> (p o)"), "named twice"),
        (lambda: WeightRule(("a",), "o i"), "expected a layout such as 'o i -> i o', found 'o i'"),
        (lambda: WeightRule(("a",), "(o i -> i o"), "Imbalanced parentheses"),
        (lambda: WeightRule(("a",), "o i -> i o h"), "axis 'h' stands on the right of '->' only"),
        (lambda: WeightRule(("a",), "o i -> i"), "expected no axis on the left of '->' only, found 'o'"),
        (lambda: WeightRule(("a",), "o i -> i o", part=(0, 3)), "expected the one axis that part fixes"),
        (lambda: WeightRule(("a",), "o ... -> ... o"), "expected a name, or 1, for every axis"),
        (lambda: WeightRule(("a",), "o i -> i o", {"h": 2}), "expected sizes above 0 of axes in the layout"),
        (lambda: WeightRule(("a",), "p o i -> o i", part=(3, 3)), "expected a part of those that there are"),
        (lambda: WeightRule(("a",), rows=(3, 3)), "expected rows from a first to a later one, found [3, 3]"),
        (lambda: WeightRule(("a", "b")), "need a layout"),
        (lambda: WeightRule(("a",), constant=1.0), "a constant is a finite number and has no sources"),
        (lambda: WeightRule(constant=float("nan")), "a constant is a finite number"),
        (lambda: WeightRule(("a",), "(h d) i -> i h d", {"h": 7}).canonical_shape([(24, 5)]), "chunks of 7"),
        (lambda: WeightRule(("a",), "o i -> i o").canonical_shape([(24,)]), "expected 2 dims"),
        (lambda: WeightRule(("a",), rows=(0, 30)).canonical_shape([(24, 5)]), "expected more rows in 'a'"),
        (lambda: WeightRule(("a",)).scatter(SOURCE.T, [SOURCE]), "expected (24, 5) in canonical form, found (5, 24)"),
    ],
)
def test_what_is_no_rule_or_does_not_fit_is_refused(rule, problem: str) -> None:
    with pytest.raises(BridgeError) as refused:
        rule()
    assert problem in str(refused.value)


def test_a_map_tells_what_is_used_twice_and_what_is_in_no_rule() -> None:
    part = {"h": 4}
    rules = {name: WeightRule(("qkv",), "(part h d) i -> i h d", part, (n, 3)) for n, name in enumerate(("q", "k"))}
    assert list(WeightMap(rules).misused({"qkv": (24, 5)})) == ["40 of the 120 values of torch's 'qkv' are in no rule"]
    twice = rules | {"v": WeightRule(("qkv",), "(part h d) i -> i h d", part, (1, 3))}
    assert list(WeightMap(twice).misused({"qkv": (24, 5)})) == [
        "40 of the 120 values of torch's 'qkv' are used 2 times",
        "40 of the 120 values of torch's 'qkv' are in no rule",
    ]


def test_rows_that_no_rule_asks_for_are_left_over_and_not_missing() -> None:
    weight_map = WeightMap({"a": WeightRule(("t",), rows=(2, 5)), "b": WeightRule(("t",), rows=(6, 9))})
    assert list(weight_map.misused({"t": (10, 3)})) == []
    assert weight_map.left_over("t", {"t": (10, 3)}) == ((0, 2), (5, 6), (9, 10))


def test_layers_are_one_where_all_of_their_weights_are() -> None:
    rules = {
        "block_0.norm.gamma": WeightRule(("m.h.0.ln.weight",)),
        "block_0.norm.beta": WeightRule(("m.h.0.ln.bias",)),
        "block_0.attention.query.kernel": WeightRule(("m.h.0.attn.qkv.weight",), "(p o) i -> i o", part=(0, 2)),
        "block_0.attention.key.kernel": WeightRule(("m.h.0.attn.qkv.weight",), "(p o) i -> i o", part=(1, 2)),
        "head.kernel": WeightRule(("m.out.weight",), "o i -> i o"),
    }
    assert layer_paths(WeightMap(rules)) == {
        "m.h.0": "block_0",
        "m.h.0.ln": "block_0.norm",
        "m.h.0.attn.qkv": "block_0.attention",
        "m.out": "head",
    }


NAMES = ["h.0.ln_1.gamma", "h.0.ln_1.beta", "h.11.ln_1.gamma", "h.0.mlp.fc2.kernel", "tail.kernel"]


@pytest.mark.parametrize(
    ("renames", "expected"),
    [
        ({"h.{i}.ln_1": "layer_{i}.norm"}, {"h.0.ln_1": "layer_0.norm", "h.11.ln_1": "layer_11.norm"}),
        ({"h.{i}.ln_1": "n.{i}", "h.0.ln_1": "first"}, {"h.0.ln_1": "first", "h.11.ln_1": "n.11"}),
        ({"{a}.{i}.mlp.fc{n}": "{n}.{i}.{a}"}, {"h.0.mlp.fc2": "2.0.h"}),
        ({"tail": "head"}, {"tail": "head"}),
    ],
)
def test_a_pattern_is_written_out_for_every_path_that_it_fits(renames, expected) -> None:
    assert expanded(renames, NAMES, "the model") == expected


@pytest.mark.parametrize(
    ("renames", "problem"),
    [
        (
            {"g.{i}.ln_1": "x.{i}"},
            "'g.{i}.ln_1', which fits no path of the model; it has h, h.0, h.11, tail",
        ),
        ({"h.{i}.ln_2": "x.{i}"}, "fits no path of the model; it has h.0.ln_1, h.11.ln_1, h.0.mlp"),
        ({"h.{i}.ln_1": "x.{j}"}, "rename of 'h.{i}.ln_1': expected placeholders that it has, found 'x.{j}'"),
        ({"h.{i.ln_1": "x"}, "expected placeholders such as {i}, found 'h.{i.ln_1'"),
        ({"h.{i}.ln_1": "a.{i}", "{a}.0.ln_1": "b"}, "two patterns of rename fit 'h.0.ln_1' of the model"),
    ],
)
def test_a_pattern_that_fits_nothing_or_says_two_things_is_refused(renames, problem: str) -> None:
    with pytest.raises(BridgeError) as refused:
        expanded(renames, NAMES, "the model")
    assert problem in str(refused.value)
