"""Which weights of a module are trained."""

from collections.abc import Callable, Mapping, Set
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from twotrack.shared.errors import UserError
from twotrack.torch_track.entries import Weight

FROZEN = "frozen"
"""Attribute of a batch normalisation that stays in evaluation mode."""


def freeze(module: nn.Module, table: Mapping[str, Weight], trained: Set[str]) -> None:
    """Train the weights of these canonical names only; `table` has the module's.

    Raises UserError where one parameter of torch holds weights of which some are to be trained only.
    """
    first: dict[int, str] = {}
    for name, entry in table.items():
        for own in entry.parameters:
            other = first.setdefault(id(own), name)
            if (other in trained) != (name in trained):
                raise UserError(
                    f"'{other}' and '{name}' are one parameter of torch, which is trained or not as a whole; "
                    "let `trainable` name both or neither."
                )
            own.requires_grad_(name in trained)
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            setattr(layer, FROZEN, not any(parameter.requires_grad for parameter in layer.parameters()))


def train_mode(module: nn.Module) -> None:
    """Put the module into training mode, but for frozen batch normalisation.

    nn.Module.train alone would let it normalise by the batch and move its statistics, trained or not.
    """
    module.train()
    for layer in module.modules():
        if getattr(layer, FROZEN, False):
            layer.eval()


def in_evaluation(module: nn.Module) -> Callable[..., Any]:
    """Return a module's forward in evaluation mode, whatever mode it is in; the modules inside stay in theirs."""
    own = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        before, module.training = module.training, False
        try:
            return own(*args, **kwargs)
        finally:
            module.training = before

    return forward
