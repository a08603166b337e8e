"""keras.Model <-> canonical weights. Keras' own layout is the canonical one, with two exceptions.

A canonical name is the layer's path inside the model, without the model's own name, a dot, and Keras'
name of the parameter. What only wraps adds no name of its own: the cell of a recurrent layer stands
under the layer, a wrapped layer under its wrapper. The directions of Bidirectional are `forward` and
`backward`, the cells of StackedRNNCells `l0`, `l1`, the parts of a separable convolution `depthwise` and
`pointwise`.
"""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.layouts import SAME, Chain, Layout, Rearrangement, depthwise_kernel, shared_alpha
from twotrack.shared.weights.bridge.names import join, rename, rename_path, require_same
from twotrack.shared.weights.made import shapes_of

PATHS = "canonical_paths"
"""Attribute with the canonical paths of what is inside a model, where they are others than its own."""
MODEL = "the Keras model"
Rearranged = Mapping[str, Rearrangement]
"""By canonical name: the way to the canonical form of a weight whose axes count in another order."""
NOTHING: Rearranged = MappingProxyType({})


class Entry(NamedTuple):
    """Where a canonical weight lives in the model."""

    variable: keras.Variable
    layout: Layout

    @property
    def trainable(self) -> bool:
        """Whether training updates it."""
        return self.variable.trainable

    @property
    def shape(self) -> tuple[int, ...]:
        """The canonical shape."""
        return self.layout.canonical_shape(tuple(self.variable.shape))

    def own(self) -> np.ndarray:
        """Return it in canonical form; maybe no copy."""
        value = keras.ops.convert_to_numpy(self.variable)
        if keras.backend.standardize_dtype(self.variable.dtype) == "bfloat16":
            value = value.astype(np.float32)  # NumPy has no bfloat16; float32 holds each of its values exactly
        canonical: np.ndarray = self.layout.to_canonical(value)
        return canonical

    def value(self) -> np.ndarray:
        """Return a copy in canonical form."""
        return np.array(self.own(), order="C")

    def assign(self, canonical: np.ndarray) -> None:
        """Copy a canonical array in, cast to the model's type."""
        own = self.layout.from_canonical(canonical)
        if keras.backend.backend() == "torch":  # which copies what it is given; others may keep it
            self.variable.assign(np.require(own, requirements=("C", "W")))
        else:
            self.variable.assign(np.array(own, order="C"))


def name_table(model: keras.Model, rearranged: Rearranged = NOTHING) -> dict[str, Entry]:
    """Map canonical names to the model's weights. A weight that layers share stands under the first of them.

    `rearranged` is what `axes.axis_layout` found. Raises BridgeError for a model that is not built, for two
    weights with one name, and for a weight that belongs to no layer of the model.
    """
    if not model.built:
        raise BridgeError(f"{MODEL} '{model.name}' has no weights yet; give it an Input, or call it once before")
    table: dict[str, Entry] = {}
    seen: set[int] = set()
    renames = _renames(model)
    if renames:  # each of them must fit
        rename([name for name, _ in _entries(model, NOTHING, {})], renames, MODEL)
    for name, entry in _entries(model, rearranged, renames):
        if id(entry.variable) in seen:
            continue
        if name in table:
            both = f"'{table[name].variable.path}' and '{entry.variable.path}'"
            raise BridgeError(f"{both} of {MODEL} would both be the canonical weight '{name}'; name the layers apart")
        table[name] = entry
        seen.add(id(entry.variable))
    for variable in model.weights:
        if id(variable) not in seen and not _is_index(variable):
            raise BridgeError(f"'{variable.path}' of {MODEL} belongs to none of its layers")
    return table


def set_renames(model: keras.Model, given: Mapping[str, str]) -> None:
    """Let paths of a model's layers, or leading parts of them, be others in canonical names from here on."""
    object.__setattr__(model, PATHS, dict(given))


def _renames(model: keras.Model) -> Mapping[str, str]:
    return getattr(model, PATHS, {})


def _entries(model: keras.Model, rearranged: Rearranged, renames: Mapping[str, str]) -> Iterator[tuple[str, Entry]]:
    """Yield every layer's own weights, then those of the layers inside it."""
    for path, layer in _walk(model, ""):
        inner_variables = {id(variable) for _, inner in _layers_inside(layer) for variable in inner.weights}
        for variable in layer.weights:
            if id(variable) not in inner_variables and not _is_index(variable):
                name = rename_path(join(path, _parameter(layer, variable)), renames)
                layout = _layout(layer, variable)
                yield name, Entry(variable, Chain((rearranged[name], layout)) if name in rearranged else layout)


