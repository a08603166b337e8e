"""What a module draws in training, and how the numbers are those of a source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.spec import aten
from twotrack.shared.spec.draws import SHOWN_EXAMPLES, Draw, DrawnPass, DrawSource
from twotrack.torch_track.axes import AxisTracker, ChannelAxes, channels_last
from twotrack.torch_track.recording import Named, layers_recorded, removed
from twotrack.torch_track.structure import tensors_in

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
DROPPING = {
    "dropout": "dropout", "dropout1d": "dropout", "dropout2d": "dropout", "dropout3d": "dropout",
    "dropout_": "dropout", "feature_dropout": "dropout", "native_dropout": "dropout",
    "alpha_dropout": "alpha_dropout", "feature_alpha_dropout": "alpha_dropout",
    "multi_head_attention_forward": "dropout", "scaled_dot_product_attention": "dropout",
} | dict.fromkeys(RECURRENT, "dropout")  # fmt: skip
"""Functions of torch that drop, and what they do, as Keras calls it."""


_UNMARKED = ChannelAxes()


@dataclass(frozen=True)
class DrawAxes:
    """How the numbers of one draw lie in torch."""

    channels: ChannelAxes = _UNMARKED
    time_first: bool = False
    """(time, batch, ...), as recurrent layers have it inside."""

    def shape(self, own: Sequence[int]) -> tuple[int, ...]:
        """Return torch's shape in canonical order."""
        return tuple(self._canonical(torch.empty(tuple(own), device="meta")).shape)

    def _canonical(self, tensor: Tensor) -> Tensor:
        return tensor.transpose(0, 1) if self.time_first else self.channels.channels_last(tensor)

    def own(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers in canonical order as torch has them."""
        tensor = torch.from_numpy(numbers)
        return (tensor.transpose(0, 1) if self.time_first else self.channels.channels_first(tensor)).numpy()


def drawn_from(source: DrawSource, axes: Sequence[DrawAxes]) -> Any:
    """Let torch draw from a source, a pass anew; `axes` has the draws of a pass in their order."""
    source.begin_pass()

    def deliver(request: aten.Request) -> np.ndarray | None:
        number = source.count()
        return _numbers(source, request, number, axes[number] if number < len(axes) else DrawAxes())

    return aten.delivered(deliver)


def _numbers(source: DrawSource, request: aten.Request, number: int, axes: DrawAxes) -> np.ndarray | None:
    if request.base is None:
        return None
    return axes.own(source.numbers(request.base, axes.shape(request.shape), number, request.state))


@dataclass
class Recorded:
    """A pass, and how each of its draws lies in torch."""

    drawn: DrawnPass
    axes: list[DrawAxes]


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


@dataclass
class _Recorder:
    """Keeps what a pass draws, and where."""

    source: DrawSource | None
    calls: _Calls = field(default_factory=_Calls)
    layers: _Layers = field(default_factory=_Layers)
    draws: list[Draw] = field(default_factory=list)
    values: list[np.ndarray | None] = field(default_factory=list)
    axes: list[DrawAxes] = field(default_factory=list)

    def deliver(self, request: aten.Request) -> np.ndarray | None:
        number = self.source.count() if self.source else len(self.draws)
        function = DROPPING.get(self.calls.function, "")
        path, kind, layer_input = self.layers.innermost
        given = self.calls.given if self.calls.given is not None else layer_input
        axes = _axes(self.calls.function, given, request.shape)
        rate = 1 - request.probability if function and request.probability is not None else None
        self.draws.append(
            Draw(
                number,
                request.base,
                axes.shape(request.shape),
                function or request.operation,
                rate,
                path,
                kind,
                self.layers.last_returned,
            )
        )
        self.values.append(_value(given, request.shape))
        self.axes.append(axes)
        return _numbers(self.source, request, number, axes) if self.source else None


def _value(given: Tensor | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return what the draw is applied to, if that is as large."""
    if given is None or not given.is_floating_point() or given.ndim != len(shape):
        return None
    return channels_last(given)[:SHOWN_EXAMPLES]


def _axes(function: str, given: Tensor | None, shape: tuple[int, ...]) -> DrawAxes:
    if function in RECURRENT:
        return DrawAxes(time_first=len(shape) == 3)
    if given is None or given.ndim != len(shape):
        return DrawAxes()
    channels = ChannelAxes.of(given)
    flattened = channels.flattened is not None and given.shape != shape
    return DrawAxes() if flattened else DrawAxes(channels)


def drawn_pass(
    module: nn.Module, canonical: Named, forward: Callable[[], Sequence[Tensor]], source: DrawSource | None
) -> Recorded:
    """Run `forward` on a source or on torch's own draws.

    Weights and buffers stay as they are; torch's generators move on.
    """
    recorder = _Recorder(source)
    if source:
        source.begin_pass()
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(_state_kept(module))
        stack.enter_context(recorder.layers.watched(module, canonical))
        traces = stack.enter_context(layers_recorded(module, canonical))
        stack.enter_context(aten.delivered(recorder.deliver))
        stack.enter_context(recorder.calls)
        stack.enter_context(AxisTracker(module))
        outputs = [channels_last(tensor) for tensor in forward()]
    return Recorded(DrawnPass(recorder.draws, recorder.values, traces, outputs), recorder.axes)


@contextmanager
def _state_kept(module: nn.Module) -> Iterator[None]:
    """Give weights and buffers their values back."""
    state: Mapping[str, Tensor] = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    try:
        yield
    finally:
        module.load_state_dict(state)
