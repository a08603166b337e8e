"""What a folder of photos costs: python -m tests.benchmarks.photos [COUNT], by default 2,000 photos of 800 x 600.

Prints milliseconds per batch, seconds to decode the photos and of a later start, and the peak memory of both
processes. Photos are hard links to 40 generated JPEG files. Times of batches are of the processor, so that other
work on the machine changes them little.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.feeding_photos import BATCH_SIZE, feed
from twotrack.shared.datasets.augment import Augment
from twotrack.shared.datasets.pictures import EFFICIENTNET
from twotrack.shared.runs.comparison import find_source
from twotrack.shared.workers.processes import Worker

CLASSES, ORIGINALS, REPEATS = 5, 40, 20


def write_photos(folder: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    for number in range(ORIGINALS):
        coarse = Image.fromarray(generator.integers(0, 256, (60, 80, 3), np.uint8))
        coarse.resize((800, 600), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=90)
    for number in range(count):
        place = folder / "photos" / f"class{number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        os.link(folder / f"{number % ORIGINALS}.jpg", place / f"{number}.jpg")


def milliseconds(work: Callable[[], object]) -> str:
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return f"median {1e3 * statistics.median(seconds):.1f} ms, least {1e3 * min(seconds):.1f} ms"


def helper_seconds() -> float:
    """Return what helper processes that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def time_batches() -> None:
    generator = np.random.default_rng(0)
    photos = generator.integers(0, 256, (500, 160, 160, 3), np.uint8)
    products = generator.integers(0, 256, (500, 28, 28), np.uint8)
    batch, large, augment = photos[:BATCH_SIZE], replace(EFFICIENTNET, size=224), Augment()
    print("augment 32 photos of 160:", milliseconds(lambda: augment.change(batch, np.random.default_rng(0))))
    print("prepare 32 photos of 160:", milliseconds(lambda: EFFICIENTNET.normalise(batch)))
    print("prepare 32 photos of 160 for 224:", milliseconds(lambda: large.normalise(batch)))
    print("prepare 500 photos of 160:", milliseconds(lambda: EFFICIENTNET.normalise(photos)))
    print("prepare 500 products of 28 for 160:", milliseconds(lambda: EFFICIENTNET.normalise(products)))


def time_photos(folder: Path, count: int) -> None:
    write_photos(folder, count)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    for what in ("decoding", "a later start"):
        start, busy = time.perf_counter(), helper_seconds()
        source = find_source("shop", "embedded", None, images=folder / "photos")
        wall = time.perf_counter() - start
        print(f"{what}, {count:,} photos: {wall:.1f} s, {helper_seconds() - busy:.1f} s of the processor")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"peak memory while decoding: {peak / 1e6:,.0f} MB; file {source.file.path.stat().st_size / 1e6:,.0f} MB")
    with Worker(None, "cpu") as worker:
        found = worker.call(feed, source.file)
    print(
        f"load {found.load:.1f} s, fingerprint {found.fingerprint:.1f} s, batch of {BATCH_SIZE} "
        f"{1e3 * found.batch:.1f} ms, peak memory {found.peak / 1e6:,.0f} MB"
    )


def main() -> None:
    time_batches()
    with tempfile.TemporaryDirectory() as folder:
        time_photos(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 2000)


if __name__ == "__main__":
    main()
