"""What is seen of the optimizer with which a training function of the user's own steps."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from twotrack.shared.spec.loop import LoopNotes
from twotrack.torch_track.changes.updates import stated_settings

CLIPPINGS = {"clip_grad_norm_": "global_clipnorm", "clip_grad_value_": "clipvalue"}
"""Torch's functions, by the setting that they are."""
Function = Callable[..., Any]


@contextmanager
def noted(function: Function) -> Iterator[LoopNotes]:
    """Note what optimizers that step inside the block have, and what gradients are clipped to."""
    notes = LoopNotes()

    def noting(setting: str, own: Function) -> Function:
        def clip(parameters: Any, limit: float, *args: Any, **kwargs: Any) -> Any:
            notes.clipped[setting] = float(limit)
            return own(parameters, limit, *args, **kwargs)

        return clip

    with ExitStack() as stack:
        stack.callback(register_optimizer_step_pre_hook(lambda optimizer, *_: _note(notes, optimizer)).remove)
        replace_clipping(stack, function, noting)
        yield notes


def replace_clipping(stack: ExitStack, function: Function, make: Callable[[str, Function], Function]) -> None:
    """Put other functions in the place of torch's for clipping, where a function of the user's finds them."""
    for name, setting in CLIPPINGS.items():
        own = getattr(nn.utils, name)
        made = make(setting, own)
        stack.enter_context(patch.object(nn.utils, name, made))
        names = getattr(function, "__globals__", {})
        imported = {known: made for known, value in names.items() if value is own}
        stack.enter_context(patch.dict(names, imported))


def _note(notes: LoopNotes, optimizer: torch.optim.Optimizer) -> None:
    notes.rates.append(float(optimizer.param_groups[0]["lr"]))
    if len(notes.rates) == 1:
        stated = stated_settings(optimizer)
        notes.method = stated["method"]
        notes.settings |= {name: float(value) for name, value in stated.items() if isinstance(value, int | float)}
