"""Optimizers of Keras on PyTorch in little memory: they update all weights in one go, with several copies of all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from twotrack.shared.base.sizes import PART

_WHOLE = {"Nadam"}
"""Of Keras' own: those that count a step in each update."""


def in_parts(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer, if it is one of Keras' own on PyTorch, update rows of weights after others: to the same."""
    kinds = (kind for kind in type(optimizer).__mro__ if "_parallel_update_step" in vars(kind))
    kind = next(kinds, None)
    if kind is None or not kind.__module__.startswith("keras.src.backend.torch.") or kind.__name__ in _WHOLE:
        return
    whole, index = optimizer._parallel_update_step, optimizer._get_variable_index

    def step(gradients: Sequence[Any], variables: Sequence[keras.Variable], learning_rate: Any) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            for rows in _parts(variable):
                with _only(optimizer, rows):
                    whole([gradient[rows]], [_Rows(variable, rows)], learning_rate)

    object.__setattr__(optimizer, "_parallel_update_step", step)
    object.__setattr__(optimizer, "_get_variable_index", lambda one: index(getattr(one, "whole", one)))


class _Rows:
    """Some rows of a variable, in its place."""

    def __init__(self, variable: keras.Variable, rows: slice | Any):
        self.whole, self._rows = variable, rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    @property
    def value(self) -> Any:
        """A view of them."""
        return self.whole.value[self._rows]


class _RowsOfAll(list):
    """Variables of an optimizer, one for each weight, of which some rows are taken."""

    def __init__(self, variables: Sequence[keras.Variable], rows: slice | Any):
        super().__init__(variables)
        self._of = rows

    def __getitem__(self, number: Any) -> Any:
        return _Rows(super().__getitem__(number), self._of)


@contextmanager
def _only(optimizer: keras.optimizers.Optimizer, rows: slice | Any) -> Iterator[None]:
    """Let an optimizer find, for a while, these rows of what it keeps for each weight."""
    count = len(optimizer._trainable_variables)
    own = {name: kept for name, kept in vars(optimizer).items() if _is_state(name, kept, count)}
    for name, kept in own.items():
        object.__setattr__(optimizer, name, _RowsOfAll(kept, rows))
    try:
        yield
    finally:
        for name, kept in own.items():
            object.__setattr__(optimizer, name, kept)


def _is_state(name: str, kept: Any, count: int) -> bool:
    is_list = isinstance(kept, list) and len(kept) == count and name != "_trainable_variables"
    return is_list and all(isinstance(one, keras.Variable) for one in kept)


def _parts(variable: keras.Variable) -> Iterator[Any]:
    """Yield slices of a variable's rows with about PART values each; all of one that is small."""
    tensor = variable.value
    if tensor.ndim == 0 or tensor.numel() <= PART:
        yield ...
        return
    rows = max(1, PART * len(tensor) // tensor.numel())
    yield from (slice(first, first + rows) for first in range(0, len(tensor), rows))
