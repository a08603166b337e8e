"""Are two tracks equivalent? Tests over seeds, with exactly one of three answers, and a fourth where neither learned.

Let m be the chapter's margin and d the mean over seeds of the metric's difference, paired by seed.

equivalent  the 90 % interval of d lies inside (-m, m): two one-sided tests at 5 % (Schuirmann 1987)
different   the 95 % interval of d lies wholly outside [-m, m]
undecided   otherwise, and always with one seed

neither learned   in place of "equivalent" and "undecided", where neither track is shown to beat a constant answer

So a gap of m or more is called equivalent, and a gap of at most m different, in at most 5 % of repetitions each,
whatever the noise. Of several pairs of tracks, "different" is tested at 5 % divided by their number (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np

from twotrack.shared.base.tolerances import SCATTER_ROUNDING
from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.statistics.areas import bootstrap
from twotrack.shared.evaluation.statistics.intervals import differences_by_seed, over_examples
from twotrack.shared.evaluation.statistics.learning import Learning, measure
from twotrack.shared.evaluation.statistics.paired import SeedTest, seed_tests
from twotrack.shared.evaluation.statistics.power import POWER, seeds_to_decide
from twotrack.shared.evaluation.statistics.wording import sentence

LEVEL = 0.05
Kind = Literal["equivalent", "different", "undecided", "neither learned"]
KINDS: tuple[Kind, ...] = ("equivalent", "different", "undecided")
"""What the intervals of a difference can say."""
Ends = TypeVar("Ends", float, np.ndarray)


@dataclass(frozen=True)
class Verdict:
    """What the runs of two tracks with the same seeds show."""

    kind: Kind
    first: str
    second: str
    metric: str
    margin: float
    difference: float
    """Mean over the seeds of the metric of the first minus that of the second."""
    low: float
    high: float
    """The interval at 90 %, which is to lie inside the margin."""
    wide_low: float
    wide_high: float
    """The wider interval, which is to lie outside."""
    wide_confidence: float
    """0.95, more for several pairs of tracks."""
    p_equivalent: float | None
    """Of the two one-sided tests; None if the seeds do not scatter."""
    method: str
    """Where the intervals come from."""
    seed_tests: tuple[SeedTest, ...]
    seeds_to_decide: int | None
    """None if it is decided, or 1,000 seeds would not do."""
    assumption: str
    """Behind `seeds_to_decide`; empty if it is decided."""
    learning: Learning | None = None
    """The tracks beside the best constant answer; None if that was not asked."""
    text: str = ""
    """All of it in one sentence."""


@dataclass(frozen=True)
class Intervals(Generic[Ends]):
    """The two intervals of one difference, or of many: their ends are numbers, or arrays of one shape."""

    low: Ends
    high: Ends
    wide_low: Ends
    wide_high: Ends
    method: str


def verdict(
    metric: str,
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    margin: float,
    names: tuple[str, str] = ("the first", "the second"),
    seeds: Sequence[int] = (),
    pairs: int = 1,
) -> Verdict:
    """Compare two tracks by a metric of shared/evaluation on logits (seeds, examples, classes or 1), paired by seed.

    Labels are (examples,). `seeds` are their numbers, 0, 1, ... if left out; `pairs` of tracks are compared in all.
    """
    level = LEVEL / pairs
    kind, differences, intervals = decision(metric, first, second, labels, margin, level)
    needed, assumption = (None, "") if kind != "undecided" else _to_decide(differences, intervals, margin, level)
    result = Verdict(
        kind=kind,
        first=names[0],
        second=names[1],
        metric=metric,
        margin=margin,
        difference=float(differences.mean()),
        low=intervals.low,
        high=intervals.high,
        wide_low=intervals.wide_low,
        wide_high=intervals.wide_high,
        wide_confidence=1 - level,
        p_equivalent=_p_equivalent(differences, margin),
        method=intervals.method,
        seed_tests=seed_tests(metric, first, second, labels, seeds or range(len(first))),
        seeds_to_decide=needed,
        assumption=assumption,
    )
    return replace(result, text=sentence(result))


def decision(
    metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray, margin: float, level: float = LEVEL
) -> tuple[Kind, np.ndarray, Intervals[float]]:
    """Return the kind of verdict, with the differences (seeds,) and the intervals that decide it."""
    differences = differences_by_seed(metric, first, second, labels)
    intervals = _intervals(metric, first, second, labels, differences, level)
    return _kind(intervals, margin) if len(differences) > 1 else "undecided", differences, intervals


def with_learning(result: Verdict, first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Verdict:
    """Return the verdict on these outputs, which is "neither learned" where that is why the tracks do not differ."""
    measured = measure(result.metric, first, second, labels)
    if not measured.shown and result.kind != "different":
        result = replace(result, kind="neither learned", seeds_to_decide=None, assumption="")
    result = replace(result, learning=measured)
    return replace(result, text=sentence(result))


def _kind(intervals: Intervals[float], margin: float) -> Kind:
    (decided,) = decide(intervals, margin).ravel()
    return next(kind for kind in KINDS if kind == decided)


def decide(intervals: Intervals[float] | Intervals[np.ndarray], margin: float) -> np.ndarray:
    """Return the kind of verdict for intervals, in an array of their ends' shape."""
    inside = (-margin < intervals.low) & (intervals.high < margin)
    outside = (intervals.wide_low > margin) | (intervals.wide_high < -margin)
    return np.select([inside, outside], list(KINDS[:2]), KINDS[2])


