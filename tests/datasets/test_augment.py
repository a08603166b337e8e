"""Augmentation: the same bytes in every process, each step against Pillow, and applied to training batches only."""

import hashlib
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import xxhash
from PIL import Image, ImageEnhance

from twotrack.shared.datasets.augment import ASPECTS, Augment, adjust, crop, draw_boxes, flip
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.pictures import PreparePictures
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.spec.inputs import ONLY, Inputs
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

ONE = np.ones(8)


def smooth(count: int = 8, height: int = 30, width: int = 40, channels: int = 3) -> np.ndarray:
    """Different pictures without noise, so that none of them is at its brightest or darkest."""
    number, rows, columns, channel = np.ogrid[0:count, 0:height, 0:width, 0:channels]
    waves = 110 + 40 * np.sin(rows / (5 + number)) + 30 * np.sin(columns / (7 + channel) + number + channel)
    return (waves if channels == 3 else waves[..., 0]).astype(np.uint8)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# === Steps ===


@pytest.mark.parametrize("channels", [1, 3])
def test_a_flip_mirrors_the_chosen_pictures_and_a_second_one_brings_them_back(channels: int):
    pictures, chosen = smooth(channels=channels), np.arange(8) % 3 == 0

    once = flip(pictures, chosen)

    np.testing.assert_array_equal(once[0], pictures[0][:, ::-1])
    np.testing.assert_array_equal(once[1], pictures[1])
    np.testing.assert_array_equal(flip(once, chosen), pictures)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.8, 1.3, 4.0])
@pytest.mark.parametrize("kind", ["Brightness", "Contrast", "Color"])
def test_light_changes_as_in_pillow(kind: str, factor: float, channels: int):
    """Pillow cuts off parts of a grey level where this rounds, and rounds the mean grey and each pixel's own first."""
    pictures = smooth(channels=channels)
    factors = {name: factor * ONE if name == kind else ONE for name in ("Brightness", "Contrast", "Color")}

    found = adjust(pictures, *factors.values()).astype(int)

    enhance = getattr(ImageEnhance, kind)
    expected = [np.asarray(enhance(Image.fromarray(picture)).enhance(factor)) for picture in pictures]
    assert np.abs(found - expected).max() <= 1 + abs(factor - 1) / 2


def test_brightness_is_a_product_cut_at_255():
    pictures = smooth()
    factors = np.linspace(0.5, 3, 8)

    found = adjust(pictures, factors, ONE, ONE)

    exact = np.minimum(pictures * factors[:, np.newaxis, np.newaxis, np.newaxis], 255)
    assert np.abs(found - exact).max() <= 0.5001
    assert (found == 255).any()


def test_all_changes_of_light_together_are_one_after_the_other():
    pictures = smooth()
    brightness, contrast, saturation = generator().uniform(0.8, 1.2, (3, 8))

    together = adjust(pictures, brightness, contrast, saturation).astype(int)

    steps = adjust(pictures, brightness, ONE, ONE)
    steps = adjust(adjust(steps, ONE, contrast, ONE), ONE, ONE, saturation)
    assert np.abs(together - steps).max() <= 2


def test_factors_of_one_change_nothing():
    np.testing.assert_array_equal(adjust(smooth(), ONE, ONE, ONE), smooth())


def test_a_crop_is_the_box_resized():
    pictures = smooth()
    corners, sizes = np.tile([[4.0, 6.0]], (8, 1)), np.tile([[20.0, 10.0]], (8, 1))

    found = crop(pictures, corners, sizes)

    image = Image.fromarray(pictures[3]).resize((40, 30), Image.Resampling.BILINEAR, (4, 6, 24, 16))
    np.testing.assert_array_equal(found[3], np.asarray(image))


def test_boxes_lie_inside_and_have_the_area_and_the_shape_asked_for():
    corners, sizes = draw_boxes((4000, 30, 40), 0.4, generator())

    assert corners.min() >= 0
    assert ((corners + sizes) <= np.array([40, 30]) + 1e-9).all()
    free = (sizes < np.array([40, 30]) - 1e-9).all(axis=1)  # not cut to the picture
    area, aspect = sizes[free].prod(axis=1) / 1200, sizes[free, 0] / sizes[free, 1]
    assert 0.4 <= area.min() < 0.42
    assert ASPECTS[0] - 1e-9 <= aspect.min() < ASPECTS[0] + 0.05
    assert ASPECTS[1] - 0.05 < aspect.max() <= ASPECTS[1] + 1e-9
    place = corners[free] / (np.array([40, 30]) - sizes[free])
    of_mean, of_deviation = 4 * sqrt(1 / 12 / len(place)), 4 * sqrt(1 / 60 / len(place))  # standard errors, if uniform
    assert place.mean(axis=0) == pytest.approx((0.5, 0.5), abs=of_mean)
    assert place.std(axis=0) == pytest.approx((12**-0.5, 12**-0.5), abs=of_deviation)


