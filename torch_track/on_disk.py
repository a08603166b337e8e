"""New modules whose large weights lie in files, in float64, so that memory need not hold them all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from twotrack.shared.base.pages import OnDisk


@contextmanager
def weights_on_disk(disk: OnDisk) -> Iterator[None]:
    """Let every large weight that a module gets in this block be zeros of a file's, whatever starts it."""
    original, placed = nn.Module.register_parameter, _Placed(disk)
    draws = {name: function for name, function in vars(nn.init).items() if name.endswith("_") and callable(function)}

    def register(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        original(module, name, placed.of(parameter) if parameter is not None else None)

    with ExitStack() as replaced:
        replaced.enter_context(patch.object(nn.Module, "register_parameter", register))
        for name, function in draws.items():  # what they draw is not needed, and takes time
            replaced.enter_context(patch.object(nn.init, name, _skipping(function, placed)))
        yield


class _Placed:
    """Which parameters lie in files."""

    def __init__(self, disk: OnDisk):
        self._disk = disk
        self._known = WeakTensorKeyDictionary()
        self._ids: set[int] = set()

    def of(self, parameter: nn.Parameter) -> nn.Parameter:
        """Return what stands for a parameter: itself if it is small, or lies in a file; the same one each time."""
        if id(parameter) in self._ids or parameter.device.type != "cpu" or not parameter.is_floating_point():
            return parameter
        if parameter in self._known:
            return self._known[parameter]
        array = self._disk.zeros(tuple(parameter.shape), np.dtype(np.float64))
        if array is None:
            return parameter
        own = nn.Parameter(torch.from_numpy(array), requires_grad=parameter.requires_grad)
        self._known[parameter] = own
        self._ids.add(id(own))
        return own

    def __contains__(self, value: Any) -> bool:
        return id(value) in self._ids


def _skipping(initialise: Callable, placed: _Placed) -> Callable:
    """Return a function of torch.nn.init that leaves a parameter in a file as it is."""

    @wraps(initialise)
    def skipping(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return tensor if tensor in placed else initialise(tensor, *args, **kwargs)

    return skipping