def over_seeds(differences: np.ndarray, level: float = LEVEL) -> Intervals[np.ndarray]:
    """Return Student's intervals of the mean of differences (..., seeds) over two or more seeds."""
    from scipy import stats

    count = differences.shape[-1]
    centre, error = differences.mean(axis=-1), differences.std(axis=-1, ddof=1) / np.sqrt(count)
    narrow, wide = (stats.t.ppf(1 - tail, count - 1) * error for tail in (LEVEL, level / 2))
    return Intervals(centre - narrow, centre + narrow, centre - wide, centre + wide, "paired t, over seeds")


def _intervals(
    metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray, differences: np.ndarray, level: float
) -> Intervals[float]:
    """Return the intervals over the seeds; over the test examples if the seeds do not scatter, or there is one."""
    if _scatter(differences):
        student = over_seeds(differences, level)
        return Intervals(
            float(student.low), float(student.high), float(student.wide_low), float(student.wide_high), student.method
        )
    if metric == "accuracy":
        right = [(metrics.classes(logits) == labels).mean(axis=0) for logits in (first, second)]
        narrow, wide = (over_examples(right[0] - right[1], 1 - tails) for tails in (2 * LEVEL, level))
        return Intervals(narrow.low, narrow.high, wide.low, wide.high, narrow.method)
    resampled = (bootstrap(first, labels) - bootstrap(second, labels))[:, 1:].mean(axis=0)
    low, high, wide_low, wide_high = np.quantile(resampled, [LEVEL, 1 - LEVEL, level / 2, 1 - level / 2]).tolist()
    return Intervals(low, high, wide_low, wide_high, "bootstrap, over test examples")


def _scatter(differences: np.ndarray) -> bool:
    """Tell whether differences (seeds,) are not all one, but for what subtracting two scores rounds."""
    return bool(np.ptp(differences) > SCATTER_ROUNDING)


def _p_equivalent(differences: np.ndarray, margin: float) -> float | None:
    """Return the larger p-value of the two one-sided tests."""
    if not _scatter(differences):
        return None
    from scipy import stats

    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def _to_decide(
    differences: np.ndarray, intervals: Intervals[float], margin: float, level: float
) -> tuple[int | None, str]:
    """Return how many seeds would decide, more than there are, and what that assumes."""
    if len(differences) == 1:
        from scipy import stats

        deviation = (intervals.high - intervals.low) / 2 / stats.norm.ppf(1 - LEVEL)
        source = "seeds scatter as much as the test examples let one seed's difference scatter"
    else:
        deviation, source = float(differences.std(ddof=1)), "seeds scatter as these do"
    needed = seeds_to_decide(float(differences.mean()), deviation, margin, level)
    assumption = (
        f"the true difference is the one seen and {source} (standard deviation {deviation:.2g}); power {POWER:.0%}"
    )
    return needed and max(needed, len(differences) + 1), assumption
