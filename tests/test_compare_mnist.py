"""The main job: the MNIST CNN in PyTorch and in Keras on TensorFlow, to a report; on all the data if slow."""

from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command_line import twotrack
from tests.support.events import scalars
from tests.support.pages import Page
from twotrack.shared.report import disagreements
from twotrack.shared.runs.run_folder import Run, read

TRACKS = ["torch", "keras:tensorflow"]
JOB = ("compare", "mnist_cnn", "--tracks", "torch,keras:tensorflow", "--tensorboard", "--json")


@dataclass(frozen=True)
class Size:
    """How much of the training data is taken, and what both tracks reach with it at least."""

    options: tuple[str, ...]
    steps: int
    accuracy: float
    apart: float


SHORT = Size(("--examples", "12800"), 240, 0.95, 0.01)
WHOLE = Size((), 1030, 0.99, 0.005)
LEAST_LOSS = -(0.91 * log(0.91) + 9 * 0.01 * log(0.01))
"""Cross-entropy of the smoothed targets of ten classes with themselves: no network is below it."""


@dataclass(frozen=True)
class Compared:
    size: Size
    printed: dict[str, Any]
    stderr: str
    runs: list[Run]
    page: Page


def compare(folder: Path, size: Size, *options: str) -> Compared:
    done = twotrack(*JOB, *size.options, *options, folder=folder)
    printed = done.json()
    runs = [read(Path(row["folder"])) for row in printed["runs"]]
    return Compared(size, printed, done.stderr, runs, Page(folder / printed["report"]))


@pytest.fixture(
    scope="module", params=[pytest.param(SHORT, id="short"), pytest.param(WHOLE, id="whole", marks=pytest.mark.slow)]
)
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return compare(tmp_path_factory.mktemp("compare"), request.param)


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return compare(tmp_path_factory.mktemp("classic"), WHOLE, "--recipe", "classic")


def accuracies(compared: Compared) -> dict[str, float]:
    return {run.record.job.track: run.record.test["accuracy"] for run in compared.runs}


def test_both_tracks_read_the_test_digits(compared: Compared):
    found = accuracies(compared)

    assert list(found) == TRACKS
    assert min(found.values()) >= compared.size.accuracy, found


def test_the_tracks_differ_by_at_most_half_a_point_with_all_the_data(compared: Compared):
    first, second = accuracies(compared).values()

    assert abs(first - second) <= compared.size.apart


def test_both_tracks_had_the_same_data_initial_weights_and_batches(compared: Compared):
    first, second = (run.record for run in compared.runs)

    assert compared.printed["same_start"] == {"data": True, "initial_weights": True, "batches": True}
    assert first.initial_weights == second.initial_weights
    assert (first.batches, first.data, first.steps) == (second.batches, second.data, compared.size.steps)


def test_what_is_printed_is_what_the_records_say(compared: Compared):
    for row, run in zip(compared.printed["runs"], compared.runs, strict=True):
        assert (row["track"], row["seed"], row["test"]) == (run.record.job.track, 0, run.record.test)
        assert row["epoch_seconds"] == run.record.epochs[0].seconds
        assert row["peak_memory"] == run.record.memory.peak
    for row, run in zip(compared.printed["tracks"], compared.runs, strict=True):
        assert row["score"]["value"] == run.record.test["accuracy"]
        assert row["score"]["low"] < row["score"]["value"] < row["score"]["high"]
        assert row["parameters"] == 421_642


def test_tensorboard_reads_both_tracks_curves_under_the_same_tags(compared: Compared):
    for run in compared.runs:
        found = scalars(run.folder.parent / "tensorboard" / run.folder.name)
        for tag, history in (("loss/train", "loss"), ("learning_rate", "learning_rate")):
            steps, values = zip(*found[tag], strict=True)
            assert steps == tuple(range(1, compared.size.steps + 1))
            np.testing.assert_allclose(values, run.history[history], rtol=1e-6)
        (epoch,), last = run.record.epochs, compared.size.steps
        assert found["accuracy/validation"] == [(last, pytest.approx(epoch.validation_metric))]
        assert found["loss/validation"] == [(last, pytest.approx(epoch.validation_loss))]


def test_the_printed_difference_is_that_of_the_predictions(compared: Compared):
    (row,) = compared.printed["differences"]
    first, second = (run.logits.argmax(axis=1) for run in compared.runs)
    labels = compared.runs[0].labels

    assert [row["first"], row["second"]] == TRACKS
    assert row["difference"]["value"] == pytest.approx(
        ((first == labels).mean() - (second == labels).mean()), abs=1e-12
    )
    assert row["disagreements"] == (first != second).sum()


def test_feeding_is_a_small_part_of_an_epoch(compared: Compared):
    for run in compared.runs:
        (epoch,) = run.record.epochs
        assert 0 < epoch.feeding_seconds < epoch.seconds / 10


def test_losses_fall_in_both_tracks_alike(compared: Compared):
    first, second = (run.history["loss"] for run in compared.runs)

    of_masks = 4 * sqrt(2) * 0.0053  # of the first batch, over 60 draws of dropout's masks: all that differs
    assert first[0] == pytest.approx(second[0], abs=of_masks)
    for losses in (first, second):
        least, far = sum(losses[-50:]) / 50 - LEAST_LOSS, sum(losses[:50]) / 50 - LEAST_LOSS
        assert 0 < least < (0.1 if compared.size is WHOLE else 0.4) < far


def test_the_report_is_one_file_that_loads_nothing(compared: Compared):
    assert compared.page.from_elsewhere == []
    assert "script" not in compared.page.tags


def test_the_report_shows_both_tracks_the_digits_on_which_they_disagree_and_the_worst_mistakes(compared: Compared):
    (row,) = compared.printed["differences"]

    disputed = min(row["disagreements"], disagreements.LIMIT)
    assert len(compared.page.pictures) == disputed + disagreements.WORST > disagreements.WORST
    assert all(picture.startswith("data:image/png;base64,") for picture in compared.page.pictures)
    for track, accuracy in accuracies(compared).items():
        assert track in compared.page.text
        assert f"{100 * accuracy:.2f} %" in compared.page.text
    assert "nan" not in compared.page.text.lower().split()


def test_progress_without_a_terminal_is_plain_lines(compared: Compared):
    lines = [line for line in compared.stderr.splitlines() if " seed 0: " in line]

    assert [line.partition(" seed 0: ")[2].partition(":")[0] for line in lines] == [
        "started",
        "epoch 1/1",
        "finished",
    ] * 2
    assert "\x1b" not in compared.stderr


@pytest.mark.slow
def test_both_tracks_read_98_8_percent_with_the_classic_recipe(classic: Compared):
    found = accuracies(classic)

    assert min(found.values()) >= 0.988, found
    assert [len(run.record.epochs) for run in classic.runs] == [5, 5]
