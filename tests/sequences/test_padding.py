"""Padding never changes an output, not by a bit; real months always do."""

import pytest

from tests.sequences import tasks
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

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
    chapter: str, settings: dict[str, str], track: str, workers: WorkerPool
) -> None:
    zeros, noise, changed = workers.call(
        track, tasks.outputs, tasks.OfChapter(track=track, chapter=chapter, settings=settings)
    )

    assert noise == zeros
    assert all(one != other for one, other in zip(changed, zeros, strict=True))
