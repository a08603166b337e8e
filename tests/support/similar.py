"""The statistics by which tests say that two tracks reach similar accuracy, in one place."""

from collections.abc import Sequence

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.evaluation import statistics
from twotrack.shared.evaluation.statistics import Estimate
from twotrack.shared.runs.run_folder import Run


def gap(metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Estimate:
    """Estimate the first's metric minus the second's from outputs (seeds, examples, classes or 1)."""
    return statistics.score_difference(metric, first, second, labels, confidence=0.9)


def is_within(found: Estimate, margin: float) -> bool:
    """Tell whether two one-sided tests at 5 % find the two equivalent within the margin."""
    return -margin < found.low and found.high < margin


def is_beyond(found: Estimate, margin: float) -> bool:
    """Tell whether the interval lies outside the margin, on either side."""
    return found.low > margin or found.high < -margin


def gap_of_runs(first: Sequence[Run], second: Sequence[Run]) -> Estimate:
    """Estimate the difference in the chapter's metric from runs of two tracks with the same seeds, in order."""
    metric = chapters.get(first[0].record.job.chapter).metric
    outputs = [np.stack([run.logits for run in runs]) for runs in (first, second)]
    return gap(metric, *outputs, first[0].labels)
