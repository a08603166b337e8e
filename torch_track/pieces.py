"""Counts, for a while, in which pieces of its piecewise functions a torch module is seen."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any

from torch import nn

from twotrack.shared.pieces import aten
from twotrack.shared.pieces.recorder import Piece, Recorder
from twotrack.torch_track.recording import Named
from twotrack.torch_track.structure import tensors_in


@contextmanager
def pieces_counted(module: nn.Module, canonical: Named, watched: Piece | None = None) -> Iterator[Recorder]:
    """Count what the module, or a layer of it alone, runs meanwhile; places bear canonical paths."""
    recorder = Recorder(watched)
    with ExitStack() as stack:
        for path, layer in module.named_modules():
            if path:
                enter, leave = _hooks(recorder, canonical(path))
                stack.callback(layer.register_forward_pre_hook(enter).remove)
                stack.callback(layer.register_forward_hook(leave).remove)
        mark = stack.enter_context(aten.counted(recorder, chain(module.parameters(), module.buffers())))
        stack.callback(module.register_forward_pre_hook(lambda module, args: mark(tensors_in(args))).remove)
        yield recorder


def _hooks(recorder: Recorder, path: str) -> tuple[Callable, Callable]:
    def enter(layer: nn.Module, args: tuple) -> None:
        recorder.enter(path)

    def leave(layer: nn.Module, args: tuple, output: Any) -> None:
        recorder.leave()

    return enter, leave
