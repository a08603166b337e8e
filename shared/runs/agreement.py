"""How far exact runs of one seed are apart: in what was validated and in what the trained models answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from twotrack.shared.runs.run_folder import Run
from twotrack.shared.base.tolerances import TOLERANCES


@dataclass(frozen=True)
class Agreement:
    """Two tracks after the same exact training."""

    first: str
    second: str
    seed: int
    steps: int
    difference: float
    """The largest of the relative differences of losses, validation losses, weights and test outputs."""

    @property
    def within(self) -> bool:
        """Whether it is rounding; NaN is not."""
        return self.difference <= TOLERANCES["exact"].limit


def agreements(runs: Sequence[Run]) -> list[Agreement]:
    """Compare the exact runs of every seed with that of its first track; none for runs that are not exact."""
    exact = sorted((run for run in runs if run.record.job.exact), key=lambda run: run.record.job.seed)
    pairs: list[Agreement] = []
    for seed, of_seed in groupby(exact, lambda run: run.record.job.seed):
        first, *others = of_seed
        pairs += [
            Agreement(first.record.job.track, other.record.job.track, seed, other.record.steps, _apart(first, other))
            for other in others
        ]
    return pairs


def _apart(first: Run, second: Run) -> float:
    compared = [(np.array(first.history["loss"]), np.array(second.history["loss"]))]
    compared += [(np.array(_validation(first)), np.array(_validation(second))), (first.logits, second.logits)]
    compared += [(array, second.weights[name]) for name, array in first.weights.items()]
    return max(_relative(a, b) for a, b in compared)


def _validation(run: Run) -> list[float]:
    return [epoch.validation_loss for epoch in run.record.epochs]


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference over the largest value; infinity where shapes differ or a value is not finite."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    largest, difference = np.abs(a).max(initial=0.0), np.abs(a - b).max(initial=0.0)
    return float(difference / largest) if largest else float(difference)


def sentence(agreement: Agreement) -> str:
    """Say it in one line."""
    verdict = "rounding" if agreement.within else "NOT rounding"
    return (
        f"exact: {agreement.second} differs from {agreement.first} by {agreement.difference:.1e} after "
        f"{agreement.steps:,} steps with seed {agreement.seed}: {verdict}, limit {TOLERANCES['exact'].limit:.0e}"
    )
