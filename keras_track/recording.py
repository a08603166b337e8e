"""Records, for a while, what layers of a keras.Model compute: their values, or the weights of attention."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import hyperparameters, weights
from twotrack.shared.axes.layout import Arrangements, ChannelLayout, Copies, canonical_shape, own_order
from twotrack.shared.spec.probe import LayerTrace, Replace, Visit, keep


@contextmanager
def replaced_calls(layers: "list[tuple[keras.layers.Layer, Callable]]") -> Iterator[None]:
    """Give layers, for a while, other `call` methods; one block may stand inside another."""
    before = [vars(layer).get("call") for layer, _ in layers]
    for layer, call in layers:
        object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        for (layer, _), own in zip(layers, before, strict=True):
            object.__delattr__(layer, "call") if own is None else object.__setattr__(layer, "call", own)


@dataclass
class LayerCalls:
    """Which layers are at work: those whose call has begun and not returned."""

    open: list[tuple[str, keras.layers.Layer]] = field(default_factory=list)
    last_returned: str = ""
    """Path of the layer that returned last; empty before the first."""

    @property
    def path(self) -> str:
        """Path of the innermost layer at work; empty for the model itself."""
        return self.open[-1][0] if self.open else ""

    @property
    def layer(self) -> keras.layers.Layer | None:
        """The innermost layer at work; None for the model itself."""
        return self.open[-1][1] if self.open else None

    @property
    def kind(self) -> str:
        """Its class name."""
        return type(self.layer).__name__ if self.open else ""

    @contextmanager
    def entered(self, path: str, layer: keras.layers.Layer) -> Iterator[None]:
        """Say that a layer is at work inside the block."""
        self.open.append((path, layer))
        try:
            yield
        finally:
            self.open.pop()
            self.last_returned = path


@contextmanager
def layers_recorded(
    model: keras.Model,
    layout: ChannelLayout,
    visit: Visit,
    replace: Replace = keep,
    at_work: LayerCalls | None = None,
) -> Iterator[None]:
    """Let every layer show its calls, channels last, for a while; `visit` and `replace` as in Probe.visit.

    `at_work` follows which layers are.
    """
    layers = [(path, layer) for path, layer in weights.layer_paths(model) if path]
    recording = partial(_recording, visit, layout, replace, at_work or LayerCalls(), Copies(values))
    with replaced_calls([(layer, recording(path, layer)) for path, layer in layers]):
        yield


@contextmanager
def layer_recorded(path: str, layer: keras.layers.Layer, layout: ChannelLayout) -> Iterator[list[LayerTrace]]:
    """Let one layer record its calls, channels last, for a while."""
    traces: list[LayerTrace] = []
    with replaced_calls([(layer, _recording(traces.append, layout, keep, LayerCalls(), Copies(values), path, layer))]):
        yield traces


@contextmanager
def layer_calls_kept(layer: keras.layers.Layer) -> Iterator[list[tuple[tuple, dict[str, Any]]]]:
    """Keep what a layer's `call` is given, by place and by name, for a while."""
    original, calls = type(layer).call.__get__(layer), list[tuple[tuple, dict[str, Any]]]()

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return original(*args, **kwargs)

    with replaced_calls([(layer, call)]):
        yield calls


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


def _recording(
    visit: Visit,
    layout: ChannelLayout,
    replace: Replace,
    at_work: LayerCalls,
    copies: Copies,
    path: str,
    layer: keras.layers.Layer,
) -> Callable:
    """Return a `call` that records inputs, outputs and the value before a fused activation, and replaces one value."""
    original, calls = layer.call, count()

    def call(*args: Any, **kwargs: Any) -> Any:
        before_activation: list[np.ndarray] = []

        def change(value: Any) -> Any:
            before_activation.extend(copies.of([value], own.outputs[:1]))
            return replaced_value(value, path, replace, own.outputs)

        number = next(calls)
        own = layout.layer(path, number)
        with activation_changed(layer, change), at_work.entered(path, layer):
            result = original(*args, **kwargs)
        outputs = copies.of(tensors_in(result), own.outputs)
        visit(
            LayerTrace(
                path=f"{path}#{number + 1}" if number else path,
                kind=type(layer).__name__,
                leaf=not layer._flatten_layers(include_self=False),
                hyperparameters=hyperparameters.of_layer(layer),
                inputs=copies.of(tensors_in((args, kwargs)), own.inputs),
                outputs=outputs + before_activation,
                replaceable=len(outputs) if before_activation else 0,
            )
        )
        return result if before_activation else replaced_value(result, path, replace, own.outputs)

    return call


def replaced_value(value: Any, path: str, replace: Replace, arrangements: Arrangements = ()) -> Any:
    """Return what stands for a value that is one tensor of numbers, in its own type and order."""
    if not keras.ops.is_tensor(value) or not keras.backend.is_float_dtype(keras.backend.standardize_dtype(value.dtype)):
        return value
    other = replace(path, canonical_shape(tuple(value.shape), arrangements))
    if other is None:
        return value
    return keras.ops.convert_to_tensor(*own_order([other], arrangements[:1]), dtype=value.dtype)


@contextmanager
def activation_changed(layer: keras.layers.Layer, change: Callable[[Any], Any]) -> Iterator[None]:
    """Give a layer's fused activation, for a while, what `change` makes of the values before it."""
    activation = getattr(layer, "activation", None)
    if not callable(activation) or isinstance(layer, keras.layers.Activation | keras.layers.RNN):
        yield
        return
    object.__setattr__(layer, "activation", lambda x, *args, **kwargs: activation(change(x), *args, **kwargs))
    try:
        yield
    finally:
        object.__setattr__(layer, "activation", activation)


def tensors_in(structure: Any) -> list[Any]:
    """Return the tensors of a nested structure, in Keras' order."""
    return [leaf for leaf in keras.tree.flatten(structure) if keras.ops.is_tensor(leaf)]


def arrays(structure: Any) -> list[np.ndarray]:
    """Return copies of the tensors in a nested structure, in Keras' order."""
    return [as_array(tensor) for tensor in tensors_in(structure)]


def values(tensor: Any) -> np.ndarray:
    """Return what a tensor holds, perhaps no copy; of bfloat16, which NumPy has not, as float32."""
    array = np.asarray(keras.ops.convert_to_numpy(tensor))
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def as_array(tensor: Any) -> np.ndarray:
    """Return a copy of a tensor."""
    return np.array(values(tensor))
