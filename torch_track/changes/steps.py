"""Recurrent layers that pass over some steps, as Keras' do with a mask."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

State = Tensor | tuple[Tensor, ...]


def step_by_step(forward: Callable[..., tuple[Tensor, State]], keeps: Callable[[], Tensor]) -> Callable[..., Any]:
    """Return the forward of a recurrent layer (one layer and direction, batch first) that passes over steps.

    `keeps` returns which steps (batch, steps) count. A step that does not gives the output and state before it; the
    output before the first is 0.
    """

    def run(x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        counts = keeps()
        outputs: list[Tensor] = []
        for step in range(x.shape[1]):
            output, new = forward(x[:, step : step + 1], state)
            here = counts[:, step, None]
            before = outputs[-1] if outputs else torch.zeros_like(output)
            outputs.append(torch.where(here[:, None], output, before))
            state = _chosen(here, new, state)
        assert state is not None
        return torch.cat(outputs, 1), state

    return run


def _chosen(here: Tensor, new: State, old: State | None) -> State:
    """Return new states (1, batch, units) where a step counts, and old ones, or 0, where it does not."""
    if isinstance(new, tuple):
        olds = old if isinstance(old, tuple) else (None,) * len(new)
        return tuple(_chosen(here, *pair) for pair in zip(new, olds, strict=True))  # type: ignore[misc]
    return torch.where(here[None], new, torch.zeros_like(new) if old is None else old)  # type: ignore[arg-type]
