"""What exercises of several lessons ask for: a chapter's score, and models of the same inputs."""

from collections.abc import Mapping
from types import MappingProxyType

from twotrack.shared.exercises.numbers import score
from twotrack.shared.exercises.spec import Measure, Number

CUSTOMER, MONTHS = (40,), (12, 5)
"""Shapes, without the batch, of a customer and of what is known of one month by month."""


def auc(of: str, mistakes: Mapping[str, Measure] = MappingProxyType({}), **settings: object) -> Number:
    """Ask for what the chapter's model scores on the test split after a training with seed 0."""
    return Number(f"the test ROC AUC {of}, seed 0", score("fast", **settings), 3, mistakes)
