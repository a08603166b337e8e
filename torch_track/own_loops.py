"""What is seen of the optimizer with which a training function of the user's own steps."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils._pytree import tree_leaves

from twotrack.shared.spec.loop import LoopNotes
from twotrack.shared.spec.updates import METHODS
from twotrack.torch_track.changes.updates import stated_settings

CLIPPINGS = {"clip_grad_norm_": "global_clipnorm", "clip_grad_value_": "clipvalue"}
"""Torch's functions, by the setting that they are."""
Function = Callable[..., Any]


@contextmanager
def noted(function: Function, module: nn.Module) -> Iterator[LoopNotes]:
    """Note what optimizers that step inside the block have, what gradients are clipped to, and parts of a batch."""
    notes = LoopNotes()

    def noting(setting: str, own: Function) -> Function:
        def clip(parameters: Any, limit: float, *args: Any, **kwargs: Any) -> Any:
            notes.clipped[setting] = float(limit)
            return own(parameters, limit, *args, **kwargs)

        return clip

    with ExitStack() as stack:
        stack.callback(register_optimizer_step_pre_hook(lambda optimizer, *_: _note(notes, optimizer)).remove)
        replace_clipping(stack, function, noting)
        _note_parts(stack, notes, module)
        yield notes


def _note_parts(stack: ExitStack, notes: LoopNotes, module: nn.Module) -> None:
    rows = [0]

    def count(_: nn.Module, args: tuple, kwargs: dict, __: Any) -> None:
        given = (one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.ndim)
        rows[0] = len(next(given, ()))

    def note(loss: Tensor) -> Tensor:
        if notes.batches == 1:
            notes.parts.append(rows[0])
        return loss

    stack.callback(module.register_forward_hook(count, with_kwargs=True).remove)
    replace_backward(stack, note)


def replace_backward(
    stack: ExitStack, before: Callable[[Tensor], Tensor], behind: Callable[[], None] = lambda: None
) -> None:
    """Let backward() be called on what `before` makes of a loss, and `behind` when it is over."""
    own, inside = Tensor.backward, list[bool]()

    def backward(loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if inside:  # a mode that sees all of torch's functions calls it once more
            own(loss, *args, **kwargs)
            return
        inside.append(True)
        try:
            own(before(loss), *args, **kwargs)
        finally:
            inside.clear()
        behind()

    stack.enter_context(patch.object(Tensor, "backward", backward))


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
        if notes.method not in METHODS:
            stated = stated | _numbers(optimizer.param_groups[0])
        notes.settings |= {name: float(value) for name, value in stated.items() if isinstance(value, int | float)}


def _numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a group of an optimizer that is no one's says, by the names that Keras has for it."""
    first, second = group.get("betas", (None, None))
    found = {**group, "epsilon": group.get("eps"), "beta_1": first, "beta_2": second}
    return {name: value for name, value in found.items() if name not in ("lr", "eps") and value is not None}
