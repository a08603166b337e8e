"""Where a model's values and weights have their channels, as both tracks keep it."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twotrack.shared.axes.values import Value
from twotrack.shared.weights.bridge.layouts import Rearrangement

RECENT = 8
"""Copies that are remembered."""
Arrangements = tuple[Rearrangement | None, ...]
"""Of several arrays: the way to the canonical form; None where one has it. Empty if all have."""


@dataclass(frozen=True)
class LayerCall:
    """Where the values of one call of a layer have their channels."""

    inputs: Arrangements = ()
    outputs: Arrangements = ()


@dataclass(frozen=True)
class ChannelLayout:
    """What does not change from batch to batch. Empty for a model whose values are channels last throughout."""

    weights: Mapping[str, Rearrangement] = field(default_factory=dict)
    """By name, in torch's state_dict or canonical in Keras: weights whose axes count in another order."""
    outputs: Arrangements = ()
    layers: Mapping[str, Sequence[LayerCall]] = field(default_factory=dict)
    """By path, in the order of calls."""

    def layer(self, path: str, number: int) -> LayerCall:
        """Return what is known of a call of the layer at `path`, counted from 0."""
        calls = self.layers.get(path, ())
        return calls[min(number, len(calls) - 1)] if calls else LayerCall()


NO_LAYOUT = ChannelLayout()


def arrangements(values: Sequence[Value]) -> Arrangements:
    """Return the ways to the canonical form."""
    found = tuple(value.rearrangement() for value in values)
    return found if any(found) else ()


def canonical(arrays: Sequence[np.ndarray], own: Arrangements) -> list[np.ndarray]:
    """Return copies of arrays in canonical order."""
    return [
        np.array(array if arrangement is None else arrangement.to_canonical(array), order="C")
        for array, arrangement in zip(arrays, own or [None] * len(arrays), strict=True)
    ]


def canonical_shape(shape: tuple[int, ...], own: Arrangements) -> tuple[int, ...]:
    """Return the shape in canonical order of the first of several values."""
    arrangement = own[0] if own else None
    return shape if arrangement is None else arrangement.canonical_shape(shape)


class Copies:
    """Copies of tensors in canonical order, for those who do not write to them.

    A layer inside another gives what that gives, and the next one takes it: of a tensor that was copied a moment ago
    there is the same copy again, unless it was written to.
    """

    def __init__(self, read: Callable[[Any], np.ndarray]):
        """`read` returns a tensor's values, which need be no copy."""
        self._read = read
        self._recent: deque[tuple[Any, object, Rearrangement | None, np.ndarray]] = deque(maxlen=RECENT)

    def of(self, tensors: Sequence[Any], own: Arrangements) -> list[np.ndarray]:
        """Return a copy of each."""
        return [self._copy(*one) for one in zip(tensors, own or [None] * len(tensors), strict=True)]

    def _copy(self, tensor: Any, arrangement: Rearrangement | None) -> np.ndarray:
        writes = _writes(tensor)
        for kept, before, way, found in self._recent:
            if kept is tensor and before == writes and way == arrangement:
                return found
        (copy,) = canonical([self._read(tensor)], (arrangement,))
        self._recent.append((tensor, writes, arrangement, copy))
        return copy


def _writes(tensor: Any) -> object:
    """Return how often a tensor of torch was written to; other frameworks' never are."""
    try:
        return getattr(tensor, "_version", 0)
    except RuntimeError:  # of a tensor made in inference mode, which does not count
        return object()


def own_order(arrays: Sequence[np.ndarray], own: Arrangements) -> list[np.ndarray]:
    """Return arrays in canonical order as the framework has them; the way back of `canonical`."""
    return [
        array if arrangement is None else np.ascontiguousarray(arrangement.from_canonical(array))
        for array, arrangement in zip(arrays, own or [None] * len(arrays), strict=True)
    ]
