"""Finds what the axes of a torch module's values and weights count, so that they can be put channels last.

A TorchFunctionMode sees every torch call and lets `shared.axes` make it again. What torch's own functions call
channels says which of a value's axes those are; nothing else is asked for by name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode

from twotrack.shared.axes.calls import Call, Given
from twotrack.shared.axes.follow import Use, follow, model_input, settle_weights
from twotrack.shared.axes.layout import NO_LAYOUT, Arrangements, ChannelLayout, LayerCall, arrangements
from twotrack.shared.axes.values import Value, fresh
from twotrack.shared.spec.inputs import Input, InputShape, describe, drawn
from twotrack.shared.weights.bridge.layouts import Rearrangement
from twotrack.torch_track.inputs import tensors
from twotrack.torch_track.structure import all_given, replaced, tensors_in

COUNTED = "_counted"
"""Attribute of a tensor: what its axes count."""
CHANNELS_FIRST = re.compile(
    r"conv\w*|\w*pool\w*|(batch|instance|group|local_response)_norm|prelu|interpolate|upsample\w*|grid_sample"
    r"|pixel_(un)?shuffle|channel_shuffle"
)
"""torch's functions that have the channels on axis 1 by definition."""
CHANNELS = 1


def channels_last(tensors: Sequence[Tensor], own: Arrangements) -> list[Tensor]:
    """Return tensors in canonical order."""
    if not own:
        return list(tensors)
    return [_channels_last(tensor, arrangement) for tensor, arrangement in zip(tensors, own, strict=True)]


def _channels_last(tensor: Tensor, arrangement: Rearrangement | None) -> Tensor:
    if arrangement is None:
        return tensor
    for axis, order in enumerate(arrangement.orders):
        if order is not None:
            tensor = tensor.index_select(axis, torch.tensor(order, device=tensor.device))
    return tensor.permute(arrangement.axes)


def layout_of(module: nn.Module, input_shape: InputShape) -> ChannelLayout:
    """Return the layout of a module that takes inputs of this shape, as a Pair states it."""
    return axis_layout(module, describe(input_shape))


def axis_layout(module: nn.Module, inputs: Mapping[str, Input]) -> ChannelLayout:
    """Run the module in evaluation mode, and return where its values and weights have their channels.

    Nothing is followed in a module whose values are channels last throughout.
    """
    if has_no_layout(module, inputs):
        return NO_LAYOUT
    given = _given(module, inputs)
    with torch.no_grad(), AxisTracker(module) as tracker:
        for tensor, spec in zip(given, inputs.values(), strict=True):
            setattr(tensor, COUNTED, model_input(tuple(tensor.shape), spec))
        outputs = module(*given)
    return tracker.layout(outputs)


def has_no_layout(module: nn.Module, inputs: Mapping[str, Input]) -> bool:
    """Run the module in evaluation mode; tell whether all of its values are channels last."""
    module.eval()
    if any(spec.is_displaced for spec in inputs.values()):
        return False
    with torch.no_grad(), _ChannelsFirst() as seen:
        module(*_given(module, inputs))
    return not seen.any


def _given(module: nn.Module, inputs: Mapping[str, Input]) -> list[Tensor]:
    """Return drawn inputs as the module takes them."""
    weight = next((tensor for tensor in module.parameters() if tensor.is_floating_point()), torch.zeros(()))
    return tensors(drawn(inputs), inputs, str(weight.device), weight.dtype)


def _works_on_last_axis(layer: nn.Module) -> bool:
    """Tell whether a layer works on the last axis in both frameworks, whatever that counts: there it is recorded.

    A normalisation with a `forward` of its own may move the channels behind, and in front again, as ConvNeXt's does.
    """
    if isinstance(layer, nn.LayerNorm | nn.RMSNorm):
        is_torchs = type(layer).forward in (nn.LayerNorm.forward, nn.RMSNorm.forward)
        return is_torchs and len(layer.normalized_shape) == 1
    return isinstance(layer, nn.Linear | nn.RNNBase | nn.MultiheadAttention)


