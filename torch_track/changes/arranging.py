"""Orders of numbers: from the canonical order of axes back to a module's own, and of weights as the other side's."""

import numpy as np
import torch
from torch import Tensor

from twotrack.shared.spec.changes import OrderWeight
from twotrack.shared.weights.bridge.layouts import Layout, Rearrangement


def arranged_back(tensor: Tensor, arrangement: Rearrangement | None) -> Tensor:
    """Return a tensor in canonical order as the module has it; as it is where it has another number of axes."""
    if arrangement is None or tensor.ndim != len(arrangement.axes):
        return tensor
    tensor = tensor.permute(tuple(np.argsort(arrangement.axes).tolist()))
    for axis, order in enumerate(arrangement.orders):
        if order is not None and len(order) == tensor.shape[axis]:
            tensor = tensor.index_select(axis, torch.tensor(np.argsort(order), device=tensor.device))
    return tensor


class Reordered(Layout):
    """A weight in the order of the other side."""

    def __init__(self, change: OrderWeight):
        self._change = change

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Undo the order."""
        return self._turned(self._in_blocks(array, tuple(np.argsort(self._change.order))))

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Put the numbers in the order."""
        return self._in_blocks(self._turned(array), self._change.order)

    def _turned(self, array: np.ndarray) -> np.ndarray:
        """Exchange and reverse axes, which undoes itself."""
        array = np.flip(array, self._change.reversed)
        return np.swapaxes(array, *self._change.exchanged) if self._change.exchanged else array

    def _in_blocks(self, array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
        if not order:
            return array
        moved = np.moveaxis(array, self._change.axis, -1)
        blocks = moved.reshape(*moved.shape[:-1], len(order), -1)[..., list(order), :]
        return np.moveaxis(blocks.reshape(moved.shape), -1, self._change.axis)
