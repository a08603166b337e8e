"""Padding never changes an output, not by a bit; real months always do."""

import pytest

from tests.support.workers import Workers
from twotrack.shared.track import TRACKS

MODELS = [
    ("churn_rnn", {}),
    ("churn_lstm", {}),
    ("churn_transformer", {}),
    ("churn_transformer", {"norm": "post", "positions": "sinusoidal"}),
]


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    ("chapter", "settings"), MODELS, ids=lambda one: one if isinstance(one, str) else "-".join(one)
)
def test_what_stands_in_masked_months_does_not_matter(
    chapter: str, settings: dict[str, str], track: str, workers: Workers
) -> None:
    zeros, noise, changed = workers.call(
        track, "tests.sequences.tasks:outputs", track=track, chapter=chapter, settings=settings
    )

    assert noise == zeros
    assert all(one != other for one, other in zip(changed, zeros, strict=True))
