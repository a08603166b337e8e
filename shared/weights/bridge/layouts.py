"""How a framework lays out a weight against its canonical form: exact rearrangements of an array's elements.

No element is computed with, so a gradient travels by the same rule as its weight, and a round trip
gives back every bit. Results may be views of the arguments.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

Shape = tuple[int, ...]


class Layout(ABC):
    """One rearrangement, and its inverse."""

    @abstractmethod
    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Return a framework's array in canonical form."""

    @abstractmethod
    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Return a canonical array in the framework's form; the exact inverse of `to_canonical`."""

    def canonical_shape(self, shape: Shape) -> Shape:
        """Return the canonical shape of a framework's array of `shape`."""
        return self.to_canonical(np.empty(shape, np.bool_)).shape


@dataclass(frozen=True)
class Transpose(Layout):
    """Canonical axis i is the framework's axis `order[i]`."""

    order: Shape

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Transpose."""
        return array.transpose(self.order)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Transpose back."""
        return array.transpose(np.argsort(self.order))


@dataclass(frozen=True)
class Reshape(Layout):
    """The same elements in the same order, in another shape."""

    own: Shape
    canonical: Shape

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Give `array` the canonical shape."""
        return array.reshape(self.canonical)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Give `array` the framework's shape."""
        return array.reshape(self.own)


@dataclass(frozen=True)
class Gates(Layout):
    """The last axis holds one block per gate; canonical block i is the framework's block `order[i]`."""

    order: Shape

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Put the blocks in canonical order."""
        return self._take(array, self.order)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Put the blocks in the framework's order."""
        return self._take(array, np.argsort(self.order))

    def _take(self, array: np.ndarray, order: np.ndarray | Shape) -> np.ndarray:
        blocks = array.reshape(*array.shape[:-1], len(self.order), -1)
        return blocks[..., list(order), :].reshape(array.shape)


@dataclass(frozen=True)
class FlattenOrder(Layout):
    """The first axis counts the features of a flattened map, which a framework counts channel first.

    `feature_map` is the (height, width, channels) or (length, channels) in front of the Flatten. The
    canonical form counts channel last.
    """

    feature_map: Shape

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Turn the order channels, height, width of the features into height, width, channels."""
        *places, channels = self.feature_map
        return np.moveaxis(array.reshape(channels, *places, -1), 0, len(places)).reshape(array.shape)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Turn the order height, width, channels of the features into channels, height, width."""
        by_place = array.reshape(*self.feature_map, -1)
        return np.moveaxis(by_place, len(self.feature_map) - 1, 0).reshape(array.shape)


@dataclass(frozen=True)
class Rearrangement(Layout):
    """Canonical axis i is the framework's axis `axes[i]`, counted in another order."""

    axes: Shape
    orders: tuple[tuple[int, ...] | None, ...]
    """By the framework's axis: its index for each canonical one; None where both count alike."""

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Count every axis in the canonical order, then put the axes in it."""
        for axis, order in enumerate(self.orders):
            array = array if order is None else _taken(array, order, axis)
        return array.transpose(self.axes)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Undo both."""
        array = array.transpose(np.argsort(self.axes))
        for axis, order in enumerate(self.orders):
            array = array if order is None else _taken(array, np.argsort(order), axis)
        return array


def _taken(array: np.ndarray, order: Sequence[int] | np.ndarray, axis: int) -> np.ndarray:
    """Return an array with an axis in another order; ValueError if the axis has another size."""
    if array.shape[axis] != len(order):
        raise ValueError(f"expected {len(order)} values along axis {axis}, found {array.shape[axis]}")
    return array.take(order, axis)


@dataclass(frozen=True)
class Chain(Layout):
    """Several rearrangements, one after the other on the way to the canonical form."""

    steps: tuple[Layout, ...]

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Do all steps."""
        return reduce(lambda done, step: step.to_canonical(done), self.steps, array)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Undo all steps, last first."""
        return reduce(lambda done, step: step.from_canonical(done), reversed(self.steps), array)


SAME = Chain(())
DENSE = Transpose((1, 0))
"""torch's (outputs, inputs) to (inputs, outputs)."""
CONV = {1: Transpose((2, 1, 0)), 2: Transpose((2, 3, 1, 0)), 3: Transpose((2, 3, 4, 1, 0))}
"""By number of spatial axes: torch's (outputs, inputs, *kernel) to (*kernel, inputs, outputs). A transposed
convolution goes the same way: (inputs, outputs, *kernel) to (*kernel, outputs, inputs)."""
GRU_GATES = Gates((1, 0, 2))
"""torch's reset, update, new to Keras' update z, reset r, candidate h."""


def dense_after_flatten(*feature_map: int) -> Layout:
    """torch's (outputs, channels*height*width) to (height*width*channels, outputs)."""
    return Chain((DENSE, FlattenOrder(feature_map)))


def heads_kernel(inputs: int, heads: int, head_dim: int) -> Layout:
    """torch's (heads*head_dim, inputs) to (inputs, heads, head_dim): query, key and value."""
    return Chain((DENSE, Reshape((inputs, heads * head_dim), (inputs, heads, head_dim))))


def heads_bias(heads: int, head_dim: int) -> Layout:
    """(heads*head_dim,) to (heads, head_dim)."""
    return Reshape((heads * head_dim,), (heads, head_dim))


def merge_heads_kernel(heads: int, head_dim: int, outputs: int) -> Layout:
    """torch's (outputs, heads*head_dim) to (heads, head_dim, outputs): the attention's output."""
    return Chain((DENSE, Reshape((heads * head_dim, outputs), (heads, head_dim, outputs))))


def depthwise_kernel(shape: Shape) -> Layout:
    """Keras' depthwise (*kernel, inputs, multiplier) to (*kernel, 1, inputs*multiplier), a grouped convolution's."""
    *kernel, inputs, multiplier = shape
    return Reshape(shape, (*kernel, 1, inputs * multiplier))


def shared_alpha(shape: Shape) -> Layout:
    """Keras' PReLU slopes (1, 1, channels), shared over height and width, to (channels,).

    Slopes that are not shared, (height, width, channels), stay as they are.
    """
    return Reshape(shape, shape[-1:]) if all(size == 1 for size in shape[:-1]) else SAME
