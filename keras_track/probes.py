"""Looks into a keras.Model that its training does not show: gradients of inputs, weights of attention."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import weights


class InputProbe(keras.Model):
    """A model around `model` that adds weights of 0 to inputs, so that a training step shows the inputs' gradients.

    The same on every backend, as gradients of weights are. `arrange` turns inputs by name into the model's own form.
    """

    def __init__(
        self, model: keras.Model, arrange: Callable[[Mapping[str, Any]], Any], shapes: Mapping[str, tuple[int, ...]]
    ):
        super().__init__(name="input_probe")
        self.model, self._arrange = model, arrange
        self.shifts = {
            name: self.add_weight(shape=shape, initializer="zeros", name=name) for name, shape in shapes.items()
        }

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Return the model's outputs for inputs (batch, ...) by name."""
        shifted = {name: inputs[name] + shift for name, shift in self.shifts.items()}
        return self.model(self._arrange({**inputs, **shifted}), training=training)


@contextmanager
def attention_recorded(model: keras.Model, found: dict[str, np.ndarray]) -> Iterator[None]:
    """Let every attention layer return its weights, for a while, and put them under its path."""
    layers = [
        (path, layer)
        for path, layer in weights.layer_paths(model)
        if isinstance(layer, keras.layers.MultiHeadAttention)
    ]
    for path, layer in layers:
        object.__setattr__(layer, "call", _recording(path, layer, found))
    try:
        yield
    finally:
        for _, layer in layers:
            object.__delattr__(layer, "call")


def _recording(path: str, layer: keras.layers.MultiHeadAttention, found: dict[str, np.ndarray]) -> Callable:
    original = type(layer).call.__get__(layer)

    def call(*args: Any, **kwargs: Any) -> Any:
        output, scores = original(*args, **kwargs | {"return_attention_scores": True})
        found[path] = np.array(keras.ops.convert_to_numpy(scores))
        return output

    return call
