"""A keras.Model as a side of the search for which weight is which. Its weights are in canonical form."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import count
from typing import Any

import keras
import numpy as np
from keras import layers

from twotrack.keras_track import weights
from twotrack.keras_track.autodiff import without_gradients
from twotrack.keras_track.recording import activation_changed, arrays, as_array, replaced_calls
from twotrack.keras_track.track_model import KerasModel
from twotrack.shared.spec.units import Arrays, Call, Side, Unit, Visitor, Weights

WHOLE = (layers.RNN, layers.Bidirectional)
"""Layers whose inner ones run inside a loop of the framework's: each is one unit."""


class KerasSide(Side):
    """A model of a Keras track, and a batch of inputs."""

    def __init__(self, model: KerasModel, inputs: Mapping[str, np.ndarray]):
        self._model, self._inputs = model, inputs
        self._entries = {
            name: entry
            for name, entry in weights.name_table(model.model, model.layout.weights).items()
            if keras.backend.is_float_dtype(keras.backend.standardize_dtype(entry.variable.dtype))
        }
        self._layers = dict(self._units())
        self.units = [unit for _, unit in self._layers.values()]
        self._others = {path: layer for path, layer in self._plain_layers() if path not in self._layers}
        self.built = {name: entry.value().astype(np.float64) for name, entry in self._entries.items()}
        self.statistics = frozenset(name for name, entry in self._entries.items() if not entry.trainable)

    def _units(self) -> Iterator[tuple[str, tuple[keras.Layer, Unit]]]:
        """Yield every layer with weights of its own, under its path."""
        names = {id(entry.variable): name for name, entry in self._entries.items()}
        inside_whole: set[int] = set()
        seen: set[int] = set()
        for path, layer in weights._walk(self._model.model, ""):
            if id(layer) in seen or id(layer) in inside_whole:
                continue
            seen.add(id(layer))
            is_whole = isinstance(layer, WHOLE)
            if is_whole:
                inside_whole |= {id(inner) for inner in layer._flatten_layers(include_self=False)}
            own = layer.weights if is_whole else _own_weights(layer)
            found = {_parameter(names[id(v)], path): names[id(v)] for v in own if id(v) in names}
            if found:
                is_leaf = is_whole or not layer._flatten_layers(include_self=False)
                yield path, (layer, Unit(path, type(layer).__name__, is_leaf or _only_wraps(layer), found))

    def _plain_layers(self) -> Iterator[tuple[str, keras.Layer]]:
        """Yield the layers without weights of their own, but for what runs inside a loop of the framework's."""
        known = {id(layer) for layer, _ in self._layers.values()}
        loops = [layer for layer, _ in self._layers.values() if isinstance(layer, WHOLE)]
        known |= {id(inner) for layer in loops for inner in layer._flatten_layers()}
        yield from ((path, layer) for path, layer in weights.layer_paths(self._model.model) if id(layer) not in known)

    def assign(self, weights: Weights) -> None:
        """Replace some weights."""
        for name, array in weights.items():
            entry = self._entries[name]
            entry.variable.assign(np.array(entry.layout.from_canonical(array), order="C"))

    def run(self, visitor: Visitor) -> Arrays:
        """Run the model layer by layer in inference mode."""
        calls = [(layer, _watched(layer, unit, visitor)) for layer, unit in self._layers.values()]
        calls += [(layer, _passed(path, layer, visitor)) for path, layer in self._others.items()]
        given = keras.tree.map_structure(keras.ops.convert_to_tensor, self._model.arranged(self._inputs))
        with replaced_calls(calls), without_gradients():
            return arrays(self._model.model(given, training=False))


def _own_weights(layer: keras.Layer) -> list[keras.Variable]:
    inner = {id(variable) for _, one in weights._layers_inside(layer) for variable in one.weights}
    return [variable for variable in layer.weights if id(variable) not in inner]


def _parameter(name: str, path: str) -> str:
    return name[len(path) + 1 :] if path and name.startswith(f"{path}.") else name.rpartition(".")[2]


def _only_wraps(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.Wrapper) and not isinstance(layer, layers.Bidirectional)


def _watched(layer: keras.Layer, unit: Unit, visitor: Visitor) -> Callable:
    """Return a `call` that shows each call to the visitor."""
    own, numbers = type(layer).call.__get__(layer), count()

    def again(args: tuple, kwargs: dict[str, Any], first: np.ndarray | None) -> Arrays:
        given = (args, kwargs) if first is None else _with_first(args, kwargs, first)
        with _keeping(layer) as before, without_gradients():
            result = arrays(own(*given[0], **given[1]))
        return result + before

    def call(*args: Any, **kwargs: Any) -> Any:
        this = Call(unit, next(numbers), lambda: arrays((args, kwargs)), partial(again, args, kwargs))
        other = visitor.enter(this)
        given = (args, kwargs) if other is None else _with_first(args, kwargs, other)
        with _keeping(layer) if visitor.wants_operations else nullcontext(list[np.ndarray]()) as before:
            result = own(*given[0], **given[1])
        other = visitor.leave(this, lambda: arrays(result) + before)
        return result if other is None else _with_first_value(result, other)

    return call


def _passed(path: str, layer: keras.Layer, visitor: Visitor) -> Callable:
    """Return a `call` that shows the visitor what a layer without weights gives."""
    own = type(layer).call.__get__(layer)

    def call(*args: Any, **kwargs: Any) -> Any:
        result = own(*args, **kwargs)
        other = visitor.passed(path, lambda: arrays(result))
        return result if other is None else _with_first_value(result, other)

    return call


@contextmanager
def _keeping(layer: keras.Layer) -> Iterator[Arrays]:
    """Keep what stands before the layer's own activation."""
    before: Arrays = []

    def keep(value: Any) -> Any:
        before.append(as_array(value))
        return value

    with activation_changed(layer, keep):
        yield before


def _with_first(args: tuple, kwargs: dict[str, Any], first: np.ndarray) -> tuple[tuple, dict[str, Any]]:
    """Return arguments with another first tensor."""
    leaves = keras.tree.flatten((args, kwargs))
    place = next((place for place, leaf in enumerate(leaves) if keras.ops.is_tensor(leaf)), None)
    if place is None:
        return args, kwargs
    leaves[place] = _like(first, leaves[place])
    other: tuple[tuple, dict[str, Any]] = keras.tree.pack_sequence_as((args, kwargs), leaves)
    return other


def _with_first_value(result: Any, first: np.ndarray) -> Any:
    """Return what a layer gave with another first tensor."""
    leaves = keras.tree.flatten(result)
    return keras.tree.pack_sequence_as(result, [_like(first, leaves[0]), *leaves[1:]])


def _like(array: np.ndarray, tensor: Any) -> Any:
    return keras.ops.convert_to_tensor(array.reshape(tuple(tensor.shape)), dtype=tensor.dtype)
