"""Gradients moved by as little as rounding, to see what an optimizer makes of it."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import keras
from keras import ops

from twotrack.keras_track import weights
from twotrack.shared.base.tolerances import GRADIENT_SCALE_FLOOR


class GradientMover:
    """Moves every gradient of a model by `share` of the largest of its layer, as the rung gradients measures them.

    Draw 0 moves all of them up and draw 1 down, in every step; later ones have a sign for each number and step. That
    comes from a hash, as a draw would be one of the model's own.
    """

    def __init__(self, model: keras.Model, share: float, draw: int):
        self._model, self._share, self._draw = model, share, draw
        self._layers = {
            id(entry.variable): name.rpartition(".")[0] for name, entry in weights.name_table(model).items()
        }

    def attach(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Let an optimizer move the gradients that it is given before it applies them."""
        apply: Callable[..., Any] = optimizer.apply

        def moved(gradients: Sequence[Any], variables: Sequence[keras.Variable] | None = None) -> Any:
            own = self._model.trainable_variables if variables is None else variables
            return apply(self._moved(gradients, own, optimizer.iterations), variables)

        optimizer.apply = moved

    def _moved(self, gradients: Sequence[Any], variables: Sequence[keras.Variable], step: Any) -> list[Any]:
        dense = [None if one is None else ops.convert_to_tensor(one) for one in gradients]
        largest: dict[str, Any] = {}
        for gradient, variable in zip(dense, variables, strict=True):
            if gradient is not None:
                size, layer = ops.max(ops.abs(gradient)), self._layers[id(variable)]
                largest[layer] = ops.maximum(largest[layer], size) if layer in largest else size
        floor = GRADIENT_SCALE_FLOOR * ops.max(ops.stack(list(largest.values()))) if largest else 0.0
        sizes = [largest.get(self._layers[id(variable)]) for variable in variables]
        return [
            one if one is None else one + self._share * ops.maximum(size, floor) * self._signs(one, number, step)
            for number, (one, size) in enumerate(zip(dense, sizes, strict=True))
        ]

    def _signs(self, gradient: Any, number: int, step: Any) -> Any:
        if self._draw < 2:
            return 1.0 - 2.0 * self._draw
        places = ops.cast(ops.reshape(ops.arange(prod(gradient.shape)), gradient.shape), gradient.dtype)
        mixed = ops.sin(12.9898 * places + 78.233 * ops.cast(step, gradient.dtype) + 37.719 * number + self._draw)
        return ops.where(mixed >= 0, 1.0, -1.0)