# === All of it ===


@pytest.mark.parametrize("shape", [(8, 28, 28), (8, 160, 160, 3), (0, 160, 160, 3)])
def test_pictures_keep_shape_and_type_and_the_originals_stay(shape: tuple[int, ...]):
    pictures = generator().integers(0, 256, shape, np.uint8)
    before = pictures.copy()

    found = Augment().change(pictures, generator())

    assert (found.shape, found.dtype) == (shape, np.uint8)
    np.testing.assert_array_equal(pictures, before)


def test_the_same_generator_gives_the_same_pictures_and_another_one_others():
    pictures = smooth()

    first, same, other = (Augment().change(pictures, generator(seed)) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_pictures_of_a_batch_are_changed_independently():
    pictures = np.repeat(smooth(1), 16, axis=0)

    assert len({picture.tobytes() for picture in Augment().change(pictures, generator())}) == 16


def test_about_half_of_the_pictures_are_flipped_and_nothing_else_where_only_that_is_asked_for():
    pictures = np.repeat(smooth(1), 400, axis=0)

    found = Augment(crop=1, flip=True, jitter=0).change(pictures, generator())

    flipped = (found == pictures[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 160 < flipped.sum() < 240
    np.testing.assert_array_equal(found[~flipped], pictures[~flipped])


def test_no_change_asked_for_is_none():
    np.testing.assert_array_equal(Augment(crop=1, flip=False, jitter=0).change(smooth(), generator()), smooth())


# === In training batches ===


def shop(augment: Augment | None) -> Dataset:
    pictures = generator(5).integers(0, 256, (24, 28, 28), np.uint8)
    split = Split({ONLY: pictures}, np.arange(24, dtype=np.int32))
    prepare = PreparePictures((0.0,) * 3, (1.0,) * 3, size=28)
    return Dataset("shop", "embedded", (), split, split, split, prepare, augment=augment)


def batches(augment: Augment | None, seed: int = 0) -> TrainingBatches:
    dataset = shop(augment)
    return TrainingBatches(dataset, dataset.train, 8, seed, loss="cross_entropy")


@task
def fingerprint(seed: int) -> str:
    """Hash the bytes of two epochs."""
    made, digest = batches(Augment(), seed), xxhash.xxh3_128()
    inputs = [batch.inputs[ONLY] for epoch in (0, 1) for batch in made.epoch(epoch, digest)]
    return hashlib.sha256(b"".join(one.tobytes() for one in inputs)).hexdigest() + digest.hexdigest()


def test_every_process_sees_the_same_augmented_bytes(workers: WorkerPool):
    found = {track: workers.call(track, fingerprint, 0) for track in ("torch", None)}

    assert set(found.values()) == {fingerprint(0, lambda *_: None)}


def test_batches_are_augmented_by_seed_epoch_and_number_before_they_are_prepared():
    seen: list[tuple[np.ndarray, float]] = []

    def spy(inputs: Inputs, random: np.random.Generator) -> Inputs:
        seen.append((inputs[ONLY], random.random()))
        return {ONLY: 255 - inputs[ONLY]}

    dataset = replace(shop(None), augment=spy)
    runs = [TrainingBatches(dataset, dataset.train, 8, seed, loss="cross_entropy") for seed in (0, 1)]
    made = [batch for run in runs for epoch in (0, 1) for batch in run.epoch(epoch)]

    assert len(seen) == len({draw for _, draw in seen}) == 12
    for batch, (stored, _) in zip(made, seen, strict=True):
        assert stored.dtype == np.uint8
        np.testing.assert_array_equal(stored, dataset.train.inputs[ONLY][batch.targets[0]])
        np.testing.assert_array_equal(batch.inputs[ONLY][..., 2], 255 - stored)


def test_the_draws_are_not_those_of_the_order():
    """The order's generator is seeded by seed and epoch; zeros behind them would seed the same one."""
    draws = []
    dataset = replace(shop(None), augment=lambda inputs, random: (draws.append(random.random()), inputs)[1])
    list(TrainingBatches(dataset, dataset.train, 8, seed=3, loss="cross_entropy").epoch(2))

    assert np.random.default_rng([3, 2]).random() not in draws


def test_without_augmentation_batches_are_the_stored_pictures():
    for batch in batches(None).epoch(0):
        np.testing.assert_array_equal(batch.inputs[ONLY][..., 0], shop(None).train.inputs[ONLY][batch.targets[0]])