def _is_index(variable: keras.Variable) -> bool:
    """Tell whether a variable holds whole numbers that are not trained: a constant of the model, as it was built."""
    kind = keras.backend.standardize_dtype(variable.dtype)
    return not variable.trainable and (keras.backend.is_int_dtype(kind) or kind == "bool")


def _layers_inside(layer: keras.Layer) -> list[tuple[str, keras.Layer]]:
    """Return the layers that `layer` holds, each with its part of the path."""
    if isinstance(layer, layers.Bidirectional):
        return [("forward", layer.forward_layer), ("backward", layer.backward_layer)]
    if isinstance(layer, layers.RNN):
        return [("", layer.cell)]
    if isinstance(layer, layers.StackedRNNCells):
        return [(f"l{number}" if len(layer.cells) > 1 else "", cell) for number, cell in enumerate(layer.cells)]
    if isinstance(layer, layers.Wrapper):
        return [("", layer.layer)]
    # Only a model lists its layers publicly; a layer made of layers keeps them in _layers.
    inside = layer.layers if isinstance(layer, keras.Model) else layer._layers
    return [(inner.name, inner) for inner in inside]


def layer_paths(model: keras.Model) -> Iterator[tuple[str, keras.Layer]]:
    """Yield the model, under the empty path, and every layer in it once, with its canonical path.

    What adds no name of its own, such as the cell of a recurrent layer, is left out.
    """
    seen: set[int] = set()
    paths: set[str] = set()
    for own, layer in _walk(model, ""):
        path = rename_path(own, _renames(model)) if own else own
        if id(layer) not in seen and path not in paths:
            yield path, layer
        seen.add(id(layer))
        paths.add(path)


def _walk(layer: keras.Layer, path: str) -> Iterator[tuple[str, keras.Layer]]:
    yield path, layer
    for name, inner in _layers_inside(layer):
        yield from _walk(inner, join(path, name))


def _parameter(layer: keras.Layer, variable: keras.Variable) -> str:
    """Return the parameter's name; a separable convolution is two, one after the other."""
    return _OF_SEPARABLE[variable.name] if isinstance(layer, SEPARABLE) else variable.name


SEPARABLE = layers.SeparableConv1D | layers.SeparableConv2D
_OF_SEPARABLE = {
    "depthwise_kernel": "depthwise.kernel",
    "pointwise_kernel": "pointwise.kernel",
    "bias": "pointwise.bias",
}


def _layout(layer: keras.Layer, variable: keras.Variable) -> Layout:
    is_depthwise = isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D) and variable.name == "kernel"
    if is_depthwise or (isinstance(layer, SEPARABLE) and variable.name == "depthwise_kernel"):
        return depthwise_kernel(tuple(variable.shape))
    if isinstance(layer, layers.PReLU):
        return shared_alpha(tuple(variable.shape))
    return SAME


def weights(
    model: keras.Model, rearranged: Rearranged = NOTHING, without: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Return copies of the model's weights in canonical form, in the model's own type, but for those in `without`."""
    table = name_table(model, rearranged)
    return {name: entry.value() for name, entry in table.items() if name not in without}


def trainable_names(model: keras.Model) -> set[str]:
    """Return the canonical names of the weights that training updates."""
    return {name for name, entry in name_table(model).items() if entry.trainable}


def load_weights(
    model: keras.Model,
    canonical: Mapping[str, np.ndarray],
    rearranged: Rearranged = NOTHING,
    without: Collection[str] = (),
    only: Collection[str] | None = None,
) -> None:
    """Copy canonical weights into the model; BridgeError if a name is missing, left over or misshapen.

    The weights in `without` stay, and all but those in `only` if there are such.
    """
    table = {name: entry for name, entry in name_table(model, rearranged).items() if name not in without}
    shapes = {name: entry.shape for name, entry in table.items()}
    own_names = {name: f"Keras' {entry.variable.path} {tuple(entry.variable.shape)}" for name, entry in table.items()}
    require_same(shapes, shapes_of(canonical), MODEL, own_names=own_names)
    for name, entry in table.items():
        if only is None or name in only:
            entry.assign(canonical[name])
