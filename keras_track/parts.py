"""Optimizers of Keras on PyTorch in little memory: they update all weights in one go, with several copies of all."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from twotrack.shared.base.sizes import PART

_WHOLE = {"Nadam"}
"""Of Keras' own: those that count a step in each update."""


def in_parts(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer, if it is one of Keras' own on PyTorch, update some weights after the others: to the same."""
    kinds = (kind for kind in type(optimizer).__mro__ if "_parallel_update_step" in vars(kind))
    kind = next(kinds, None)
    if kind is None or not kind.__module__.startswith("keras.src.backend.torch.") or kind.__name__ in _WHOLE:
        return
    whole = optimizer._parallel_update_step

    def step(gradients: Sequence[Any], variables: Sequence[keras.Variable], learning_rate: Any) -> None:
        for part in _parts(variables):
            whole(gradients[part], variables[part], learning_rate)

    object.__setattr__(optimizer, "_parallel_update_step", step)


def _parts(variables: Sequence[keras.Variable]) -> Iterator[slice]:
    """Yield slices of variables with about PART values each."""
    first = values = 0
    for number, variable in enumerate(variables):
        values += int(variable.value.numel())
        if values >= PART or number == len(variables) - 1:
            yield slice(first, number + 1)
            first, values = number + 1, 0
