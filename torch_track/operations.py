"""Records every call of a torch function that a module makes: what it is called, from where, with which values."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.base.code_places import place_in_code
from twotrack.shared.spec.operations import OperationRecorder, OperationsTrace
from twotrack.shared.spec.widening import LADDER
from twotrack.torch_track.recording import Named, removed
from twotrack.torch_track.structure import tensors_in
from twotrack.torch_track.widening import is_torchs


@contextmanager
def operations_recorded(module: nn.Module, named: Named) -> Iterator[OperationRecorder]:
    """Record inside the block; places bear canonical paths."""
    recorder = OperationRecorder(_as_array)
    with layers_followed(module, named) as open_layers, _Recording(recorder, open_layers):
        yield recorder


@contextmanager
def layers_followed(module: nn.Module, named: Named) -> Iterator[list[str]]:
    """Know inside the block which layers are at work, by canonical path, the innermost last; "" for the module."""
    open_layers = [""]
    handles = [
        handle
        for path, layer in module.named_modules()
        if path
        for handle in (
            layer.register_forward_pre_hook(_entering(open_layers, named(path))),
            layer.register_forward_hook(lambda *_: _leave(open_layers), always_call=True),
        )
    ]
    with removed(handles):
        yield open_layers


def _entering(open_layers: list[str], path: str) -> Callable[..., None]:
    return lambda *_: open_layers.append(path)


def _leave(open_layers: list[str]) -> None:
    open_layers.pop()


def finished(recorder: OperationRecorder, outputs: Any) -> OperationsTrace:
    """Return what was recorded of a pass that gave these outputs."""
    recorder.trace.outputs = [recorder.number(tensor) for tensor in tensors_in(outputs)]
    return recorder.trace


class _Recording(TorchFunctionMode):
    def __init__(self, recorder: OperationRecorder, open_layers: Sequence[str]):
        super().__init__()
        self._recorder, self._open_layers = recorder, open_layers

    def __torch_function__(
        self, function: Callable, types: Any, args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given, result = tensors_in((args, kwargs)), function(*args, **(kwargs or {}))
        if made := tensors_in(result):
            self._recorder.add(getattr(function, "__name__", ""), place(), self._open_layers[-1], given, made)
        return result


def place() -> str:
    """Return where the code that is being run calls torch; empty in a backward pass."""
    frame = sys._getframe(1)
    while frame is not None and is_torchs(frame.f_code.co_filename):
        if frame.f_code.co_filename.startswith(LADDER):
            return ""
        frame = frame.f_back  # type: ignore[assignment]
    return place_in_code(frame.f_code.co_filename, frame.f_lineno) if frame else ""


def _as_array(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy().copy()
