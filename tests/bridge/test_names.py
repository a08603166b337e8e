"""Names: joined, renamed, and compared; every mismatch is told with both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import join, rename, rename_path, require_same

NAMES = ["encoder.lstm.l0.kernel", "encoder.lstm.l1.kernel", "encoder.norm.gamma", "head.kernel"]


def test_join_drops_empty_parts():
    assert join("", "lstm", "", "kernel") == "lstm.kernel"


@pytest.mark.parametrize(
    ("renames", "expected"),
    [
        ({"head": "logits"}, "head.kernel -> logits.kernel"),
        ({"encoder.lstm.l0": "lower"}, "encoder.lstm.l0.kernel -> lower.kernel"),
        ({"encoder": "body", "encoder.lstm": "rnn"}, "encoder.lstm.l1.kernel -> rnn.l1.kernel"),
        ({"encoder": "body", "encoder.lstm": "rnn"}, "encoder.norm.gamma -> body.norm.gamma"),
        ({"encoder.norm.gamma": "scale.factor"}, "encoder.norm.gamma -> scale.factor"),
        ({"encoder": ""}, "encoder.norm.gamma -> norm.gamma"),
        ({"": "net"}, "head.kernel -> net.head.kernel"),
        ({"": "net", "head": "logits"}, "head.kernel -> logits.kernel"),
        ({"head": "encoder.norm"}, "head.kernel -> encoder.norm.kernel"),
    ],
)
def test_the_longest_path_wins(renames, expected):
    name, _, canonical = expected.partition(" -> ")
    assert rename(NAMES, renames, "the model")[name] == canonical


def test_names_that_no_rename_touches_stay():
    assert rename(NAMES, {}, "the model") == dict(zip(NAMES, NAMES, strict=True))


def test_a_path_is_renamed_only_where_it_ends_at_a_dot():
    assert rename_path("header.kernel", {"head": "logits"}) == "header.kernel"
    assert rename_path("head", {"head": "logits"}) == "logits"


def test_a_rename_that_fits_nothing_is_refused_with_the_nearest_path():
    with pytest.raises(BridgeError, match=r"rename names 'encoder\.lstn', which the model does not have; did you mean"):
        rename(NAMES, {"encoder.lstn": "rnn"}, "the model")
    with pytest.raises(BridgeError, match=r"rename names 'xyz'.*it has encoder\.lstm\.l0\.kernel"):
        rename(NAMES, {"xyz": "rnn"}, "the model")


def test_two_weights_that_become_one_are_refused():
    with pytest.raises(BridgeError, match=r"'encoder\.lstm\.l0\.kernel' and 'encoder\.lstm\.l1\.kernel' of the model"):
        rename(NAMES, {"encoder.lstm.l0": "rnn", "encoder.lstm.l1": "rnn"}, "the model")


SHAPES = {"conv.kernel": (3, 3, 1, 8), "head.kernel": (4, 2), "head.bias": (2,)}


def refusal(found, **more) -> str:
    with pytest.raises(BridgeError) as caught:
        require_same(SHAPES, found, "the Keras model", "the checkpoint's weights", **more)
    message = str(caught.value)
    assert "\n" not in message
    return message


@given(st.permutations(sorted(SHAPES)))
def test_the_same_names_and_shapes_pass_in_any_order(order):
    assert require_same(SHAPES, {name: list(SHAPES[name]) for name in order}, "the model") is None


def test_a_missing_weight_is_named_with_its_shape_and_both_sides():
    message = refusal({name: SHAPES[name] for name in ("conv.kernel", "head.bias")})
    assert message.startswith("the checkpoint's weights do not fit the Keras model; ")
    assert "missing from the checkpoint's weights: head.kernel (4, 2)" in message


def test_a_left_over_weight_is_named_with_its_shape():
    assert "unknown to the Keras model: tail.bias (5,)" in refusal({**SHAPES, "tail.bias": (5,)})


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((2, 4), " (its transpose would fit)"),
        ((4, 3), ""),
        ((8,), ""),
    ],
)
def test_a_misshapen_weight_is_told_with_both_shapes(shape, hint):
    message = refusal({**SHAPES, "head.kernel": shape}, own_names={"head.kernel": "Keras' head/kernel"})
    told = f"misshapen: head.kernel (4, 2) (Keras' head/kernel) in the Keras model, {shape} in the checkpoint's weights"
    assert message.endswith(told + hint)


def test_axes_in_another_order_are_recognised():
    message = refusal({**SHAPES, "conv.kernel": (8, 3, 3, 1)})
    assert message.endswith("(8, 3, 3, 1) in the checkpoint's weights (its axes in another order would fit)")


def test_long_lists_are_cut():
    message = refusal({**SHAPES, **{f"extra{number}.bias": (1,) for number in range(9)}})
    assert "extra3.bias (1,) and 5 more" in message
    assert "extra4" not in message
