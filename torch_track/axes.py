"""Follows the channel axis through a torch module, so that its values can be put channels last.

A TorchFunctionMode sees every torch call. Images enter with their channels on axis 1; convolutions
keep them there, permutations move them, and a flatten mixes them into the features in channel-first
order, which is remembered until a dense layer consumes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.torch_track.structure import tensors_in

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


@dataclass(frozen=True)
class ChannelAxes:
    """Where one tensor has its channels."""

    channels: int | None = None
    """The axis that counts them; None if it is the last, or none."""
    flattened: tuple[int, ...] | None = None
    """(channels, height, width) or (channels, length) that were flattened into the last axis."""

    @classmethod
    def of(cls, tensor: Tensor) -> "ChannelAxes":
        """Read the marks of a tensor."""
        return cls(getattr(tensor, CHANNEL_AXIS, None), getattr(tensor, FLATTENED, None))

    def channels_last(self, tensor: Tensor) -> Tensor:
        """Return the tensor in canonical order: channels last, flattened features channels last too."""
        if self.flattened is not None:
            return tensor.reshape(len(tensor), *self.flattened).movedim(1, -1).reshape(tensor.shape)
        return tensor if self.channels is None else tensor.movedim(self.channels, -1)

    def channels_first(self, tensor: Tensor) -> Tensor:
        """Return a tensor in canonical order as the module had it, marked; the way back of `channels_last`."""
        if self.flattened is not None:
            channels, *places = self.flattened
            own = tensor.reshape(len(tensor), *places, channels).movedim(-1, 1).reshape(tensor.shape)
            setattr(own, FLATTENED, self.flattened)
            return own
        return tensor if self.channels is None else mark_channels(tensor.movedim(-1, self.channels), self.channels)


def channels_last(tensor: Tensor) -> np.ndarray:
    """Return a copy of the tensor's values in canonical order."""
    return ChannelAxes.of(tensor).channels_last(tensor).detach().cpu().numpy().copy()


class AxisTracker(TorchFunctionMode):
    """Marks the results of torch calls with where their channels are.

    Its `dense_inputs` collects, by the path of the dense layer, the (height, width, channels) or
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


@dataclass(frozen=True)
class ChannelLayout:
    """Where a module's values have their channels, which does not change from batch to batch."""

    dense_inputs: Mapping[str, tuple[int, ...]]
    """By path of a dense layer, what was flattened channel first before it."""
    outputs: Sequence["ChannelAxes"] = ()
    """Of each output; empty if none has to be moved."""

    def channels_last(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Return a module's outputs in canonical order."""
        if not self.outputs:
            return list(outputs)
        return [axes.channels_last(output) for axes, output in zip(self.outputs, outputs, strict=True)]


NO_LAYOUT = ChannelLayout({})


def axis_layout(module: nn.Module, inputs: Sequence[Tensor]) -> ChannelLayout:
    """Run the module once, in evaluation mode, and return where its values have their channels."""
    module.eval()
    with torch.no_grad(), AxisTracker(module) as tracker:
        outputs = [ChannelAxes.of(tensor) for tensor in tensors_in(module(*inputs))]
    moved = any(axes != ChannelAxes() for axes in outputs)
    return ChannelLayout(tracker.dense_inputs, outputs if moved else ())


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
