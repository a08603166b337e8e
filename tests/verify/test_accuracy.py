"""The accuracy rung passes what lies within the margin, and tells a difference from too few examples."""

import numpy as np
import pytest

from twotrack.shared import chapters
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.verify.accuracy import PREDICTED, SEEDS, ShortTrainings, check

LABELS = np.arange(400) % 2


def outcome(shares: list[float]) -> ShortTrainings:
    """Outputs that name the right class for these shares of the examples, one per seed."""
    right = np.stack([np.arange(len(LABELS)) < share * len(LABELS) for share in shares])
    named = np.where(right, LABELS, 1 - LABELS)
    return ShortTrainings(np.eye(2)[named], LABELS, trained=64)


@pytest.mark.parametrize(
    ("torch", "keras", "passed", "told"),
    [
        ([0.9] * SEEDS, [0.9] * SEEDS, True, "] within ±0.05"),
        ([0.9] * SEEDS, [0.6] * SEEDS, False, "] beyond ±0.05"),
        ([0.9, 0.5, 0.8, 0.6, 0.7], [0.6, 0.8, 0.5, 0.9, 0.7], False, "] not shown to lie within ±0.05"),
    ],
)
def test_the_verdict_says_on_which_side_of_the_margin_the_difference_lies(
    torch: list[float], keras: list[float], passed: bool, told: str
):
    verdict = check("accuracy", outcome(torch), outcome(keras))

    assert verdict.passed is passed
    assert told in verdict.detail


@pytest.mark.parametrize("chapter", chapters.CHAPTERS.values(), ids=lambda chapter: chapter.slug)
def test_examples_fill_batches_of_one_size(chapter: Chapter):
    """A batch of another size would be compiled anew."""
    assert chapter.verify_examples % PREDICTED == 0
