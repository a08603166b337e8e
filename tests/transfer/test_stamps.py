"""Few photos, as a user trains on them: what was learned elsewhere carries, in both tracks alike."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import in_process
from tests.support.turns import QUICKEST
from twotrack.shared.datasets import stamps
from twotrack.shared.runs import run_folder
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

SIZE = 48
"""Pixels of a side: less than a chapter page's 96, for the time of a test."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stamps")


@pytest.fixture(scope="module")
def runs(folder: Path, workers: WorkerPool) -> list[Path]:
    """A new head on ImageNet's features, on both tracks."""
    asked = ("compare", "shop_transfer", "--source", "stamps", "--tracks", f"torch,{QUICKEST}", "--out", folder)
    in_process(*asked, "--set", f"size={SIZE}", "--epochs", "20", folder=folder, workers=workers)
    return sorted(record.parent for record in folder.rglob("record.json"))


def test_both_tracks_learn_it_equally_well_and_far_better_than_by_the_commonest_class(runs: list[Path]):
    labels = stamps.read_splits(stamps.source())[2].labels
    right = [run_folder.read(run).logits.argmax(axis=1) == labels for run in runs]
    commonest = np.bincount(labels).max() / len(labels)

    assert len(right) == 2
    assert np.abs(right[0].sum() - right[1].sum()) <= 2
    assert min(found.mean() for found in right) > commonest + 0.25


def test_the_record_names_the_source_and_its_six_classes(runs: list[Path]):
    for run in runs:
        record = json.loads((run / "record.json").read_text())
        assert record["job"]["source"]["name"] == "stamps"
        assert record["config"]["num_classes"] == 6


def test_a_run_answers_for_photos_of_ones_own_and_for_its_test_split(
    runs: list[Path], folder: Path, workers: WorkerPool
):
    arrays = stamps.EMBEDDED.arrays()
    birds = np.flatnonzero(arrays["train_labels"] == stamps.CLASS_NAMES.index("bird"))[:5]
    files = [folder / f"{number}.png" for number in birds]
    for file, number in zip(files, birds, strict=True):
        Image.fromarray(arrays["train_images"][number]).resize((300, 300)).save(file)

    asked = in_process("predict", runs[0], *files, "--json", folder=folder, workers=workers).json()

    assert [one["class_name"] for one in asked].count("bird") >= 4
    assert in_process("predict", runs[0], "--test", folder=folder, workers=workers).code == 0


@pytest.mark.slow
def test_the_network_with_six_outputs_is_one_model_in_both_tracks(ladder: Ladder):
    """All of ResNet-18 in float64; by default small networks of the same blocks climb, in tests/backbones."""
    small = {"backbone": "resnet18", "weights": "none", "size": "33"}
    request = VerifyRequest(
        name="shop_transfer", settings={**small, "num_classes": "6"}, until="gradients", causes="none"
    )

    (result,) = ladder.climb(request, lambda *_: None, [QUICKEST])

    assert result.passed, result.rungs[-1]
