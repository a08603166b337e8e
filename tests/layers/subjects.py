"""One side of a pair in float64, in a worker that other tests share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any

from tests.optimizers.tasks import keras_float64, one_torch_thread
from twotrack.shared.verify.pair import Pair
from twotrack.shared.verify.subject import Subject, open_subject


def chapter_pair(slug: str, settings: Mapping[str, str]) -> Pair:
    """Return both tracks' models of a chapter."""
    chapter = import_module(f"twotrack.shared.chapters.{slug}").CHAPTER
    config = chapter.configure(settings)

    def build(track: str) -> Any:
        return import_module(f"{track}.models.{slug}").build(config)

    return Pair(lambda: build("keras_track"), lambda: build("torch_track"), chapter.input_shape, chapter.loss)


@contextmanager
def subject(pair: Pair, track: str) -> Iterator[Subject]:
    """Build one side; afterwards Keras computes in float32 again."""
    with one_torch_thread(), nullcontext() if track == "torch" else keras_float64():
        yield open_subject(pair, track, "float64")
