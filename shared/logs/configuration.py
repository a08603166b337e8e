"""What differs between two configurations: optimizer, schedule, batch size, precision, versions, and the rest."""

import math
import re
from collections import Counter

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.logs.settings import Plain, Settings

SYNONYMS = {
    "learning_rate": ("lr", "learning_rate", "base_lr", "initial_lr", "init_lr", "max_lr", "peak_lr"),
    "batch_size": ("batch_size", "train_batch_size", "per_device_train_batch_size", "per_gpu_train_batch_size", "bs"),
    "optimizer": ("optimizer", "optim", "opt", "optimizer_name", "optimiser"),
    "schedule": ("lr_scheduler_type", "lr_scheduler", "scheduler", "schedule", "lr_schedule"),
    "precision": ("precision", "dtype", "torch_dtype", "mixed_precision", "dtype_policy"),
    "weight_decay": ("weight_decay", "wd"),
    "epochs": ("epochs", "num_epochs", "num_train_epochs", "max_epochs", "n_epochs"),
    "seed": ("seed", "random_seed", "manual_seed"),
    "epsilon": ("eps", "epsilon", "adam_epsilon"),
    "beta_1": ("beta_1", "beta1", "adam_beta1"),
    "beta_2": ("beta_2", "beta2", "adam_beta2"),
    "gradient_clip": (
        "max_grad_norm",
        "clip_grad_norm",
        "grad_clip",
        "gradient_clip_val",
        "clipnorm",
        "global_clipnorm",
    ),
    "warmup_steps": ("warmup_steps", "num_warmup_steps", "warmup"),
}
_COMMON = {other: name for name, others in SYNONYMS.items() for other in others}
GROUPS = {
    "data": r"(^|[._])batches$|data|shuffle|augment|fingerprint|examples|num_workers",
    "schedule": r"schedul|warmup|decay_steps|step_size|milestones|one_?cycle|cosine",
    "batch size": r"batch|accumul|drop_last|num_replicas|world_size|n_gpu|devices?$",
    "optimizer": r"optim|learning_rate|(^|[._])lr$|momentum|nesterov|beta|weight_decay|epsilon|(^|[._])eps$|clip|rho",
    "precision": r"precision|dtype|fp16|bf16|tf32|float|(^|[._])amp|matmul|exact$",
    "versions": r"version|^packages|environment\.p|^python$|(^|[._])(torch|keras|tensorflow|jax|numpy|cuda)$",
    "seed": r"seed",
    "length": r"epochs|max_steps|total_steps|num_steps",
}
PLACES = (
    r"(_dir|dir|path|folder|file|run_name|experiment_name|host(name)?|time(stamp)?|date|run_id|uuid|created|command)$"
)
"""Settings that say where and when, which change nothing."""
ORDER = ("optimizer", "schedule", "batch size", "precision", "length", "data", "seed", "versions", "model and others")


class SettingDifference(FrozenRecord):
    """A setting that both configurations state, with another value each."""

    group: str
    name: str
    first: Plain
    second: Plain


class ConfigurationDifference(FrozenRecord):
    """What two configurations say of two trainings."""

    first_sources: tuple[str, ...]
    """Files that they were read from; empty if there was none."""
    second_sources: tuple[str, ...]
    compared: int
    """Settings that both state."""
    differences: tuple[SettingDifference, ...]
    first_only: tuple[str, ...]
    """Settings that only the first states."""
    second_only: tuple[str, ...]


def compare(
    first: Settings, second: Settings, sources: tuple[tuple[str, ...], tuple[str, ...]]
) -> ConfigurationDifference:
    """Compare settings of the same name, and of those left over the ones whose usual name is the same."""
    pairs = _pairs(first, second)
    found = [
        SettingDifference(group=group(name), name=name, first=first[mine], second=second[other])
        for name, mine, other in pairs
        if not same(first[mine], second[other])
    ]
    return ConfigurationDifference(
        first_sources=sources[0],
        second_sources=sources[1],
        compared=len(pairs),
        differences=tuple(sorted(found, key=lambda one: ORDER.index(one.group))),
        first_only=_alone(first, {mine for _, mine, _ in pairs}),
        second_only=_alone(second, {other for _, _, other in pairs}),
    )


def _alone(settings: Settings, taken: set[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in settings if name not in taken and not re.search(PLACES, name)))


def _pairs(first: Settings, second: Settings) -> list[tuple[str, str, str]]:
    """Return (name to show, the first's name, the second's name); names that stand for places are left out."""
    exact = [(name, name, name) for name in first if name in second and not re.search(PLACES, name)]
    taken = {name for name, _, _ in exact}
    ours, theirs = _by_common_name(set(first) - taken), _by_common_name(set(second) - taken)
    return exact + [(name, ours[name], theirs[name]) for name in ours if name in theirs]


def _by_common_name(names: set[str]) -> dict[str, str]:
    """Return the names by their usual one, those that have one, and are the only ones that have it."""
    usual = {name: common for name in names if (common := _COMMON.get(name.split(".")[-1].lower()))}
    counts = Counter(usual.values())
    return {common: name for name, common in usual.items() if counts[common] == 1}


def same(first: Plain, second: Plain) -> bool:
    """Tell whether two values are the same: 0.001 and '1e-3' are, and so are 1 and True."""
    one, other = _number(first), _number(second)
    if one is not None and other is not None:
        return one == other or math.isclose(one, other, rel_tol=1e-9)
    return str(first).strip().lower() == str(second).strip().lower()


def _number(value: Plain) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def group(name: str) -> str:
    """Return which part of a training a setting belongs to."""
    last = name.lower()
    return next((title for title, pattern in GROUPS.items() if re.search(pattern, last)), "model and others")


def batch_size(settings: Settings) -> float | None:
    """Return the number of examples of a training step; None if that is not stated once."""
    found = {
        _number(value)
        for name, value in settings.items()
        if _COMMON.get(name.split(".")[-1].lower()) == "batch_size" and "eval" not in name and "val_" not in name
    } - {None}
    accumulated = _number(settings.get("gradient_accumulation_steps"))
    return found.pop() * (accumulated or 1.0) if len(found) == 1 else None  # type: ignore[operator]
