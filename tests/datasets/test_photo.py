"""One photo: every kind of file becomes the square that Pillow makes of it step by step, or is refused in words."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twotrack.shared.datasets.photo import read_photo
from twotrack.shared.errors import UserError

SIZE = 160
WIDTH, HEIGHT = 300, 200
LEFT = (WIDTH - HEIGHT) // 2
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
"""By value of EXIF's tag 274: on which sides of what a viewer shows row 0 and column 0 of the file are (EXIF 2.32)."""


def scene(channels: int = 3, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A smooth picture (height, width, channels) that no rotation or mirror leaves as it is."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(rows / (17 + 9 * c) + columns / (31 - 7 * c) + c) for c in range(channels)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def centre(pixels: np.ndarray) -> np.ndarray:
    """Let Pillow resize the central square of a landscape; its edges see what lies beyond them."""
    square = (LEFT, 0, LEFT + HEIGHT, HEIGHT)
    return np.asarray(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BILINEAR, square))


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def assert_near(found: np.ndarray, expected: np.ndarray, mean: float) -> None:
    """Lossy formats move every pixel by a little."""
    assert (found.shape, found.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert np.abs(found.astype(int) - expected).mean() < mean


# === What is accepted ===


@pytest.mark.parametrize(("name", "options"), [("a.png", {}), ("a.webp", {"lossless": True}), ("a.PNG", {}), ("a", {})])
def test_a_lossless_photo_is_its_central_square_resized(tmp_path: Path, name: str, options: dict):
    file_format = "webp" if name.endswith("webp") else "png"
    path = save(tmp_path / name, Image.fromarray(scene()), format=file_format, **options)

    np.testing.assert_array_equal(read_photo(path, SIZE), centre(scene()))


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_a_lossy_photo_is_nearly_that(tmp_path: Path, name: str):
    assert_near(read_photo(save(tmp_path / name, Image.fromarray(scene()), quality=95), SIZE), centre(scene()), 1.5)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_a_large_jpeg_that_is_decoded_at_a_part_of_its_size_looks_as_if_decoded_whole(tmp_path: Path, options: dict):
    large = Image.fromarray(scene()).resize((8 * WIDTH, 8 * HEIGHT), Image.Resampling.BICUBIC)
    path = save(tmp_path / "large.jpg", large, quality=95, **options)

    with Image.open(path) as whole:
        square = whole.crop((8 * LEFT, 0, 8 * (LEFT + HEIGHT), 8 * HEIGHT))
        expected = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    assert_near(read_photo(path, SIZE), expected, 1.0)


def lying(shown: np.ndarray, orientation: int) -> np.ndarray:
    """Return the pixels that a file of this orientation holds if a viewer shows `shown` (height, width, channels)."""
    row, column = ORIENTATIONS[orientation]
    stored = shown.transpose(1, 0, 2) if row in ("left", "right") else shown
    stored = stored[::-1] if row in ("bottom", "right") else stored
    return np.ascontiguousarray(stored[:, ::-1] if column in ("bottom", "right") else stored)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_a_photo_is_turned_and_mirrored_as_its_exif_says(tmp_path: Path, orientation: int, kind: str):
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(lying(scene(), orientation))
    path = save(tmp_path / "turned", stored, format=kind, exif=exif, quality=95)

    assert_near(read_photo(path, SIZE), centre(scene()), 1.5)


@pytest.mark.parametrize("exif", [b"garbage garbage", b"II*\0", b"II*\0\xff\xff\0\0", b""])
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_a_photo_whose_exif_cannot_be_read_is_shown_as_it_lies(tmp_path: Path, exif: bytes, kind: str):
    path = save(tmp_path / "odd", Image.fromarray(scene()), format=kind, exif=b"Exif\0\0" + exif, quality=95)

    assert_near(read_photo(path, SIZE), centre(scene()), 1.5)


def test_grey_gets_three_equal_channels(tmp_path: Path):
    grey = scene(1)[..., 0]

    found = read_photo(save(tmp_path / "grey.png", Image.fromarray(grey)), SIZE)

    np.testing.assert_array_equal(found, np.repeat(centre(grey)[..., np.newaxis], 3, axis=2))


def test_black_and_white_is_read_as_0_and_255(tmp_path: Path):
    bits = scene(1)[..., 0] > 128

    found = read_photo(save(tmp_path / "bits.png", Image.fromarray(bits)), SIZE)

    np.testing.assert_array_equal(found[..., 0], centre((bits * 255).astype(np.uint8)))


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_transparent_pixels_lie_on_white(tmp_path: Path, kind: str):
    colours, alpha = scene(), scene(1, HEIGHT, WIDTH)
    alpha[:, : WIDTH // 2] = 0
    image = Image.fromarray(np.concatenate([colours, alpha], axis=2))
    path = save(tmp_path / "alpha", image, format=kind, **({"lossless": True, "exact": True} if kind == "webp" else {}))

    share = alpha / 255
    expected = np.rint(share * colours + (1 - share) * 255).astype(np.uint8)
    found = read_photo(path, SIZE).astype(int)
    assert np.abs(found - centre(expected)).max() <= 1
    assert (found[:, : SIZE // 4] == 255).all()


def test_a_palette_gives_its_colours_and_a_transparent_entry_gives_white(tmp_path: Path):
    palette = np.array([[250, 10, 20], [30, 240, 50], [1, 2, 3]], np.uint8)
    numbers = (scene(1)[..., 0] // 86).astype(np.uint8)
    image = Image.fromarray(numbers, "P")
    image.putpalette(palette.tobytes())

    opaque = read_photo(save(tmp_path / "opaque.png", image), SIZE)
    holes = read_photo(save(tmp_path / "holes.png", image, transparency=1), SIZE)

    np.testing.assert_array_equal(opaque, centre(palette[numbers]))
    palette[1] = 255
    np.testing.assert_array_equal(holes, centre(palette[numbers]))


def test_cmyk_becomes_rgb(tmp_path: Path):
    inks = scene(4)
    path = save(tmp_path / "print.jpg", Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes()), quality=95)

    white = 255 - inks.astype(float)
    expected = (white[..., :3] * white[..., 3:] / 255).astype(np.uint8)
    assert_near(read_photo(path, SIZE), centre(expected), 3.0)


def png(width: int, height: int, depth: int, kind: int, rows: bytes) -> bytes:
    """Write a PNG by hand: Pillow saves no 16-bit RGB."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("channels", "kind"), [(1, 0), (3, 2)], ids=["grey", "rgb"])
def test_of_16_bits_the_high_eight_are_taken(tmp_path: Path, channels: int, kind: int):
    deep = scene(channels).astype(np.uint16) * 256 + 77
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    (tmp_path / "deep.png").write_bytes(png(WIDTH, HEIGHT, 16, kind, rows))

    expected = np.broadcast_to((deep >> 8).astype(np.uint8), (HEIGHT, WIDTH, 3))
    np.testing.assert_array_equal(read_photo(tmp_path / "deep.png", SIZE), centre(expected.copy()))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 900), (900, 1), (7, 5)])
def test_tiny_and_narrow_pictures_fill_the_square(tmp_path: Path, height: int, width: int):
    path = save(tmp_path / "odd.png", Image.fromarray(scene(3, height, width)))

    assert read_photo(path, SIZE).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("kind", ["png", "webp", "mpo"])
def test_of_several_pictures_in_a_file_the_first_is_taken(tmp_path: Path, kind: str):
    """MPO is what phones write that keep a second picture, of depth for example, in a JPEG file."""
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    path = save(tmp_path / "a.jpg", first, format=kind, save_all=True, append_images=[second], quality=95)

    assert_near(read_photo(path, SIZE), centre(scene()), 1.5)


# === What is refused ===


def content(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(scene()).save(stream, kind, **options)
    return stream.getvalue()


BROKEN = {
    "empty": (b"", "an empty file"),
    "text": (b"hello", "no JPEG, PNG or WebP picture"),
    "gif": (content("gif"), "no JPEG, PNG or WebP picture"),
    "bmp": (content("bmp"), "no JPEG, PNG or WebP picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no JPEG, PNG or WebP picture"),
    "half a jpeg": (content("jpeg")[:4000], "damaged: "),
    "half a png": (content("png")[:4000], "damaged: "),
    "half a webp": (content("webp")[:2000], ""),
    "a wrong checksum": (content("png")[:100] + b"\0\0\0\0" + content("png")[104:], ""),
    "a bomb": (png(30_000, 30_000, 8, 2, b""), "more than 89,478,485 pixels"),
    "twice the limit and more": (png(60_000, 60_000, 8, 2, b""), "more than 89,478,485 pixels"),
    "a little above the limit": (png(10_000, 9_000, 8, 2, b""), "more than 89,478,485 pixels"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_photo_is_refused_with_the_reason(tmp_path: Path, what: str):
    (tmp_path / "bad.jpg").write_bytes(BROKEN[what][0])

    with pytest.raises(UserError) as caught:
        read_photo(tmp_path / "bad.jpg")

    start = f"{tmp_path}/bad.jpg: expected a photo (JPEG, PNG or WEBP), found: {BROKEN[what][1]}"
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith("; name another file.")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "a folder or a device, not a file"),
        (os.mkfifo, "a folder or a device, not a file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: None, "No such file or directory"),
    ],
    ids=["folder", "pipe", "loop", "missing"],
)
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, make, reason: str):
    make(tmp_path / "odd")

    with pytest.raises(UserError, match=f"odd: .* found: {reason}; name another file"):
        read_photo(tmp_path / "odd")
