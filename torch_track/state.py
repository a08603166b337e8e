"""Keeps what a pass through a module changes, and gives it back."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from twotrack.shared.base.sizes import LARGE_MODEL


@contextmanager
def state_kept(module: nn.Module) -> Iterator[None]:
    """Give parameters and persistent buffers their values back; of a large model only the buffers, which alone move.

    A module's own code may write to its parameters; a copy of all of them is not to be had for a large one.
    """
    state = module.state_dict()
    if sum(tensor.numel() for tensor in state.values()) > LARGE_MODEL:
        trained = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        state = {name: tensor for name, tensor in state.items() if name not in trained}
    before = {name: tensor.clone() for name, tensor in state.items()}
    try:
        yield
    finally:
        with torch.no_grad():
            module.load_state_dict(before, strict=False)
