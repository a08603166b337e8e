"""Repetitions of whole comparisons with a known true gap: how often each verdict comes out.

`python -m tests.statistics.simulation` prints the table of docs/reference/statistics.md.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from twotrack.shared.evaluation.statistics.learning import measure
from twotrack.shared.evaluation.statistics.verdict import decide, decision, over_seeds

MARGINS = {"accuracy": 0.005, "roc_auc": 0.05}
NOISES = (0.2, 1.0, 5.0)
"""Standard deviation of one track's metric from seed to seed, in margins."""
SEEDS = (2, 3, 5, 10, 20)
REPETITIONS = 2000
LEARNING_REPETITIONS = 500
IMAGES, CHURNERS, OTHERS = 10_000, 40, 110
"""Test examples: for accuracy, and of the two classes for ROC AUC, which are few, so the margin there is wide."""


@dataclass(frozen=True)
class Rates:
    """Shares of the repetitions."""

    equivalent: float
    different: float


def rates(metric: str, gap: float, noise: float, seeds: int) -> Rates:
    """Simulate comparisons with a true `gap` and `noise`, both in margins."""
    generator = np.random.default_rng([seeds, int(10 * gap), int(10 * noise)])
    draw = {"accuracy": accuracies, "roc_auc": areas}[metric]
    margin, shape = MARGINS[metric], (REPETITIONS, seeds)
    first, second = (draw(generator, shape, step * margin, noise * margin) for step in (0.0, gap))
    kinds = decide(over_seeds(second - first), margin)
    return Rates(float((kinds == "equivalent").mean()), float((kinds == "different").mean()))


def accuracies(generator: np.random.Generator, shape: tuple[int, int], above: float, noise: float) -> np.ndarray:
    """Return accuracies of 0.9 + above in the mean: the seed moves the true one, the examples are right by chance."""
    true = 0.9 + above + noise * generator.uniform(-np.sqrt(3), np.sqrt(3), shape)
    return generator.binomial(IMAGES, true) / IMAGES


def areas(generator: np.random.Generator, shape: tuple[int, int], above: float, noise: float) -> np.ndarray:
    """Return ROC AUCs of 0.8 + above in the mean, of normal scores; the seed moves the true one."""
    true = 0.8 + above + noise * generator.uniform(-np.sqrt(3), np.sqrt(3), shape)
    shift = np.sqrt(2) * stats.norm.ppf(true)
    others = generator.normal(size=(*shape, OTHERS))
    churners = generator.normal(size=(*shape, CHURNERS)) + shift[..., np.newaxis]
    is_churner = np.concatenate([churners, others], axis=-1).argsort(axis=-1) < CHURNERS
    ranks = (is_churner * np.arange(CHURNERS + OTHERS)).sum(axis=-1)
    return (ranks - CHURNERS * (CHURNERS - 1) / 2) / (CHURNERS * OTHERS)


def decisions(repetitions: int, seeds: int, gap: float, examples: int = 200, margin: float = 0.05) -> list[str]:
    """Return what `statistics.verdict` decides on few test examples, where seeds often agree by chance.

    Right or wrong follows the difficulty of the example, a move of the whole model by the seed, and noise.
    """
    generator, kinds = np.random.default_rng(seeds), []
    labels = np.ones(examples, np.int32)
    difficulty = (np.arange(examples) + 0.5) / examples
    for _ in range(repetitions):
        first, second = (
            difficulty + generator.normal(0, 0.02, (seeds, 1)) + generator.normal(0, 0.02, (seeds, examples)) < share
            for share in (0.6, 0.6 - gap * margin)
        )
        logits = (np.where(right, 1.0, -1.0)[..., np.newaxis] for right in (first, second))
        kinds.append(decision("accuracy", *logits, labels, margin)[0])
    return kinds


@dataclass(frozen=True)
class LearningRates:
    """Shares of the repetitions in which the question whether a track learned is answered wrongly."""

    unlearned_though_learned: float
    """Two tracks of an accuracy or ROC AUC clearly above the constant answer."""
    learned_though_chance: float
    """One track that answers at random."""


def learning_rates(metric: str, seeds: int, repetitions: int, examples: int = 150) -> LearningRates:
    """Simulate comparisons on `examples` test examples of two classes alike; seeds move what a track learned."""
    generator = np.random.default_rng([seeds, examples])
    labels = (np.arange(examples) % 2).astype(np.int32)
    unlearned = chance = 0
    for _ in range(repetitions):
        strength = 1.5 + generator.normal(0, 0.1, (2, seeds, 1))
        learned = generator.normal(strength * (labels - 0.5), 1.0, (2, seeds, examples))[..., np.newaxis]
        random = generator.normal(size=(seeds, examples, 1))
        unlearned += not measure(metric, *learned, labels).shown
        chance += measure(metric, random, random, labels).shown
    return LearningRates(unlearned / repetitions, chance / repetitions)


if __name__ == "__main__":
    print("| metric | noise, margins | seeds | different, gap 0 | equivalent, gap 2 margins | decided, gap 0 |")
    print("|---|---|---|---|---|---|")
    for metric in MARGINS:
        for noise in NOISES:
            for seeds in SEEDS:
                same, apart = rates(metric, 0, noise, seeds), rates(metric, 2, noise, seeds)
                print(
                    f"| {metric} | {noise:g} | {seeds} | {same.different:.2%} | {apart.equivalent:.2%} "
                    f"| {same.equivalent:.1%} |"
                )
    print()
    print("| metric | seeds | neither learned, though both did | learned, at random |")
    print("|---|---|---|---|")
    for metric in MARGINS:
        for seeds in (1, *SEEDS[:3]):
            wrong = learning_rates(metric, seeds, LEARNING_REPETITIONS)
            print(f"| {metric} | {seeds} | {wrong.unlearned_though_learned:.2%} | {wrong.learned_though_chance:.2%} |")
