"""Functions behind a model's outputs that its loss does not see: outputs as the other side gives them."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

FORWARD: Mapping[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "sigmoid": torch.sigmoid,
}
BACK: Mapping[str, Callable[[Tensor], Tensor]] = {
    "softmax": torch.log,
    "log_softmax": lambda y: y,
    "sigmoid": torch.logit,
}
"""From what a function gave to something that it gives it for."""


def linked(outputs: Sequence[Tensor], names: Sequence[str]) -> list[Tensor]:
    """Return outputs with the functions behind them; as they are without names."""
    return _each(outputs, names, FORWARD)


def unlinked(outputs: Sequence[Tensor], names: Sequence[str]) -> list[Tensor]:
    """Return what a loss is given for outputs with the functions behind them."""
    return _each(outputs, names, BACK)


def _each(outputs: Sequence[Tensor], names: Sequence[str], functions: Mapping[str, Callable]) -> list[Tensor]:
    if not names:
        return list(outputs)
    pairs = zip(outputs, names, strict=True)
    return [functions[name](output) if name in functions else output for output, name in pairs]
