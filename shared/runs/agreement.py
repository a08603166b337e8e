"""How far exact runs of one seed are apart: in what was validated and in what the trained models answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.runs.records import RunRecord
from twotrack.shared.runs.run_folder import Run


@dataclass(frozen=True)
class Agreement:
    """Two tracks after the same exact training."""

    first: str
    second: str
    seed: int
    steps: int
    difference: float
    """The largest of the relative differences of losses, validation losses, weights and test outputs."""
    same_masks: bool
    """Dropout was on, with the masks of every track."""
    draws_apart: str
    """Which masks were not the same; empty if all were."""

    @property
    def within(self) -> bool:
        """Whether it is within what rounding is allowed, and all masks were the same; NaN is not."""
        return self.difference <= TOLERANCES["exact"].limit and not self.draws_apart


def agreements(runs: Sequence[Run]) -> list[Agreement]:
    """Compare the exact runs of every seed with that of its first track; none for runs that are not exact."""
    exact = sorted((run for run in runs if run.record.is_exact), key=lambda run: run.record.job.seed)
    pairs: list[Agreement] = []
    for seed, of_seed in groupby(exact, lambda run: run.record.job.seed):
        first, *others = of_seed
        pairs += [
            Agreement(
                first.record.job.track,
                other.record.job.track,
                seed,
                other.record.steps,
                _apart(first, other),
                other.record.job.same_masks,
                _draws_apart(first.record, other.record),
            )
            for other in others
        ]
    return pairs


def _apart(first: Run, second: Run) -> float:
    losses = (np.array(first.history["loss"]), np.array(second.history["loss"]))
    validation = (np.array(_validation(first)), np.array(_validation(second)))
    compared = (losses, validation, (first.logits, second.logits))
    return max([*(_relative(*pair) for pair in compared), *_of_weights(first.weights, second.weights)])


def _draws_apart(first: RunRecord, second: RunRecord) -> str:
    """Say which draws of two runs were not of the same numbers; empty if all were."""
    if len(first.draws) != len(second.draws):
        return f"{len(first.draws)} draws in a step against {len(second.draws)}"
    for one, other in zip(first.draws, second.draws, strict=True):
        if (one.shape, one.controlled) != (other.shape, other.controlled):
            return f"'{one.layer}' draws {one.shape}, '{other.layer}' {other.shape}"
        if not one.controlled:
            return f"the numbers of '{one.function}' in '{one.layer}' are each framework's own"
    return ""


def _of_weights(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> Iterator[float]:
    """Yield the difference of every weight, over the largest weight of its layer.

    A bias before a normalisation, or of keys in attention, has a gradient of zero in exact arithmetic: started at 0, it
    holds nothing but rounding.
    """
    largest: dict[str, float] = {}
    for name, array in first.items():
        layer = name.rpartition(".")[0]
        largest[layer] = max(largest.get(layer, 0.0), float(np.abs(array).max(initial=0.0)))
    for name, array in first.items():
        yield _relative(array, second[name], largest[name.rpartition(".")[0]])


def _validation(run: Run) -> list[float]:
    return [epoch.validation_loss for epoch in run.record.epochs]


def _relative(a: np.ndarray, b: np.ndarray, scale: float | None = None) -> float:
    """Return the largest difference over the largest value, or over `scale`.

    Infinity where shapes differ or a value is not finite.
    """
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    largest, difference = np.abs(a).max(initial=0.0) if scale is None else scale, np.abs(a - b).max(initial=0.0)
    return float(difference / largest) if largest else float(difference)


def why_not_exact(runs: Sequence[Run]) -> str:
    """Say why runs in float64 are not held to rounding; empty if they are, or are in less."""
    for run in runs:
        if run.record.job.trains_in == "float64" and not run.record.is_exact:
            first = run.record.draws[0]
            return (
                f"float64, but not exact: the numbers of '{first.function}' in '{first.layer}' are each framework's "
                "own; --exact drops nothing out, --same-masks draws once for all tracks"
            )
    return ""


def sentence(agreement: Agreement) -> str:
    """Say it in one line."""
    limit = f"{TOLERANCES['exact'].limit:.0e}"
    kind = "exact, same masks" if agreement.same_masks else "exact"
    if agreement.draws_apart:
        return f"{kind}: {agreement.second} and {agreement.first} drew other masks: {agreement.draws_apart}"
    verdict = (
        f"rounding, limit {limit}"
        if agreement.within
        else f"beyond {limit}: a difference, or rounding that so many steps have enlarged: 'twotrack verify' tells"
    )
    return (
        f"{kind}: {agreement.second} differs from {agreement.first} by {agreement.difference:.1e} after "
        f"{agreement.steps:,} steps with seed {agreement.seed}: {verdict}"
    )
