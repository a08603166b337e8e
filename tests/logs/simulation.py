"""How often two logs of one process are said to part, and how often those of two that differ are, and where.

`python -m tests.logs.simulation` prints the tables of docs/guides/logs.md; `--quick` takes fewer repetitions.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tests.logs import processes
from twotrack.shared.logs.alignment import Aligned
from twotrack.shared.logs.metric import examine_metric
from twotrack.shared.logs.names import Match
from twotrack.shared.logs.result import MetricResult

LEVEL = 0.01
HEAVY = "heavy tails, t with 2.5 degrees of freedom"
SPEEDS = (0.02, 0.1, 0.5)
POINTS = (15, 30, 100, 300, 1000)
Pair = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Rates:
    """Shares of the repetitions."""

    parts: float
    undecided: float
    near: float
    """Of those that part: first step within a twentieth of the log of the true one; NaN without a true one."""
    early: float
    """Of those that part: sure by a step before the true one."""
    repetitions: int


def examined(first: np.ndarray, second: np.ndarray, level: float = LEVEL) -> MetricResult:
    """Compare two series that were logged at every step, with all their digits."""
    aligned = Aligned("step", np.arange(1.0, len(first) + 1), first, second, True)
    return examine_metric(Match("loss", "loss", "loss"), aligned, 17, (None, None), level)


def rates(draw: Pair, repetitions: int, seed: int, at: int | None = None) -> Rates:
    """Simulate comparisons; `at` is the step before which both are one process."""
    found = [examined(*draw(np.random.default_rng([seed, number]))) for number in range(repetitions)]
    parted = [result for result in found if result.status == "parts"]
    near = early = float("nan")
    if at is not None and parted:
        away = np.array([abs((result.first or 0) - 1 - at) for result in parted])
        near = float((away <= found[0].points / 20).mean())
        early = float(np.mean([(result.certain or 0) <= at for result in parted]))
    undecided = sum(result.status == "undecided" for result in found)
    return Rates(len(parted) / repetitions, undecided / repetitions, near, early, repetitions)


def shifted(noise: str, points: int, size: float, share: float, falls: bool = True) -> Pair:
    """Return a process and the same one, moved by `size` standard deviations from a share of the log on."""

    def draw(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        first, second = processes.pair(noise, generator, points, falls=falls)
        second[round(share * points) :] += 0.1 * size
        return first, second

    return draw


def sloped(points: int, size: float) -> Pair:
    """Return a process and one that leaves it along a line from the middle on, `size` deviations at the end."""

    def draw(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        first, second = processes.pair("normal", generator, points)
        second += 0.1 * size * np.maximum(np.linspace(-1, 1, points), 0)
        return first, second

    return draw


def restarted(points: int, lost: float) -> Pair:
    """Return a process and one that jumps back to an earlier loss in the middle, and recovers in a tenth of the log."""

    def draw(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        first, second = processes.pair("normal", generator, points)
        half = points // 2
        second[half:] += 0.1 * lost * np.exp(-np.arange(points - half) / (points / 10))
        return first, second

    return draw


def descents(changed_at: int | None = None, changed_rate: float = 0.05, rate: float = 0.1, same: bool = False) -> Pair:
    """Return two trainings by SGD, the second one's rate changed at a step; unless `same`, of another seed."""

    def draw(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        seeds = generator.integers(0, 2**31, 2)
        if same:
            seeds[1] = seeds[0]
        ours, theirs = (np.random.default_rng(seed) for seed in seeds)
        first = processes.descent(ours, rate=rate)
        return first, processes.descent(theirs, rate=rate, changed_at=changed_at, changed_rate=changed_rate)

    return draw


NULLS: dict[str, Callable[[int], Pair]] = {
    noise: (lambda points, noise=noise: lambda generator: processes.pair(noise, generator, points))
    for noise in processes.NOISES
} | {"batch 4 times as large, skewed": lambda points: lambda generator: processes.unequal_batches(generator, points)}


def main(quick: bool) -> None:
    """Print the tables, in Markdown."""
    repetitions, lengths, powers = (100, POINTS[1:4], (300,)) if quick else (1000, POINTS, (100, 300, 1000))
    print(
        f"| noise, n = {repetitions} pairs a cell, seed 0 |", " | ".join(f"{points} points" for points in lengths), "|"
    )
    print("|---|" + "---|" * len(lengths))
    for name, process in NULLS.items():
        cells = [rates(process(points), repetitions, 0) for points in lengths]
        print(f"| {name} |", " | ".join(f"{one.parts:.1%} ({one.undecided:.0%})" for one in cells), "|", flush=True)
    few = 20 if quick else 200
    print(f"\n| SGD in NumPy, 600 steps, two seeds, n = {2 * few} pairs, seed 0 | parts (undecided) |\n|---|---|")
    for rate in SPEEDS:
        one = rates(descents(rate=rate), 2 * few, 0)
        print(f"| learning rate {rate:g} | {one.parts:.1%} ({one.undecided:.0%}) |", flush=True)
    print(f"\n| difference, n = {few} pairs, seed 0 | points | found | near | sure too early |\n|---|---|---|---|---|")
    for name, points, at, draw in _powers(powers):
        one = rates(draw, few, 0, at)
        near, early = (f"{share:.0%}" if one.parts else "" for share in (one.near, one.early))
        print(f"| {name} | {points} | {one.parts:.0%} | {near} | {early} |", flush=True)


def _powers(lengths: tuple[int, ...]) -> Iterator[tuple[str, int, int, Pair]]:
    for points in lengths:
        half = points // 2
        for size in (0.5, 1.0, 2.0):
            yield f"shift by {size:g} sd, flat curve", points, half, shifted("normal", points, size, 0.5, falls=False)
        for size in (1.0, 2.0):
            yield f"shift by {size:g} sd, falling curve", points, half, shifted("normal", points, size, 0.5)
        yield "shift by 2 sd, heavy tails", points, half, shifted(HEAVY, points, 2.0, 0.5)
        yield "shift by 2 sd, correlated 0.5", points, half, shifted("correlated 0.5", points, 2.0, 0.5)
        yield "shift by 2 sd, correlated 0.9", points, half, shifted("correlated 0.9", points, 2.0, 0.5)
        yield "other slope, 3 sd at the end", points, half, sloped(points, 3.0)
        yield "one restart, 10 sd", points, half, restarted(points, 10.0)
    for rate in (0.05, 0.01):
        yield f"SGD, rate 0.1 to {rate:g} at step 60, another seed", 600, 60, descents(60, rate)
    yield "SGD, rate 0.1 to 0.05 at step 60, same seed", 600, 60, descents(60, 0.05, same=True)


if __name__ == "__main__":
    main("--quick" in sys.argv)
