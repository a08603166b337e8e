"""Follows the channel axis through a torch module, so that its values can be put channels last.

A TorchFunctionMode sees every torch call. Images enter with their channels on axis 1; convolutions
keep them there, permutations move them, and a flatten mixes them into the features in channel-first
order, which is remembered until a dense layer consumes them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

CHANNEL_AXIS, FLATTENED = "_channel_axis", "_flattened"
_CONVOLUTIONS = {
    "conv1d": 1, "conv2d": 1, "conv3d": 1,
    "conv_transpose1d": 1, "conv_transpose2d": 1, "conv_transpose3d": 1,
}  # fmt: skip
_RESHAPES = {"flatten", "reshape", "view", "squeeze", "unflatten"}


def mark_channels(tensor: Tensor, axis: int) -> Tensor:
    """Say that `axis` of the tensor counts channels."""
    setattr(tensor, CHANNEL_AXIS, axis)
    return tensor


def canonical(tensor: Tensor) -> Tensor:
    """Return the tensor in canonical order: channels last, flattened features channels last too."""
    axis, flattened = getattr(tensor, CHANNEL_AXIS, None), getattr(tensor, FLATTENED, None)
    if flattened is not None:
        return tensor.reshape(len(tensor), *flattened).movedim(1, -1).reshape(tensor.shape)
    return tensor if axis is None else tensor.movedim(axis, -1)


def channels_last(tensor: Tensor) -> np.ndarray:
    """Return a copy of the tensor's values in canonical order."""
    return canonical(tensor).detach().cpu().numpy().copy()


class AxisTracker(TorchFunctionMode):
    """Marks the results of torch calls with where their channels are.

    `dense_inputs` collects, by the path of the dense layer, the (height, width, channels) or
    (length, channels) that was flattened in channel-first order before it.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self._paths = {id(parameter): path.rpartition(".")[0] for path, parameter in module.named_parameters()}
        self.dense_inputs: dict[str, tuple[int, ...]] = {}

    def __torch_function__(
        self, function: Callable, types: Sequence[type], args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if isinstance(result, Tensor) and args and isinstance(args[0], Tensor):
            self._mark(name, result, args[0], args[1:], kwargs or {})
        return result

    def _mark(self, name: str, result: Tensor, source: Tensor, rest: Sequence, kwargs: Mapping[str, Any]) -> None:
        axis, flattened = getattr(source, CHANNEL_AXIS, None), getattr(source, FLATTENED, None)
        if name == "linear" and flattened is not None:
            channels, *places = flattened
            self.dense_inputs[self._paths.get(id(rest[0] if rest else kwargs["weight"]), "")] = (*places, channels)
        elif name in _CONVOLUTIONS:
            mark_channels(result, _CONVOLUTIONS[name])
        elif axis is not None and name in _MOVES:
            mark_channels(result, _MOVES[name](source.ndim, axis, rest, kwargs))
        elif axis is not None and name in _RESHAPES:
            _mark_reshaped(result, source, axis)
        elif axis is not None and result.ndim == source.ndim:
            mark_channels(result, axis)
        elif flattened is not None and result.shape == source.shape:
            setattr(result, FLATTENED, flattened)


def dense_inputs(module: nn.Module, *inputs: Tensor) -> dict[str, tuple[int, ...]]:
    """Run the module once; return, by path, what was flattened channel first before each dense layer."""
    module.eval()
    with torch.no_grad(), AxisTracker(module) as tracker:
        module(*inputs)
    return tracker.dense_inputs


def _mark_reshaped(result: Tensor, source: Tensor, axis: int) -> None:
    if result.shape == source.shape:
        mark_channels(result, axis)
    elif result.ndim == 2 and len(result) == len(source) and axis == 1:
        setattr(result, FLATTENED, tuple(source.shape[1:]))


def _permuted(ndim: int, axis: int, rest: Sequence, kwargs: Mapping[str, Any]) -> int:
    given = kwargs.get("dims", rest)
    order = given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    return [place % ndim for place in order].index(axis)


def _swapped(ndim: int, axis: int, rest: Sequence, kwargs: Mapping[str, Any]) -> int:
    given = [*rest, *kwargs.values()]
    first, second = (place % ndim for place in given[:2])
    return {first: second, second: first}.get(axis, axis)


def _moved(ndim: int, axis: int, rest: Sequence, kwargs: Mapping[str, Any]) -> int:
    source, destination = (
        [place] if isinstance(place, int) else list(place) for place in [*rest, *kwargs.values()][:2]
    )
    labels = np.moveaxis(np.empty(range(1, ndim + 1)), source, destination).shape
    return labels.index(axis + 1)


_MOVES = {
    "permute": _permuted,
    "transpose": _swapped,
    "swapaxes": _swapped,
    "swapdims": _swapped,
    "movedim": _moved,
    "moveaxis": _moved,
}
