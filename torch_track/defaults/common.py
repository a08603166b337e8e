"""What several files of this folder need: tensors of arrays and back, layers applied to arrays."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def to_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor, images (batch, height, width, channels) with their channels first."""
    return torch.from_numpy(array).permute(0, 3, 1, 2) if array.ndim == 4 else torch.from_numpy(array)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return an array, images with their channels last."""
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).detach().numpy()


def apply(layer: Callable[[Tensor], Tensor], array: np.ndarray) -> np.ndarray:
    """Return what a module or function makes of an array."""
    return to_numpy(layer(to_tensor(array)))
