"""Statistics of runs: intervals of one track, and what two tracks' runs show about each other.

SciPy and statsmodels are imported where a number is computed: a second that no other command spends.
"""

from twotrack.shared.evaluation.statistics.intervals import (
    Estimate,
    accuracy,
    accuracy_difference,
    score,
    score_difference,
)
from twotrack.shared.evaluation.statistics.learning import Learning
from twotrack.shared.evaluation.statistics.paired import SeedTest
from twotrack.shared.evaluation.statistics.verdict import Verdict, verdict, with_learning
from twotrack.shared.evaluation.statistics.wording import furthest, in_words, margin_in_words, summary

__all__ = [
    "Estimate",
    "Learning",
    "SeedTest",
    "Verdict",
    "accuracy",
    "accuracy_difference",
    "furthest",
    "in_words",
    "margin_in_words",
    "score",
    "score_difference",
    "summary",
    "verdict",
    "with_learning",
]
