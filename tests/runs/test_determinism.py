"""A seed fixes a run: the same weights file again on one track, the same start and batches on every track."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xxhash
from safetensors.numpy import load_file

from tests.support.jobs import BATCH_SIZE, EXAMPLES, train
from twotrack.shared import datasets
from twotrack.shared.chapters import mnist_cnn
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.shifting import shifted
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.weights import initial
from twotrack.shared.workers.pool import WorkerPool

Runs = Callable[[str, int, int], Run]


@pytest.fixture(scope="module")
def run(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs by track, seed and number; each is trained once."""
    folder = tmp_path_factory.mktemp("runs")

    @cache
    def trained(track: str, seed: int, number: int) -> Run:
        return train(workers, folder / f"{track.replace(':', '-')}-{seed}-{number}", track, seed)

    return trained


def weights_file(run: Run) -> bytes:
    return (run.folder / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("track", TRACKS)
def test_the_same_seed_twice_gives_the_same_weights_file(run: Runs, track: str):
    first, second = run(track, 0, 1), run(track, 0, 2)

    assert weights_file(first) == weights_file(second)
    assert first.history == second.history
    np.testing.assert_array_equal(first.logits, second.logits)


def test_the_same_seed_in_a_fresh_process_gives_the_weights_file_of_one_that_has_trained_before(
    run: Runs, tmp_path: Path
):
    with WorkerPool() as fresh:
        file = weights_file(train(fresh, tmp_path / "fresh", "torch"))

    assert file == weights_file(run("torch", 0, 2))


def test_another_seed_gives_other_weights_batches_and_predictions(run: Runs):
    first, second = run("torch", 0, 1), run("torch", 1, 1)

    assert first.record.initial_weights["conv1.kernel"] != second.record.initial_weights["conv1.kernel"]
    assert first.record.batches != second.record.batches
    assert weights_file(first) != weights_file(second)
    assert not np.array_equal(first.logits, second.logits)


@pytest.mark.parametrize("track", TRACKS)
def test_every_track_starts_from_the_weights_that_the_seed_draws(run: Runs, track: str):
    record = run(track, 0, 1).record
    shapes = {name: array.shape for name, array in load_file(run(track, 0, 1).folder / "weights.safetensors").items()}

    drawn = initial.draw(shapes, seed=0)

    assert record.initial_weights == {name: xxhash.xxh3_128_hexdigest(array) for name, array in drawn.items()}


@pytest.mark.parametrize("track", TRACKS)
def test_every_track_trains_on_the_batches_that_the_seed_orders(run: Runs, track: str):
    stored = datasets.load("mnist", run(track, 0, 1).record.job.source)
    dataset = shifted(stored, mnist_cnn.CHAPTER.recipe("fast").shift)
    batches = TrainingBatches(dataset, dataset.train.first(EXAMPLES), BATCH_SIZE, seed=0, loss="cross_entropy")
    digest = xxhash.xxh3_128()
    steps = len(list(batches.epoch(0, digest)))

    record = run(track, 0, 1).record

    assert (record.batches, record.steps) == (digest.hexdigest(), steps)
    assert record.data.fingerprint == dataset.fingerprint


@pytest.mark.parametrize("track", TRACKS)
def test_tracks_learn_the_same_but_for_rounding_from_the_same_start(workers: WorkerPool, tmp_path: Path, track: str):
    """Without dropout, of which each framework draws its own masks."""
    ours, theirs = (
        train(workers, tmp_path / str(number), one, settings={"dropout": "0"})
        for number, one in enumerate(("torch", track))
    )

    assert theirs.history["learning_rate"] == ours.history["learning_rate"]
    assert theirs.history["loss"] == pytest.approx(ours.history["loss"], abs=1e-4)
    assert ours.history["loss"][-1] < ours.history["loss"][0]


@pytest.mark.parametrize("track", TRACKS)
def test_the_record_tells_what_the_other_files_hold(run: Runs, track: str):
    trained = run(track, 0, 1)
    record, saved = trained.record, load_file(trained.folder / "weights.safetensors")

    assert record.test == metrics.evaluate(trained.logits, trained.labels)
    assert record.parameters == sum(array.size for array in saved.values()) == 421_642
    assert record.steps == len(trained.history["loss"]) == len(trained.history["learning_rate"])
    assert record.config == vars(mnist_cnn.Config(dropout=0.1))
    assert (record.job.track, record.job.seed, record.device) == (track, 0, "cpu")
    assert 0 < record.memory.after_import <= record.memory.peak
    assert 0 < record.epochs[0].feeding_seconds < record.epochs[0].seconds
    seconds = record.timing.model_dump()
    assert seconds.pop("replay") == 0  # it goes on from no other run
    assert min(seconds.values()) > 0
