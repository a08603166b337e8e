"""Where in a tensor two sides differ: a small map, and one sentence."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.diagnosis.places import places_in_words
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.trace import Trace

MOST = 64
"""Rows and columns of a map; of a larger tensor neighbours are drawn as one, by the largest of them."""
Form = Literal["places", "steps", "vector"]
FORMS: dict[int, Form] = {1: "vector", 2: "steps"}
"""By the number of axes without the batch; with more, the last is of channels and the two before it of places."""


class Picture(FrozenRecord):
    """The absolute difference, the largest over the batch."""

    where: str
    """What it is of: "what 'conv1' gives"."""
    shape: tuple[int, ...]
    """Without the batch, channels last."""
    form: Form
    rows: list[list[float]]
    """Rows x columns, the largest over channels; steps x features; or one row."""
    channels: list[float]
    """Largest over places, of each channel; empty but for places."""
    largest: float
    words: str
    """In one sentence, without its full stop."""


def picture(failure: RungResult, torch: Trace, keras: Trace) -> Picture | None:
    """Return the picture of a failure; None where no two tensors of one shape are to blame."""
    for where, a, b in _candidates(failure, torch, keras):
        if a.shape == b.shape and a.size and (a != b).any():
            return draw(where, a.astype(float), b.astype(float))
    return None


Compared = tuple[str, np.ndarray, np.ndarray]


def _candidates(failure: RungResult, torch: Trace, keras: Trace) -> list[Compared]:
    """Return pairs of tensors that a failure is about, likeliest first."""
    if failure.rung == "forward" and failure.place is FailurePlace.LAYER:
        return _of_layer(failure, torch.layers, keras.layers)
    if failure.rung == "forward":
        return [("the outputs", a, b) for a, b in zip(torch.outputs, keras.outputs, strict=False)]
    if failure.rung == "gradients" and failure.where in torch.gradients and failure.where in keras.gradients:
        return [_of_weight(f"the gradient of '{failure.where}'", torch.gradients, keras.gradients, failure.where)]
    if failure.rung == "training":
        return [
            _of_weight(f"'{failure.where}' after step {step}", a, b, failure.where)
            for step, (a, b) in enumerate(zip(torch.weights, keras.weights, strict=False), start=1)
            if failure.where in a and failure.where in b
        ]
    return []


def _of_weight(told: str, torch: dict[str, np.ndarray], keras: dict[str, np.ndarray], name: str) -> Compared:
    return told, torch[name][None], keras[name][None]


def _of_layer(failure: RungResult, torch: Sequence[LayerTrace], keras: Sequence[LayerTrace]) -> list[Compared]:
    """Return what a layer gives or, if that differs already, what it is given; those that differ least first."""
    a, b = (next((layer for layer in layers if layer.path == failure.where), None) for layers in (torch, keras))
    if a is None or b is None:
        return []
    if not failure.layer_inputs_agree:
        given = [(f"what '{failure.where}' is given", *pair) for pair in zip(a.inputs, b.inputs, strict=False)]
        if any(x.shape == y.shape and (x != y).any() for _, x, y in given):
            return given
    pairs = [(x, y) for x in a.outputs for y in b.outputs if x.shape == y.shape]
    return [(f"what '{failure.where}' gives", *pair) for pair in sorted(pairs, key=lambda pair: _apart(*pair).max())]


def _apart(torch: np.ndarray, keras: np.ndarray) -> np.ndarray:
    """Return absolute differences; infinity where one side alone is no number, or both are of other kinds."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(keras.astype(float) - torch.astype(float))
    same = (keras == torch) | (np.isnan(keras) & np.isnan(torch))
    return np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))


def draw(where: str, torch: np.ndarray, keras: np.ndarray) -> Picture:
    """Return the picture of two tensors (batch, ...) of one shape that are not equal."""
    apart = _apart(torch, keras)
    scale = np.abs(torch[np.isfinite(torch)]).max(initial=0.0) or 1.0
    words = places_in_words(apart > TOLERANCES["forward"].limit * scale)
    if np.isinf(apart).any():
        words = f"NaN or infinity on one side; {words}"
        apart = np.where(np.isinf(apart), apart[np.isfinite(apart)].max(initial=0.0) or 1.0, apart)
    shape, largest = torch.shape[1:], apart.max(axis=0)
    channels: list[float] = []
    if len(shape) > 2:
        places = largest.reshape(-1, *shape[-3:]).max(axis=0)
        largest, channels = places.max(axis=-1), smaller(places.max(axis=(0, 1))).tolist()
    rows = smaller(smaller(np.atleast_2d(largest), 0), 1)
    form = FORMS.get(max(1, len(shape)), "places")
    return Picture(
        where=where,
        shape=shape,
        form=form,
        rows=rows.tolist(),
        channels=channels,
        largest=float(apart.max()),
        words=words,
    )


def smaller(array: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return an array with at most MOST entries along an axis, each the largest of neighbours."""
    size = array.shape[axis]
    if size <= MOST:
        return array
    return np.maximum.reduceat(array, np.arange(MOST) * size // MOST, axis=axis)
