"""What a module draws in training, and how the numbers are those of a source."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.axes.follow import model_input
from twotrack.shared.spec import aten
from twotrack.shared.spec.draws import SHOWN_EXAMPLES, Base, Draw, DrawnPass, DrawSource
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.probe import Visit
from twotrack.shared.weights.bridge.layouts import Rearrangement
from twotrack.torch_track.axes import COUNTED, NO_LAYOUT, AxisTracker, ChannelLayout
from twotrack.torch_track.recording import Named, layers_recorded, removed
from twotrack.torch_track.state import state_kept
from twotrack.torch_track.structure import tensors_in

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
DROPPING = {
    "dropout": "dropout", "dropout1d": "dropout", "dropout2d": "dropout", "dropout3d": "dropout",
    "dropout_": "dropout", "feature_dropout": "dropout", "native_dropout": "dropout",
    "alpha_dropout": "alpha_dropout", "feature_alpha_dropout": "alpha_dropout",
    "multi_head_attention_forward": "dropout", "scaled_dot_product_attention": "dropout",
} | dict.fromkeys(RECURRENT, "dropout")  # fmt: skip
"""Functions of torch that drop, and what they do, as Keras calls it."""


@dataclass(frozen=True)
class DrawAxes:
    """How the numbers of one draw lie in torch."""

    arrangement: Rearrangement | None = None
    """The way to the canonical form, of what the draw is applied to; None where it has that form."""
    time_first: bool = False
    """(time, batch, ...), as recurrent layers have it inside."""

    def of(self, shape: Sequence[int]) -> Rearrangement | None:
        """Return the way to the canonical form of an array of that shape, whose axes may have length 1."""
        if self.time_first and len(shape) == 3:
            return Rearrangement((1, 0, 2), (None, None, None))
        if self.arrangement is None or len(self.arrangement.axes) != len(shape):
            return None
        orders = zip(self.arrangement.orders, shape, strict=True)
        return Rearrangement(
            self.arrangement.axes, tuple(order if order and len(order) == size else None for order, size in orders)
        )

    def shape(self, own: Sequence[int]) -> tuple[int, ...]:
        """Return torch's shape in canonical order."""
        arrangement = self.of(own)
        return arrangement.canonical_shape(tuple(own)) if arrangement else tuple(own)

    def own(self, numbers: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Return numbers in canonical order as torch has them, in its shape."""
        arrangement = self.of(shape)
        return arrangement.from_canonical(numbers) if arrangement else numbers

    def canonical(self, tensor: Tensor) -> np.ndarray:
        """Return a copy of a tensor's values in canonical order."""
        array, arrangement = tensor.detach().cpu().numpy(), self.of(tensor.shape)
        return (arrangement.to_canonical(array) if arrangement else array).copy()


IN_ORDER = DrawAxes()
KEPT: Mapping[Base, float] = {"uniform": 0.75, "normal": 0.5}
"""A number with which a dropout keeps a value, up to a rate of 0.75, so that what becomes of it can be followed."""


def drawn_from(source: DrawSource, axes: Sequence[DrawAxes], wide: bool) -> Any:
    """Let torch draw from a source, a pass anew; `axes` has the draws of a pass in their order.

    `wide`: the module is in float64.
    """
    source.begin_pass()

    def deliver(request: aten.Request) -> np.ndarray | None:
        number = source.count()
        return _numbers(source, request, number, _at(axes, number))

    return aten.delivered(deliver, wide)


def _numbers(source: DrawSource, request: aten.Request, number: int, axes: DrawAxes) -> np.ndarray | None:
    if request.base is None:
        return None
    numbers = source.numbers(request.base, axes.shape(request.shape), number, request.state)
    return axes.own(numbers, request.shape)


class _Calls(TorchFunctionMode):
    """Knows which function of torch is at work, and what it was given first."""

    def __init__(self) -> None:
        super().__init__()
        self.function = ""
        self.given: Tensor | None = None

    def __torch_function__(self, function: Callable, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
        before = self.function, self.given
        self.function, self.given = getattr(function, "__name__", ""), next(iter(tensors_in(args)), None)
        try:
            return function(*args, **(kwargs or {}))
        finally:
            self.function, self.given = before


@dataclass
class _Layers:
    """Which layers are at work, with their first inputs."""

    open: list[tuple[str, nn.Module, Tensor | None]] = field(default_factory=list)
    last_returned: str = ""

    def watched(self, module: nn.Module, canonical: Named) -> Any:
        """Follow every layer of a module."""
        handles: list = []
        for path, layer in module.named_modules():
            if path:
                handles.append(layer.register_forward_pre_hook(self._enter(canonical(path))))
                handles.append(layer.register_forward_hook(self._leave(canonical(path))))
        return removed(handles)

    def _enter(self, path: str) -> Callable:
        return lambda layer, args: self.open.append((path, layer, next(iter(tensors_in(args)), None)))

    def _leave(self, path: str) -> Callable:
        def leave(layer: nn.Module, args: tuple, output: Any) -> None:
            self.open.pop()
            self.last_returned = path

        return leave

    @property
    def innermost(self) -> tuple[str, str, Tensor | None]:
        """Path, class name and first input of the layer at work; empty for the module itself."""
        if not self.open:
            return "", "", None
        path, layer, given = self.open[-1]
        return path, type(layer).__name__, given


class _Following(AxisTracker):
    """Says when it makes a call of the module again to see what its axes are."""

    following = False

    def _follow(self, *details: Any) -> None:
        self.following = True
        super()._follow(*details)
        self.following = False


def draw_axes(
    module: nn.Module, layout: ChannelLayout, inputs: Mapping[str, Input], own: list[Tensor]
) -> list[DrawAxes]:
    """Run the module on inputs, in the mode that it is in; return how the numbers of each draw lie in torch.

    Axes are followed, which takes several times as long, only in a module that draws.
    """
    drawn = _axes_of_draws(module, inputs, own, None)
    return drawn if layout is NO_LAYOUT or not drawn else _axes_of_draws(module, inputs, own, _Following(module))


def _axes_of_draws(
    module: nn.Module, inputs: Mapping[str, Input], own: list[Tensor], tracker: "_Following | None"
) -> list[DrawAxes]:
    calls, layers, found = _Calls(), _Layers(), list[DrawAxes]()

    def deliver(request: aten.Request) -> np.ndarray | None:
        if tracker is None or not tracker.following:
            found.append(_axes(calls, layers, request.shape))
        return None if request.base is None else np.full(request.shape, KEPT[request.base])

    given = [tensor.clone() for tensor in own]
    for tensor, spec in zip(given, inputs.values(), strict=True):
        setattr(tensor, COUNTED, model_input(tensor.shape, spec))
    watched = layers.watched(module, str)
    with torch.no_grad(), state_kept(module), watched, aten.delivered(deliver), calls, tracker or nullcontext():
        module(*given)
    return found


def _axes(calls: _Calls, layers: _Layers, shape: tuple[int, ...]) -> DrawAxes:
    given = calls.given if calls.given is not None else layers.innermost[2]
    value = getattr(given, COUNTED, None)
    arrangement = value.rearrangement() if value is not None and len(value.axes) == len(shape) else None
    return DrawAxes(arrangement, calls.function in RECURRENT)


@dataclass
class _Recorder:
    """Keeps what a pass draws, and where."""

    source: DrawSource | None
    axes: Sequence[DrawAxes]
    calls: _Calls = field(default_factory=_Calls)
    layers: _Layers = field(default_factory=_Layers)
    draws: list[Draw] = field(default_factory=list)
    values: list[np.ndarray | None] = field(default_factory=list)

    def deliver(self, request: aten.Request) -> np.ndarray | None:
        number = self.source.count() if self.source else len(self.draws)
        function = DROPPING.get(self.calls.function, "")
        path, kind, layer_input = self.layers.innermost
        axes = _at(self.axes, number)
        rate = 1 - request.probability if function and request.probability is not None else None
        shape, last = axes.shape(request.shape), self.layers.last_returned
        self.draws.append(Draw(number, request.base, shape, function or request.operation, rate, path, kind, last))
        self.values.append(_value(self.calls.given if self.calls.given is not None else layer_input, request, axes))
        return _numbers(self.source, request, number, axes) if self.source else None


def _at(axes: Sequence[DrawAxes], number: int) -> DrawAxes:
    return axes[number] if number < len(axes) else IN_ORDER


def _value(given: Tensor | None, request: aten.Request, axes: DrawAxes) -> np.ndarray | None:
    """Return what the draw is applied to, if it has as many axes."""
    if given is None or not given.is_floating_point() or given.ndim != len(request.shape) or axes.time_first:
        return None
    return axes.canonical(given)[:SHOWN_EXAMPLES]


def drawn_pass(
    module: nn.Module,
    named: Named,
    layout: ChannelLayout,
    forward: Callable[[], Sequence[Tensor]],
    source: DrawSource | None,
    axes: Sequence[DrawAxes],
    wide: bool,
    visit: Visit,
) -> DrawnPass:
    """Run `forward`, which returns outputs in canonical order, on a source or on torch's own draws.

    Weights and buffers stay as they are; torch's generators move on.
    """
    recorder = _Recorder(source, axes)
    if source:
        source.begin_pass()
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(state_kept(module))
        stack.enter_context(recorder.layers.watched(module, named))
        stack.enter_context(layers_recorded(module, named, layout, visit))
        stack.enter_context(aten.delivered(recorder.deliver, wide))
        stack.enter_context(recorder.calls)
        outputs = [tensor.detach().cpu().numpy().copy() for tensor in forward()]
    return DrawnPass(recorder.draws, recorder.values, outputs)
