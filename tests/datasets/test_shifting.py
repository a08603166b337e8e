"""Shifts: against SciPy, by the seed, zeros where pictures have left, the same bytes in every process."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
import xxhash

from twotrack.shared import chapters
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.shifting import Shifted, shift, shifted
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.errors import UserError
from twotrack.shared.spec.augmentation import Shift
from twotrack.shared.spec.inputs import ONLY, Inputs
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(30, 9, 12), (30, 9, 12, 3)])
def test_pictures_move_as_in_scipy(shape: tuple[int, ...]):
    given, moves = pictures(*shape), np.random.default_rng(1).integers(-4, 5, (30, 2))

    found = shift(given, moves)

    for picture, move, moved in zip(given, moves, found, strict=True):
        expected = scipy.ndimage.shift(picture, (*move, 0)[: picture.ndim], order=0, cval=0)
        np.testing.assert_array_equal(moved, expected)
    assert found.dtype == np.uint8


def test_no_picture_moves_farther_than_asked_and_each_place_is_as_likely():
    middle = np.zeros((9000, 5, 5), np.uint8)
    middle[:, 2, 2] = 1

    moved = Shifted(Shift(1))({ONLY: middle}, np.random.default_rng(0))[ONLY]

    counts = moved.sum(axis=0)
    assert counts.sum() == 9000
    assert counts[1:4, 1:4].min() > 900
    assert counts[1:4, 1:4].sum() == 9000


def test_shifts_come_behind_what_the_chapter_does():
    def brighter(inputs: Inputs, generator: np.random.Generator) -> Inputs:
        return {ONLY: inputs[ONLY] + 1}

    found = Shifted(Shift(2), brighter)({ONLY: np.zeros((50, 4, 4), np.uint8)}, np.random.default_rng(0))[ONLY]

    assert set(np.unique(found)) == {0, 1}  # zeros enter after the change


@task
def fingerprint(seed: int) -> str:
    """Hash the bytes of two epochs."""
    dataset = shifted(made(), Shift(3))
    batches, digest = TrainingBatches(dataset, dataset.train, 8, seed, loss="cross_entropy"), xxhash.xxh3_128()
    inputs = [batch.inputs[ONLY] for epoch in (0, 1) for batch in batches.epoch(epoch, digest)]
    return hashlib.sha256(b"".join(one.tobytes() for one in inputs)).hexdigest() + digest.hexdigest()


def made() -> Dataset:
    split = Split({ONLY: pictures(24, 7, 7)}, np.arange(24, dtype=np.int32))
    return Dataset("made", "embedded", (), split, split, split, prepare=lambda inputs: inputs)


def test_the_bytes_are_those_of_the_seed_in_every_process(workers: WorkerPool):
    here = fingerprint(0, lambda *_: None)

    assert workers.call("torch", fingerprint, 0) == here
    assert fingerprint(1, lambda *_: None) != here


def test_what_is_not_trained_on_stays():
    dataset = shifted(made(), Shift(3))

    np.testing.assert_array_equal(dataset.validation.inputs[ONLY], made().validation.inputs[ONLY])
    assert shifted(dataset, None) is dataset


# === As a setting ===


def test_shift_is_a_setting_of_chapters_with_pictures():
    mnist, shop = (chapters.get(slug) for slug in ("mnist_cnn", "shop_transfer"))

    assert mnist.recipe("classic", {"shift": "2"}).shift == shop.recipe("fast", {"shift": "2"}).shift == Shift(2)
    assert mnist.recipe("classic", {"shift": "0"}).shift is None


@pytest.mark.parametrize("slug", ["churn_mlp", "churn_lstm", "review_bert"])
def test_other_inputs_are_refused(slug: str):
    with pytest.raises(UserError, match=f"{slug}: shift: expected a chapter whose inputs are pictures"):
        chapters.get(slug).variant(settings={"shift": "1"})


@pytest.mark.parametrize("text", ["-1", "0.5", "far"])
def test_a_number_that_is_no_count_is_refused(text: str):
    with pytest.raises(UserError, match="mnist_cnn: shift"):
        chapters.get("mnist_cnn").variant(settings={"shift": text})


def test_a_recipe_states_settings_of_the_model_and_the_user_comes_first():
    chapter = chapters.get("mnist_cnn")
    stating = replace(chapter.recipe("classic"), settings={"dropout": "0", "filters": "8"})
    chapter = replace(chapter, recipes={"classic": stating})

    config = chapter.variant("classic", {"filters": "4"}).config

    assert (config.dropout, config.filters, config.hidden_size) == (0.0, 4, 128)
