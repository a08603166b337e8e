"""Finds what the axes of a keras.Model's values and weights count, so that they can be put channels last.

Keras has the channels last, but for layers that say `data_format="channels_first"` and values that were permuted. A
model with any of these, or with layers of the user's own that have no weights, is followed: every layer, and every
operation of a functional model, as one call.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import weights
from twotrack.keras_track.inputs import arranged
from twotrack.keras_track.recording import replaced_calls
from twotrack.shared.axes.calls import Call, Given
from twotrack.shared.axes.follow import Use, follow, model_input, settle_weights
from twotrack.shared.axes.layout import NO_LAYOUT, ChannelLayout, LayerCall, arrangements
from twotrack.shared.axes.values import Value, fresh
from twotrack.shared.spec.inputs import Input, InputShape, describe, drawn

MOVES = {"Transpose", "Moveaxis", "Swapaxes", "Einsum"}
LIBRARIES = ("keras.", "keras_hub.", "twotrack.")
FORMATS = {"channels_first": 1, "channels_last": -1}


def layout_of(model: keras.Model, input_shape: InputShape) -> ChannelLayout:
    """Return the layout of a model that takes inputs of this shape, as a Pair states it."""
    return axis_layout(model, describe(input_shape))


def axis_layout(model: keras.Model, inputs: Mapping[str, Input]) -> ChannelLayout:
    """Run the model in inference mode, and return where its values and weights have their channels."""
    operations = list(_operations(model))
    formats = {getattr(operation, "data_format", None) for operation in operations} - {None}
    if "channels_first" not in formats and not (formats and any(map(_may_move, operations))):
        return NO_LAYOUT
    tracker = _Tracker(model)
    given = arranged(model, inputs, drawn(inputs))
    given = keras.tree.map_structure(keras.ops.convert_to_tensor, given)
    for tensor, spec in zip(keras.tree.flatten(given), inputs.values(), strict=True):
        tracker.mark(tensor, model_input(tuple(tensor.shape), spec, canonical=True))
    with replaced_calls(tracker.calls()):
        outputs = model(given, training=False)
    return tracker.layout(outputs)


def _may_move(operation: Any) -> bool:
    """Tell whether an operation may bring channels elsewhere: a permutation, or a function of the user's own."""
    own = not type(operation).__module__.startswith(LIBRARIES) and not getattr(operation, "weights", None)
    return own or isinstance(operation, keras.layers.Permute | keras.layers.Lambda) or type(operation).__name__ in MOVES


def _operations(model: keras.Model) -> Iterator[Any]:
    """Yield a model's layers, those inside them too, and the operations between those of a functional model."""
    seen: set[int] = set()
    for layer in model._flatten_layers():
        for operation in (layer, *getattr(layer, "operations", ())):
            if id(operation) not in seen:
                seen.add(id(operation))
                yield operation


class _Tracker:
    """Keeps what is known of each tensor while the model runs."""

    def __init__(self, model: keras.Model):
        self._model, self._uses = model, list[Use]()
        self._known: dict[int, tuple[Any, Value]] = {}
        self._variables = {name: entry.variable for name, entry in weights.name_table(model).items()}
        self._weights = {id(variable): fresh(variable.shape, is_weight=True) for variable in self._variables.values()}
        self._layers: dict[str, list[tuple[list[Value], list[Value]]]] = {}
        self._inside = False

    def mark(self, tensor: Any, value: Value) -> None:
        """Say what the axes of a tensor count; the tensor is kept, so that no other gets its id."""
        self._known[id(tensor)] = (tensor, value)

    def calls(self) -> list[tuple[Any, Callable]]:
        """Return every operation with a `call` that follows it."""
        paths = {id(layer): path for path, layer in weights.layer_paths(self._model) if path}
        return [
            (operation, self._following(operation, paths.get(id(operation))))
            for operation in _operations(self._model)
            if not isinstance(operation, keras.layers.InputLayer)
        ]

    def layout(self, outputs: Any) -> ChannelLayout:
        """Return what was found, after the model has run to its `outputs`."""
        settle_weights(self._uses)
        own = {
            name: arrangement
            for name, variable in self._variables.items()
            if (arrangement := self._weights[id(variable)].rearrangement())
        }
        layers = {
            path: [LayerCall(arrangements(inputs), arrangements(outputs)) for inputs, outputs in calls]
            for path, calls in self._layers.items()
        }
        return ChannelLayout(own, arrangements(self._values(outputs)), layers)

    def _following(self, operation: Any, path: str | None) -> Callable:
        original = type(operation).call.__get__(operation)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if not self._inside:
                self._follow(operation, original, (args, kwargs), result)
                if path:
                    self._layers.setdefault(path, []).append((self._values((args, kwargs)), self._values(result)))
            return result

        return call

    def _follow(self, operation: Any, original: Callable, given: tuple, result: Any) -> None:
        """Follow a call of which the layers inside it have not told everything."""
        tensors, made = _tensors(given), _tensors(result)
        if not any(self._value(tensor) for tensor in tensors) or all(self._value(tensor) for tensor in made):
            return
        variables = [variable for variable in getattr(operation, "weights", ()) if id(variable) in self._weights]
        givens = [Given(_array(tensor), self._value(tensor)) for tensor in tensors]
        givens += [Given(_array(variable), self._weights[id(variable)]) for variable in variables]

        def again(arrays: Mapping[int, np.ndarray]) -> list[np.ndarray]:
            table = {id(tensor): arrays[number] for number, tensor in enumerate(tensors) if number in arrays}
            args, kwargs = keras.tree.map_structure(lambda leaf: _replaced(leaf, table), given)
            own = enumerate(variables, start=len(tensors))
            mapping = [(variable, keras.ops.convert_to_tensor(arrays[n])) for n, variable in own if n in arrays]
            with keras.StatelessScope(state_mapping=mapping):
                return [_array(tensor) for tensor in _tensors(original(*args, **kwargs))]

        self._inside = True
        axis = (
            None if isinstance(operation, keras.layers.Flatten) else FORMATS.get(getattr(operation, "data_format", ""))
        )
        values, use = follow(Call(givens, [_array(tensor) for tensor in made], again, axis, type(operation).__name__))
        self._inside = False
        for tensor, value in zip(made, values, strict=True):
            self.mark(tensor, value)
        if use:
            self._uses.append(use)

    def _value(self, tensor: Any) -> Value | None:
        return self._known.get(id(tensor), (None, None))[1]

    def _values(self, structure: Any) -> list[Value]:
        return [self._value(tensor) or fresh(tensor.shape) for tensor in _tensors(structure)]


def _tensors(structure: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(structure) if keras.ops.is_tensor(leaf)]


def _replaced(leaf: Any, table: Mapping[int, np.ndarray]) -> Any:
    return keras.ops.convert_to_tensor(table[id(leaf)]) if id(leaf) in table else leaf


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))
