"""From stored pictures to model inputs, against Pillow and against the formula; grey and RGB, any size."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from twotrack.shared.datasets.pictures import EFFICIENTNET, IMAGENET, PreparePictures, resize


def random_pictures(count: int = 4, size: int = 40, channels: int = 3) -> np.ndarray:
    shape = (count, size, size, 3) if channels == 3 else (count, size, size)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_pixels_of_the_models_own_size_follow_the_formula():
    pictures = random_pictures()

    found = PreparePictures((1.0, 2.0, 3.0), (10.0, 20.0, 40.0), size=40).normalise(pictures)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (pictures - np.array([1.0, 2, 3])) / [10.0, 20, 40], rtol=1e-6, atol=1e-6)


def test_the_named_normalisations_are_the_published_ones():
    pictures = np.array([0, 127, 255], np.uint8)[:, np.newaxis, np.newaxis, np.newaxis].repeat(3, axis=3)

    efficientnet, imagenet = (replace(one, size=1).normalise(pictures)[:, 0, 0] for one in (EFFICIENTNET, IMAGENET))

    assert efficientnet[:, 0].tolist() == [-127 / 128, 0, 1]
    published = (np.array([[0], [127], [255]]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(imagenet, published, rtol=1e-5)


@pytest.mark.parametrize("size", [16, 40, 97])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_resized_as_pillow_does_and_grey_ones_get_three_equal_channels(size: int, channels: int):
    pictures = random_pictures(channels=channels)

    found = PreparePictures((0.0,) * 3, (1.0,) * 3, size).normalise(pictures)

    colour = [Image.fromarray(picture).convert("RGB") for picture in pictures]
    expected = [np.asarray(one.resize((size, size), Image.Resampling.BILINEAR)) for one in colour]
    np.testing.assert_array_equal(found, expected)


def test_the_stored_pictures_stay_as_they_are():
    for pictures in (random_pictures(), random_pictures(channels=1)):
        before = pictures.copy()

        for size in (40, 20):
            replace(EFFICIENTNET, size=size).normalise(pictures)

        np.testing.assert_array_equal(pictures, before)


def test_pictures_of_the_size_asked_for_are_not_copied():
    pictures = random_pictures()

    assert resize(pictures, 40) is pictures


def test_an_empty_batch_stays_empty():
    assert EFFICIENTNET.normalise(random_pictures(0)).shape == (0, EFFICIENTNET.size, EFFICIENTNET.size, 3)
