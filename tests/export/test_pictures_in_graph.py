"""Pictures in the graph of an export: resized, decoded and turned as training does it, by Pillow."""

import random
import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.export import served
from twotrack.shared.datasets import photo, pictures
from twotrack.shared.workers.pool import WorkerPool

TF = "keras:tensorflow"


@pytest.mark.parametrize(
    ("height", "width", "size"), [(28, 28, 96), (160, 160, 64), (33, 57, 20), (300, 480, 160), (1, 1, 4)]
)
def test_the_graph_resizes_as_pillow_does(height: int, width: int, size: int, workers: WorkerPool):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    picture = Image.fromarray(pixels)

    found = workers.call(TF, served.resized, served.Pixels(pixels=pixels.tolist(), size=size))

    bilinear = Image.Resampling.BILINEAR
    np.testing.assert_array_equal(found.resized, np.asarray(picture.resize((size, size), bilinear)))
    np.testing.assert_array_equal(found.fitted, np.asarray(ImageOps.fit(picture, (size, size), bilinear)))


@pytest.mark.parametrize(
    ("kind", "mode", "levels"), [("PNG", "RGB", 0), ("PNG", "L", 0), ("PNG", "RGBA", 1), ("JPEG", "RGB", 4)]
)
def test_the_graph_decodes_a_photo_as_training_does(
    kind: str, mode: str, levels: int, workers: WorkerPool, tmp_path: Path
):
    """A smooth picture: a JPEG's colours are stored at half its size, and libraries differ in how they enlarge them."""
    rows, columns = np.mgrid[0:120, 0:200]
    channels = np.stack([rows * 2, columns, 255 - columns, 128 + rows], axis=-1).astype(np.uint8)
    file = tmp_path / "photo"
    Image.fromarray(channels, "RGBA").convert(mode).save(file, kind)

    found = workers.call(TF, served.decoded, served.Picture(file=file, size=64))

    expected_pixels = pictures.resize(photo.read_photo(file)[np.newaxis], 64)[0].astype(int)
    assert np.abs(np.array(found) - expected_pixels).max() <= levels


# === Turned photos ===


def turned(kind: str, orientation: int, endian: str, **options: Any) -> bytes:
    """Return a file that says how it is to be turned, behind other tags."""
    exif = Image.Exif()
    exif.endian = endian
    exif[274], exif[271], exif[305] = orientation, "maker", "x" * 50
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind, exif=exif, **options)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def with_exif(content: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a JPEG with EXIF behind its first marker."""
    plain = BytesIO()
    Image.new("RGB", (7, 5)).save(plain, "JPEG")
    file = plain.getvalue()
    return file[:2] + before + segment(0xE1, content) + after + file[2:]


def odd_files() -> list[bytes]:
    """Return files whose EXIF is elsewhere, cut off at every byte, or has bytes changed."""
    exif, draw = Image.Exif(), random.Random(0)
    exif[274], exif[271] = 6, "maker"
    raw = exif.tobytes()
    files = [with_exif(raw[:cut]) for cut in range(len(raw))]
    files += [with_exif(raw, before) for before in (segment(0xFE, b"Exif\0\0"), segment(0xE1, b"http:\0"), b"\xff\xff")]
    files += [with_exif(raw, after=segment(0xE1, b"Exif\0\0MM"))]
    for _ in range(60):
        changed = bytearray(raw)
        changed[draw.randrange(6, len(raw))] = draw.choice([0, 1, 3, 4, 6, 255])
        files.append(with_exif(bytes(changed)))
    return files


def pillows_orientation(file: bytes) -> int:
    with Image.open(BytesIO(file)) as image:
        image.load()
        try:
            said = image.getexif().get(274, 1)
        except Exception:  # of damaged EXIF Pillow raises whatever it stumbles over
            return 1
    return int(said) if said in range(1, 9) else 1


def test_the_graph_turns_a_photo_as_pillow_does(workers: WorkerPool, tmp_path: Path):
    """All eight orientations, both byte orders; JPEG, progressive JPEG, PNG."""
    kinds = [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})]
    files = [turned(kind, said, order, **options) for kind, options in kinds for said in range(1, 9) for order in "<>"]
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)

    found = workers.call(TF, served.upright, served.Files(paths))

    for file, pixels in zip(files, found, strict=True):
        with Image.open(BytesIO(file)) as image:
            np.testing.assert_array_equal(pixels, np.asarray(ImageOps.exif_transpose(image)), err_msg=str(file[:30]))


def test_damaged_exif_turns_a_photo_as_pillow_does_or_not_at_all(workers: WorkerPool, tmp_path: Path):
    files = odd_files()
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)

    found = workers.call(TF, served.orientations, served.Files(paths))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found == [pillows_orientation(file) for file in files]
        assert {photo.read_photo(path, 8).shape for path in paths} == {(8, 8, 3)}
    assert set(found) == {1, 6}