class _ChannelsFirst(TorchFunctionMode):
    """Looks for functions that have their channels first."""

    any = False

    def __torch_function__(self, function: Callable, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
        self.any = self.any or _channel_axis(function) is not None
        return function(*args, **(kwargs or {}))


def _channel_axis(function: Callable) -> int | None:
    return CHANNELS if CHANNELS_FIRST.fullmatch(getattr(function, "__name__", "")) else None


class AxisTracker(TorchFunctionMode):
    """Marks the results of torch calls with what their axes count."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self._module, self._uses = module, list[Use]()
        self._weights = {
            id(tensor): fresh(tensor.shape, is_weight=True)
            for tensor in [*module.parameters(), *module.buffers()]
            if tensor.is_floating_point()
        }
        self._layers: dict[str, list[tuple[list[Value], list[Value]]]] = {}
        self._paths, self._inside = {id(layer): path for path, layer in module.named_modules()}, False

    def __enter__(self) -> "AxisTracker":
        self._hook = register_module_forward_hook(self._record, with_kwargs=True)
        return super().__enter__()

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        self._hook.remove()

    def __torch_function__(
        self, function: Callable, types: Sequence[type], args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        again = _Again(function, args, kwargs)
        result = again.first()
        if again.results and any(self._value(tensor) for tensor in again.tensors):
            self._follow(again, _channel_axis(function), getattr(function, "__name__", ""))
        return result

    def layout(self, outputs: Any) -> ChannelLayout:
        """Return what was found, after the module has run to its `outputs`."""
        settle_weights(self._uses)
        weights = {
            name: arrangement
            for name, tensor in self._module.state_dict(keep_vars=True).items()
            if (value := self._weights.get(id(tensor))) and (arrangement := value.rearrangement())
        }
        layers = {
            path: [LayerCall(arrangements(inputs), arrangements(outputs)) for inputs, outputs in calls]
            for path, calls in self._layers.items()
        }
        return ChannelLayout(weights, arrangements(self._values(outputs)), layers)

    def _follow(self, again: "_Again", channel_axis: int | None, name: str) -> None:
        givens = [Given(_array(tensor), self._value(tensor)) for tensor in again.tensors]
        call = Call(givens, [_array(tensor) for tensor in again.results], again, channel_axis, name)
        values, use = follow(call)
        for tensor, value in zip(again.results, values, strict=True):
            if id(tensor) not in self._weights:
                setattr(tensor, COUNTED, value)
        if use:
            self._uses.append(use)

    def _value(self, tensor: Tensor) -> Value | None:
        return self._weights.get(id(tensor)) or getattr(tensor, COUNTED, None)

    def _values(self, structure: Any) -> list[Value]:
        return [self._value(tensor) or fresh(tensor.shape) for tensor in tensors_in(structure)]

    def _record(self, layer: nn.Module, args: tuple, kwargs: Mapping[str, Any], output: Any) -> None:
        """Keep what is known of the values of a layer that was called."""
        path = self._paths.get(id(layer))
        if path is not None and not self._inside:
            self._follow_whole(layer, args, kwargs, output)
            in_place = _works_on_last_axis(layer)
            parts = (all_given(layer, args, kwargs), output)
            values = [[replace(value, in_place=in_place) for value in self._values(part)] for part in parts]
            self._layers.setdefault(path, []).append((values[0], values[1]))

    def _follow_whole(self, layer: nn.Module, args: tuple, kwargs: Mapping[str, Any], output: Any) -> None:
        """Follow a layer as one call if what it does inside could not be seen, as in TorchScript."""
        given, made = tensors_in((args, kwargs)), tensors_in(output)
        if any(self._value(tensor) is None for tensor in made) and any(self._value(tensor) for tensor in given):
            again = _Again(layer.forward, args, kwargs)
            again.came_out(output)
            self._inside = True
            with torch._C.DisableTorchFunction():
                self._follow(again, None, type(layer).__name__)
            self._inside = False


class _Again:
    """A torch call that can be made again with other arrays, and leaves no trace."""

    def __init__(self, function: Callable, args: Sequence, kwargs: Mapping[str, Any]):
        self._function, self._given = function, (tuple(args), dict(kwargs))
        unique = {id(tensor): tensor for tensor in tensors_in(self._given)}
        self.tensors = list(unique.values())
        self.results: list[Tensor] = []
        self._random: Tensor | None = None
        self._new: list[int] = []
        """Which of the tensors in what comes out were not given."""
        self._written: list[int] = []
        """Numbers of the given tensors that the call changes in place."""

    def first(self) -> Any:
        """Make the call as the module does, and keep the tensors that come out or are written to."""
        self._random = torch.get_rng_state() if self.tensors else None
        versions = [_version(tensor) for tensor in self.tensors]
        result = self._function(*self._given[0], **self._given[1])
        self._written = [
            number
            for number, (tensor, version) in enumerate(zip(self.tensors, versions, strict=True))
            if _version(tensor) != version
        ]
        self.came_out(result)
        return result

    def came_out(self, result: Any) -> None:
        """Keep the tensors of a result that were not given, and those that were written to."""
        known, made = {id(tensor) for tensor in self.tensors}, tensors_in(result)
        self._new = [place for place, tensor in enumerate(made) if id(tensor) not in known]
        self.results = [*(made[place] for place in self._new), *(self.tensors[number] for number in self._written)]

    def __call__(self, arrays: Mapping[int, np.ndarray]) -> list[np.ndarray]:
        """Return the results with other arrays in the place of the tensors of these numbers."""
        table = {
            id(tensor): self._as_tensor(arrays.get(number), tensor, number)
            for number, tensor in enumerate(self.tensors)
        }
        args, kwargs = replaced(self._given, table)
        before = torch.get_rng_state()
        if self._random is not None:
            torch.set_rng_state(self._random)
        try:
            with torch.no_grad():
                result = self._function(*args, **kwargs)
        finally:
            torch.set_rng_state(before)
        made = tensors_in(result)
        written = [table[id(self.tensors[number])] for number in self._written]
        return [_array(tensor) for tensor in (*(made[place] for place in self._new), *written)]

    def _as_tensor(self, array: np.ndarray | None, tensor: Tensor, number: int) -> Tensor:
        if array is None:
            return tensor.detach().clone() if self._written else tensor
        return torch.from_numpy(np.ascontiguousarray(array)).to(tensor.device)


def _version(tensor: Tensor) -> int:
    """Return a number that grows whenever the tensor is written to; inference mode keeps none."""
    return 0 if tensor.is_inference() else tensor._version


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
