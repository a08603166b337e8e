"""Every command prints one JSON document with --json, and what it says agrees with what it did."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import Done, in_process, twotrack
from tests.support.events import scalars
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.datasets.mnist import EMBEDDED
from twotrack.shared.runs.run_folder import read
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

QUICK = ("--examples", "256", "--set", "filters=4", "--device", "cpu", "--json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json")


@pytest.fixture(scope="module")
def compared(folder: Path, workers: WorkerPool) -> Done:
    asked = ("compare", "mnist_cnn", "--tracks", "torch", "--seeds", "2", *QUICK)
    return in_process(*asked, folder=folder, workers=workers)


def test_a_chapter_that_takes_seconds_is_compared_with_three_seeds(tmp_path: Path, workers: WorkerPool):
    asked = ("compare", "neuron", "--tracks", "torch", "--examples", "256", "--epochs", "1", "--json")
    done = in_process(*asked, folder=tmp_path, workers=workers).json()

    assert [run["seed"] for run in done["runs"]] == [0, 1, 2]


def test_list_describes_every_chapter(tmp_path: Path):
    listed = in_process("list", "--json", folder=tmp_path).json()

    assert [chapter["slug"] for chapter in listed] == list(CHAPTERS)
    assert listed[list(CHAPTERS).index("mnist_cnn")] == {
        "slug": "mnist_cnn",
        "title": "Convolutional network on handwritten digits",
        "dataset": "mnist",
        "recipes": ["fast", "classic", "sprint", "best"],
        "metric": "accuracy",
        "margin": 0.005,
        "settings": {"architecture": "flatten", "filters": 32, "hidden_size": 128, "dropout": 0.25},
    }


def test_doctor_finds_every_track_and_the_data_usable(tmp_path: Path, workers: WorkerPool):
    found = in_process("doctor", "--json", folder=tmp_path, workers=workers).json()

    assert [(one["track"], one["usable"], one["device"]) for one in found["tracks"]] == [
        (track, True, "cpu") for track in TRACKS
    ]
    assert [(one["dataset"], one["usable"]) for one in found["data"]] == [
        ("mnist", True),
        ("telco", True),
        ("telco_monthly", True),
        ("reviews", True),
        ("shop", True),
    ]
    assert [(one["extra"], one["usable"]) for one in found["extras"]] == [
        ("tfds", True),
        ("vision", True),
        ("export", True),
        ("serving", True),
        ("tensorboard", True),
        ("cdnow", True),
        ("bert", True),
    ]
    assert {"torch", "tensorflow", "keras", "jax", "twotrack"} <= found["environment"]["packages"].keys()


def test_data_tells_the_file_and_the_class_counts(tmp_path: Path):
    (found,) = in_process("data", "mnist", "--json", folder=tmp_path).json()

    assert (found["file"], found["sha256"]) == (str(EMBEDDED.path), EMBEDDED.sha256)
    assert found["bytes"] == EMBEDDED.path.stat().st_size
    assert {split: sum(counts.values()) for split, counts in found["splits"].items()} == {
        "train": 55_000,
        "validation": 5_000,
        "test": 10_000,
    }


def test_run_prints_the_run_that_it_left_and_logs_its_curves(tmp_path: Path, workers: WorkerPool):
    command = ("run", "mnist_cnn", "--track", "torch", "--seed", "3", "--tensorboard", *QUICK)
    done = in_process(*command, folder=tmp_path, workers=workers)

    (row,) = done.json()["runs"]
    record = read(tmp_path / row["folder"]).record
    assert done.json()["failures"] == []
    assert (row["track"], row["seed"], row["test"]) == ("torch", 3, record.test)
    assert record.job.command[1:4] == ["run", "mnist_cnn", "--track"]
    assert done.stderr.splitlines()[0] == "torch seed 3: started"
    (logs,) = tmp_path.glob("runs/mnist_cnn_fast_tensorboard_*/torch_seed3")
    losses = [value for _, value in scalars(logs)["loss/train"]]
    np.testing.assert_allclose(losses, read(tmp_path / row["folder"]).history["loss"], rtol=1e-6)


def test_compare_with_two_seeds_prints_both_runs_and_their_interval(folder: Path, compared: Done):
    found = compared.json()

    accuracies = [read(folder / row["folder"]).record.test["accuracy"] for row in found["runs"]]
    (track,) = found["tracks"]
    assert [row["seed"] for row in found["runs"]] == track["seeds"] == [0, 1]
    assert track["score"]["value"] == pytest.approx(sum(accuracies) / 2)
    assert track["score"]["method"] == "Student's t, over seeds"
    assert (found["differences"], found["failures"]) == ([], [])
    assert (folder / found["report"]).is_file()


def test_report_on_the_same_runs_prints_the_same_comparison(folder: Path, compared: Done):
    expected = compared.json()
    parent = folder / Path(expected["report"]).parent

    found = in_process("report", parent, "--out", "again.html", "--json", folder=folder).json()

    assert found == expected | {"report": "again.html"}
    assert (folder / "again.html").is_file()


def test_report_takes_what_verify_prints(folder: Path, compared: Done):
    verified = {"subject": "mnist_cnn", "settings": {"filters": "4"}, "recipe": "fast", "passed": True, "tracks": []}
    (folder / "verified.json").write_text(json.dumps(verified))
    parent = folder / Path(compared.json()["report"]).parent

    found = twotrack("report", parent, "--ladder", "verified.json", "--json", folder=folder).json()

    assert found["verification"] == verified


def test_json_is_all_that_is_printed_and_progress_goes_to_stderr(compared: Done):
    assert compared.stdout == json.dumps(compared.json(), indent=2) + "\n"
    assert "torch seed 1: finished" in compared.stderr
