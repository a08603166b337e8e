"""Records, for a while, what layers of a keras.Model compute: their values, or the weights of attention."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import hyperparameters, weights
from twotrack.shared.axes.layout import ChannelLayout, canonical
from twotrack.shared.spec.probe import LayerTrace


@contextmanager
def replaced_calls(layers: "list[tuple[keras.layers.Layer, Callable]]") -> Iterator[None]:
    """Give layers, for a while, other `call` methods."""
    for layer, call in layers:
        object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        for layer, _ in layers:
            object.__delattr__(layer, "call")


@contextmanager
def layers_recorded(model: keras.Model, layout: ChannelLayout) -> Iterator[list[LayerTrace]]:
    """Let every layer record its calls, channels last, for a while, in the list that is given."""
    traces: list[LayerTrace] = []
    layers = [(path, layer) for path, layer in weights.layer_paths(model) if path]
    with replaced_calls([(layer, _recording(path, layer, traces, layout)) for path, layer in layers]):
        yield traces


@contextmanager
def layer_recorded(path: str, layer: keras.layers.Layer, layout: ChannelLayout) -> Iterator[list[LayerTrace]]:
    """Let one layer record its calls, channels last, for a while."""
    traces: list[LayerTrace] = []
    with replaced_calls([(layer, _recording(path, layer, traces, layout))]):
        yield traces


@contextmanager
def attention_recorded(model: keras.Model) -> Iterator[dict[str, np.ndarray]]:
    """Let every attention layer return its weights, for a while; they are kept under its path."""
    kept: dict[str, np.ndarray] = {}
    layers = [
        (layer, _keeping_scores(path, layer, kept))
        for path, layer in weights.layer_paths(model)
        if isinstance(layer, keras.layers.MultiHeadAttention)
    ]
    with replaced_calls(layers):
        yield kept


def _keeping_scores(path: str, layer: keras.layers.MultiHeadAttention, kept: dict[str, np.ndarray]) -> Callable:
    original = type(layer).call.__get__(layer)

    def call(*args: Any, **kwargs: Any) -> Any:
        output, scores = original(*args, **kwargs | {"return_attention_scores": True})
        kept[path] = as_array(scores)
        return output

    return call


def _recording(path: str, layer: keras.layers.Layer, traces: list[LayerTrace], layout: ChannelLayout) -> Callable:
    """Return a `call` that records inputs, outputs and the value before a fused activation."""
    original, calls = type(layer).call.__get__(layer), count()

    def call(*args: Any, **kwargs: Any) -> Any:
        before_activation: list[np.ndarray] = []
        with _activation_recorded(layer, before_activation):
            result = original(*args, **kwargs)
        number = next(calls)
        own = layout.layer(path, number)
        traces.append(
            LayerTrace(
                path=f"{path}#{number + 1}" if number else path,
                kind=type(layer).__name__,
                leaf=not layer._flatten_layers(include_self=False),
                hyperparameters=hyperparameters.of_layer(layer),
                inputs=canonical(arrays((args, kwargs)), own.inputs),
                outputs=canonical(arrays(result), own.outputs)
                + [array for value in before_activation for array in canonical([value], own.outputs[:1])],
            )
        )
        return result

    return call


@contextmanager
def _activation_recorded(layer: keras.layers.Layer, values: list[np.ndarray]) -> Iterator[None]:
    activation = getattr(layer, "activation", None)
    if not callable(activation) or isinstance(layer, keras.layers.Activation | keras.layers.RNN):
        yield
        return

    def record(x: Any, *args: Any, **kwargs: Any) -> Any:
        values.append(as_array(x))
        return activation(x, *args, **kwargs)

    object.__setattr__(layer, "activation", record)
    try:
        yield
    finally:
        object.__setattr__(layer, "activation", activation)


def arrays(structure: Any) -> list[np.ndarray]:
    """Return copies of the tensors in a nested structure, in Keras' order."""
    return [as_array(leaf) for leaf in keras.tree.flatten(structure) if keras.ops.is_tensor(leaf)]


def as_array(tensor: Any) -> np.ndarray:
    """Return a copy of a tensor."""
    return np.array(keras.ops.convert_to_numpy(tensor))
