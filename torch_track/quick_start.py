"""Builds a module without drawing the initial values of large parameters, where others take their place at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.base.sizes import LARGE_WEIGHT, repeated

_DRAWING = {"normal_", "uniform_"}


class AnyInitialValues(TorchFunctionMode):
    """Lets large parameters that are filled inside the block, by no generator of their own, have any values."""

    def __torch_function__(
        self, function: Callable, types: Any, args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(function, "__name__", "") not in _DRAWING or given.get("generator") is not None:
            return function(*args, **given)
        filled = args[0] if args else given.get("tensor")
        if not isinstance(filled, nn.Parameter) or filled.numel() < LARGE_WEIGHT:
            return function(*args, **given)
        with torch.no_grad():
            return filled.copy_(torch.from_numpy(repeated(tuple(filled.shape))))
