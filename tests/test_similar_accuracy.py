"""Both tracks reach similar accuracy in every chapter: over seeds, dropout on, by the statistics of `compare`."""

from pathlib import Path

import pytest

from tests.bert import folders
from tests.support.jobs import run
from tests.support.ladders import SharedLadder
from tests.support.similar import gap, gap_of_runs, is_beyond, is_within
from twotrack.shared.base.tolerances import ACCURACY_MARGIN
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.evaluation import statistics
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_name
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.workers.pool import WorkerPool

TRACKS = ("torch", "keras:tensorflow")
ELSEWHERE = {"neuron", "backprop", "churn_mlp", "activations", "optimizers"}
"""tests/conformance climbs their accuracy rung by default, which is this test."""
SLOW = {"mnist_cnn", "churn_lstm", "churn_transformer", "shop_transfer"}
"""By default tests/test_compare_mnist.py compares the scores of the first; churn_rnn, on the same months, and
review_bert, of the same blocks and in the same stages, stand for the others."""
SMALL = {"shop_transfer": {"backbone": "resnet18", "weights": "none", "size": "33"}, "review_bert": {"length": "16"}}
LEARNED = {"mnist_cnn": 0.6, "churn_rnn": 0.6, "churn_lstm": 0.6, "churn_transformer": 0.6}
"""At least so much of the metric is reached, so that equal scores are not those of two models that learn nothing.
Random weights of the small encoder and the small backbone, frozen, tell little."""
SEEDS = (0, 1, 2)


@pytest.mark.parametrize(
    "slug",
    [pytest.param(slug, marks=pytest.mark.slow if slug in SLOW else ()) for slug in CHAPTERS if slug not in ELSEWHERE],
)
def test_short_trainings_of_both_tracks_score_alike(slug: str, ladder: SharedLadder, tmp_path: Path):
    settings = dict(SMALL.get(slug, {}))
    if slug == "review_bert":
        settings["weights"] = str(folders.write(tmp_path / "small"))
    found = ladder.short_trainings(TRACKS, slug, settings, tmp_path)

    metric = CHAPTERS[slug].metric
    first, second = (one.outputs for one in found)
    assert is_within(gap(metric, first, second, found[0].labels), ACCURACY_MARGIN)
    scores = [statistics.score(metric, one.outputs, one.labels).value for one in found]
    assert min(scores) >= LEARNED.get(slug, 0.0), scores


@pytest.mark.slow
@pytest.mark.parametrize("slug", CHAPTERS)
def test_full_trainings_of_both_tracks_score_alike(slug: str, workers: WorkerPool, tmp_path: Path):
    """With three seeds the interval may be wider than a chapter's margin; the difference itself is not."""
    first, second = (trained(workers, slug, track, tmp_path) for track in TRACKS)
    found, margin = gap_of_runs(first, second), CHAPTERS[slug].margin

    assert abs(found.value) < margin, found
    assert not is_beyond(found, margin), found


def trained(workers: WorkerPool, slug: str, track: str, folder: Path) -> list[Run]:
    """Train the fast recipe with every seed, as `compare` does."""
    request = TrainingRequest(slug, (track,), SEEDS, device="cpu")
    jobs = plan(request, lambda track, seed: folder / run_name(track, seed))
    return [run(workers, job) for job in jobs]
