"""Where a model's values and weights have their channels, as both tracks keep it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twotrack.shared.axes.values import Value
from twotrack.shared.weights.bridge.layouts import Rearrangement

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


def own_order(arrays: Sequence[np.ndarray], own: Arrangements) -> list[np.ndarray]:
    """Return arrays in canonical order as the framework has them; the way back of `canonical`."""
    return [
        array if arrangement is None else np.ascontiguousarray(arrangement.from_canonical(array))
        for array, arrangement in zip(arrays, own or [None] * len(arrays), strict=True)
    ]
