"""What an optimizer does beside its formula: groups of weights, clipping, accumulation, averages of weights.

A step goes: gradients of the batch, accumulation, clipping, weight decay and the optimizer's formula, averaging.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from twotrack.shared.errors import UserError

BIASES_AND_NORMS = ("*bias", "*.beta", "*.gamma")
"""Patterns of the canonical names of biases, and of scales and shifts of normalisation."""


@dataclass(frozen=True)
class Group:
    """Weights that are updated by a learning rate or a weight decay of their own."""

    weights: tuple[str, ...]
    """Patterns of the shell for canonical names, such as "*.bias" or "encoder.*"; the first group that fits counts."""
    learning_rate: float = 1.0
    """Times the optimizer's, at every step."""
    weight_decay: float | None = None
    """In place of the optimizer's; None for that."""

    def __post_init__(self) -> None:
        if isinstance(self.weights, str) or not self.weights:
            raise UserError(f"Group: expected weights as a tuple of patterns, found {self.weights!r}.")
        object.__setattr__(self, "weights", tuple(self.weights))


NO_DECAY = Group(BIASES_AND_NORMS, weight_decay=0.0)
"""Spares biases and normalisation from weight decay."""


# === Clipping ===
# Of the gradient after accumulation, before weight decay is added to anything.


@dataclass(frozen=True)
class ClipValue:
    """Every number by itself: g = min(max(g, -limit), limit)."""

    limit: float


@dataclass(frozen=True)
class ClipNorm:
    """Every weight by the norm of its gradient: g = g * min(1, limit / (norm(g) + epsilon)).

    Keras' clipnorm has no epsilon; torch's clip_grad_norm_ of one parameter has 1e-6.
    """

    limit: float
    epsilon: float = 0.0


@dataclass(frozen=True)
class ClipGlobalNorm:
    """All by the norm of all gradients: g = g * min(1, limit / (norm + epsilon)) (Pascanu et al. 2013).

    Keras' global_clipnorm has no epsilon; torch's clip_grad_norm_ has 1e-6.
    """

    limit: float
    epsilon: float = 0.0


Clip = ClipValue | ClipNorm | ClipGlobalNorm


# === Averages of weights ===
# Of trained weights alone: running statistics of normalisation are those of training. Scores and the weights that a
# run leaves are those of the averages.


@dataclass(frozen=True)
class EMA:
    """Exponential moving average (Polyak and Juditsky 1992), of the weights behind every update t = 1, 2, ...

    average = w                                         at t = 1
    average = momentum * average + (1 - momentum) * w   after
    w = average                                         where overwrite_every divides t
    """

    momentum: float = 0.99
    overwrite_every: int = 0
    """Updates; 0 for never."""


@dataclass(frozen=True)
class SWA:
    """Stochastic weight averaging (Izmailov et al. 2018): the mean of the weights behind some updates.

    average = w                             up to t = start
    average = average + (w - average) / n   at t = start + every * (n - 1), n = 2, 3, ...
    """

    start: int = 1
    every: int = 1


Average = EMA | SWA
AVERAGES: dict[str, Average] = {"ema": EMA(), "swa": SWA()}
"""By the name that `--set average=NAME` takes."""


@dataclass(frozen=True, kw_only=True)
class UpdateOptions:
    """Of every optimizer."""

    groups: tuple[Group, ...] = ()
    """Weights that none of them fits are updated as the optimizer says."""
    clip: Clip | None = None
    accumulate: int = 1
    """Batches for one update, t in formulas, by the gradient of the mean loss over all of their rows:
    g = sum(rows * g of a batch) / sum(rows). Its learning rate is that of the last of them. Batches behind the last
    whole number of them update nothing."""
    average: Average | None = None

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise UserError(f"accumulate: expected 1 or more batches for an update, found {self.accumulate}.")
        object.__setattr__(self, "groups", tuple(self.groups))

    @property
    def has_options(self) -> bool:
        """Whether anything is done beside the formula."""
        return bool(self.groups or self.clip or self.accumulate > 1 or self.average)


PLAIN = Group(("*",))
"""Of weights that no group fits."""


def groups_of(names: Iterable[str], groups: tuple[Group, ...]) -> dict[str, Group]:
    """Return the group of each weight by canonical name; UserError for a group that none of them belongs to."""
    listed = list(names)
    for group in groups:
        if not any(_fits(name, group) for name in listed):
            some = ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
            raise UserError(
                f"Group: expected patterns that fit canonical names of trained weights ({some}), found "
                f"{', '.join(group.weights)}, which fit none."
            )
    return {name: next((group for group in groups if _fits(name, group)), PLAIN) for name in listed}


def _fits(name: str, group: Group) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in group.weights)
