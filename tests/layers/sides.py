"""One side of a pair in float64, in a worker that other tests share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from tests.optimizers.tasks import keras_float64, one_torch_thread
from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.workers.door import open_track


def chapter_pair(slug: str, settings: Mapping[str, str]) -> Pair:
    """Return both tracks' models of a chapter."""
    chapter = chapters.get(slug)
    return whole_pair(chapter.variant(settings=settings))


@contextmanager
def built(pair: Pair, track: str) -> Iterator[TrackModel]:
    """Build one side; afterwards Keras computes in float32 again."""
    with one_torch_thread(), nullcontext() if track == "torch" else keras_float64():
        yield open_track(track, "cpu").build(pair, 0, "float64")
