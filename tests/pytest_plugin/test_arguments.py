"""What an assertion is given, and what it says of what does not fit: one message, before anything starts."""

from typing import Any

import numpy as np
import pytest

import twotrack
from twotrack.shared.assertion import tracks
from twotrack.shared.assertion.arguments import given
from twotrack.shared.spec.track import TrackSpec

PAIR = twotrack.Pair(keras=print, torch=print, input_shape=(4,))
OldModel = type("Model", (), {"__module__": "tf_keras.src.engine", "__call__": lambda self: None})
SavedModel = type("_UserObject", (), {"signatures": {}, "__call__": lambda self: None})


def of(subject: object = None, torch: object = None, inputs: object = (4,), keras: object = None, **pair: Any) -> Any:
    return given(subject, torch, inputs, keras, pair)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "keras=: expected a keras.Model, or a function without arguments that builds one, found neither side."),
        ({"subject": print}, "torch=: expected an nn.Module, or a function without arguments that builds one, found "),
        ({"torch": print}, "found only torch=."),
        ({"subject": print, "keras": print}, "the Keras model is given twice: as the first argument and as keras=."),
        ({"keras": 3, "torch": print}, "found an object of neither framework, builtins.int ('3')."),
        ({"keras": print, "torch": {}}, "found an object of neither framework, builtins.dict."),
        ({"keras": OldModel(), "torch": print}, "found a Model of Keras 2; twotrack takes models of Keras 3."),
        ({"keras": SavedModel(), "torch": print}, "found an object of neither framework, "),
        ({"subject": PAIR}, "a Pair says all of a pair itself: leave out inputs=."),
        ({"subject": "m:PAIR", "loss": "cross_entropy", "inputs": None}, "the name 'm:PAIR' says all of a pair itself"),
        ({"subject": print, "torch": print, "inputs": None}, "or a mapping of these by name, found nothing."),
        ({"subject": print, "torch": print, "inputs": {}}, "found an empty mapping."),
        ({"subject": print, "torch": print, "inputs": "4"}, "found str '4' for 'input'."),
        ({"subject": print, "torch": print, "inputs": (4, 0)}, "found tuple '(4, 0)' for 'input'."),
        ({"subject": print, "torch": print, "inputs": (None, 4)}, "found tuple '(None, 4)' for 'input'."),
        (
            {"subject": print, "torch": print, "inputs": np.array(3.0)},
            "arrays of one batch (batch, ...), found 'input' ().",
        ),
        ({"subject": print, "torch": print, "inputs": np.array([["a"]])}, "expected numbers, ids or masks, found <U1"),
        (
            {"subject": print, "torch": print, "inputs": np.array([[-1]])},
            "expected ids from 0 on, found -1 in 'input'.",
        ),
        (
            {"subject": print, "torch": print, "inputs": {"a": np.ones((2, 3)), "b": np.ones((3, 3))}},
            "expected arrays of one batch (batch, ...), found 'a' (2, 3), 'b' (3, 3).",
        ),
        (
            {"subject": print, "torch": print, "inputs": {"a": np.ones((2, 3)), "b": (3,)}},
            "found arrays and others together: a, b.",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_what_was_expected(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(twotrack.UserError) as caught:
        of(**arguments)
    assert expected in str(caught.value)


def test_arrays_say_shapes_and_kinds() -> None:
    arrays = {"x": np.ones((2, 8, 3)), "ids": np.array([[0, 4], [2, 1]]), "mask": np.ones((2, 5), bool)}
    found = of(print, print, arrays).pair
    assert found.specs == {
        "x": twotrack.Input((8, 3)),
        "ids": twotrack.Input((2,), kind="tokens", size=5),
        "mask": twotrack.Input((5,), kind="mask"),
    }
    assert of(print, print, np.ones((2, 4))).pair.specs == {"input": twotrack.Input((4,))}


def test_arrays_are_the_inputs_with_their_first_rows_again_where_a_batch_has_more() -> None:
    found = of(print, print, {"x": np.arange(6.0).reshape(3, 2), "y": np.arange(3)}, batch_size=5)
    assert found.inputs["x"].tolist() == [[0, 1], [2, 3], [4, 5], [0, 1], [2, 3]]
    assert found.inputs["y"].tolist() == [0, 1, 2, 0, 1]
    assert len(of(print, print, np.ones((20, 4))).inputs["input"]) == 20
    assert of(print, print, (4,)).inputs is None


@pytest.mark.parametrize("subject", [PAIR, "my_module:PAIR", "neuron"])
def test_a_pair_and_a_name_stand_for_themselves(subject: object) -> None:
    assert of(subject, inputs=None).pair is subject


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Let modules seem not to be installed."""
    missing = lambda spec: [module for module in spec.requires if module in modules]  # noqa: E731
    monkeypatch.setattr(TrackSpec, "missing", property(missing))


def test_without_torch_a_test_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch")
    with pytest.raises(
        tracks.MissingTrackError, match=r"track 'torch' needs torch, .*; run: pip install 'twotrack\[torch\]'"
    ):
        tracks.chosen(None)


def test_without_any_backend_a_test_is_told_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "keras")
    with pytest.raises(tracks.MissingTrackError, match=r"no Keras backend is installed here; run: .*twotrack\[jax\]"):
        tracks.chosen(None)
    with pytest.raises(tracks.MissingTrackError, match="track 'keras:torch' needs keras"):
        tracks.chosen_here(None, one_will_do=True)


def test_what_is_not_installed_is_left_out_only_where_nobody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "jax")
    assert tracks.chosen(None) == ["keras:tensorflow", "keras:torch"]
    with pytest.raises(tracks.MissingTrackError, match="track 'keras:jax' needs jax, not installed here"):
        tracks.chosen(["keras:torch", "keras:jax"])
