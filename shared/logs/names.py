"""Which columns of two logs mean the same: the usual names of losses, metrics and positions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from twotrack.shared.errors import UserError, unknown

STEP_NAMES = ("step", "global_step", "trainer_step", "trainer/global_step", "steps", "iteration", "iter", "it", "batch")
EPOCH_NAMES = ("epoch", "epochs")
TIMES = re.compile(r"(^|[/_])(wall_time|time|timestamp|runtime|seconds|elapsed|duration|per_second|eta)$")
"""Columns that say how long something took, which is no metric."""
RATE = "learning_rate"
_METRICS = {
    "acc": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "binary_accuracy": "accuracy",
    "lr": RATE,
    "cross_entropy": "loss",
    "ppl": "perplexity",
    "gradnorm": "grad_norm",
    "gradient_norm": "grad_norm",
    "auroc": "roc_auc",
    "auc": "roc_auc",
}
_SPLITS = {
    "val": "val", "valid": "val", "validation": "val", "eval": "val", "dev": "val", "evaluation": "val",
    "train": "", "training": "", "trn": "",
    "test": "test",
}  # fmt: skip
_GRAIN = {"step": "", "epoch": "epoch", "batch": "", "iteration": "", "iter": ""}
"""Lightning writes train_loss_step and train_loss_epoch, Keras batch_loss and epoch_loss."""
_RATE = re.compile(r"(^|[/_-])(lr|learning_rate)([/_-]|$)|^lr-")


@dataclass(frozen=True)
class Match:
    """One metric that both logs have."""

    name: str
    """The common name."""
    first: str
    second: str
    """The logs' own names."""


def common_name(name: str) -> str:
    """Return the usual name of a column or tag: 'val_loss' for eval/loss, loss/validation, epoch_loss of validation."""
    words = [word for word in re.split(r"[/\s._:-]+", name.strip().lower()) if word]
    if _RATE.search(name.strip().lower()):
        return RATE
    split, grain, rest = "", "", []
    for word in words:
        if word in _SPLITS and not split:
            split = _SPLITS[word] or "train"
        elif word in _GRAIN:
            grain = grain or _GRAIN[word]
        else:
            rest.append(word)
    base = "_".join(rest)
    base = _METRICS.get(base, base) or name
    split = "" if split == "train" else split
    # Evaluation happens once an epoch, mostly: only a training metric has two kinds.
    grain = "" if split else grain
    return "_".join(word for word in (split, base, grain) if word)


def is_rate(name: str) -> bool:
    """Tell whether a column is a learning rate, which has no noise."""
    return common_name(name) == RATE


def matches(first: Iterable[str], second: Iterable[str]) -> list[Match]:
    """Return the metrics that both have, in the first one's order; a name that is the same on both sides goes first."""
    ours, theirs = list(first), list(second)
    found, left = [Match(common_name(name), name, name) for name in ours if name in theirs], list(theirs)
    for match in found:
        left.remove(match.second)
    # A mean of an epoch goes with a metric of steps where there is no other mean.
    for kind in (common_name, _without_grain):
        by_name: dict[str, str] = {}
        for name in left:
            by_name.setdefault(kind(name), name)
        taken = {match.first for match in found}
        for name in ours:
            other = by_name.pop(kind(name), None) if name not in taken else None
            if other is not None:
                found.append(Match(kind(name), name, other))
                left.remove(other)
    return sorted(_unique(found), key=lambda match: ours.index(match.first))


def _without_grain(name: str) -> str:
    return common_name(name).removesuffix("_epoch")


def _unique(found: list[Match]) -> list[Match]:
    """Give two metrics that would have one common name the logs' own names."""
    names = [match.name for match in found]
    return [match if names.count(match.name) == 1 else Match(match.first, match.first, match.second) for match in found]


def chosen(asked: Sequence[str], first: Mapping[str, object], second: Mapping[str, object]) -> list[Match]:
    """Return what --metric NAME[=NAME] asks for; UserError for a name that a log lacks."""
    found = []
    for text in asked:
        mine, equals, other = text.partition("=")
        known = {match.name: match for match in matches(first, second)}
        if not equals and mine in known:
            found.append(known[mine])
            continue
        for name, log, side in ((mine, first, "first"), (other or mine, second, "second")):
            if name not in log:
                raise unknown(f"metric of the {side} log", name, log, "Say --metric NAME=NAME where the names differ.")
        found.append(Match(common_name(mine), mine, other or mine))
    return found


def nothing_in_common(first: Iterable[str], second: Iterable[str]) -> UserError:
    """Return the error for two logs without a common metric."""
    sides = "; ".join(
        f"the {side} log has: {', '.join(names) or 'none'}"
        for side, names in (("first", sorted(first)), ("second", sorted(second)))
    )
    return UserError(f"the logs have no metric in common: {sides}. Say which belong together: --metric NAME=NAME.")
