"""A served photo model turns photos as their EXIF says: through the gate, it answers as `predict` does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.export import served
from tests.support.command_line import in_process
from twotrack.shared.workers.pool import WorkerPool

STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture must lie in a file that says orientation 1 to 8."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes: the upper half is light, or the lower one."""
    drawn = np.random.default_rng(0)
    for name, rows in (("above", slice(0, 20)), ("below", slice(20, 40))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(40):
            pixels = drawn.integers(0, 60, (40, 50, 3), np.uint8)
            pixels[rows] += 180
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.mark.slow
def test_a_served_photo_model_answers_for_turned_photos_as_predict_does(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = ("--set", "backbone=resnet18", "--weights", "none", "--set", "size=32", "--epochs", "3", "--json")
    asked = ("run", "shop_transfer", "--track", "torch", "--images", photos, *small)
    turned = turned_photos(photos / "above/0.png", tmp_path)
    with WorkerPool("cpu", one_per_track=True) as own:
        (run,) = in_process(*asked, folder=tmp_path, workers=own).json()["runs"]
        in_process("export", run["folder"], "--format", "tf-serving", "--out", "models", folder=tmp_path, workers=own)
        told = in_process("predict", run["folder"], *turned, "--json", folder=tmp_path, workers=own).json()
        version = tmp_path / "models" / "shop_transfer" / "1"
        found = own.call(None, served.encoded, served.Encoded(version, turned), role="gate")

    expected = np.array([list(one["probabilities"].values()) for one in told])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    upright, as_it_lies = expected[:-1], expected[-1]
    assert np.ptp(upright, axis=0).max() < 1e-6, "all are one picture"
    assert abs(as_it_lies - upright[0]).max() > 1e-3, "the model sees which way a photo is up"


def turned_photos(upright: Path, folder: Path) -> list[Path]:
    """Write a photo as it lies under every orientation, and, last, upside down without a word of it."""
    paths = []
    with Image.open(upright) as picture:
        for said, way in STORED.items():
            exif = Image.Exif()
            exif[274] = said
            paths.append(folder / f"turned{said}.png")
            (picture if way is None else picture.transpose(way)).save(paths[-1], exif=exif)
        paths.append(folder / "unsaid.png")
        picture.transpose(Image.Transpose.ROTATE_180).save(paths[-1])
    return paths
