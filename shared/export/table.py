"""Which chapter can be had in which format: a small run of each, exported to all of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from twotrack.shared import chapters
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.export.formats import FORMATS
from twotrack.shared.export.workflow import export
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_jobs
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

OnRow = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """One chapter's run in one format."""

    chapter: str
    track: str
    """That trained the run."""
    format: str
    difference: float | None = None
    """The largest of a probability, over the batch sizes; None if there is no such export."""
    size: int | None = None
    """Bytes."""
    reason: str | None = None
    """Why there is none."""


def measure(
    slugs: Sequence[str],
    tracks: Sequence[str],
    on_row: OnRow = lambda _: None,
    pool: WorkerPool | None = None,
) -> list[Cell]:
    """Train each chapter for one epoch of one batch on each track, and export the run to every format.

    Raises UserError for a chapter or track that is unknown or cannot be trained here, before any is trained.
    """
    requests = [_request(slug, track) for slug in slugs for track in tracks]
    for request in requests:
        plan(request, lambda *_: Path())
    with lent_or_new(pool, "cpu") as workers, TemporaryDirectory() as folder:
        return [cell for request in requests for cell in _cells(request, Path(folder), workers, on_row)]


def _request(slug: str, track: str) -> TrainingRequest:
    chapter = chapters.get(slug)
    variant = chapter.variant(settings=chapter.cheap)
    examples = variant.recipe.batch_size
    return TrainingRequest(slug, (track,), settings=variant.settings, epochs=1, examples=examples, device="cpu")


def train(slug: str, track: str, folder: Path, workers: WorkerPool) -> Path:
    """Train a chapter for one epoch of one batch on a track; return its run folder, in `folder`."""
    return _train(_request(slug, track), folder, workers)


def _train(request: TrainingRequest, folder: Path, workers: WorkerPool) -> Path:
    (track,) = request.tracks
    (job,) = plan(request, lambda *_: folder / f"{request.chapter}-{track.replace(':', '-')}")
    for failure in run_jobs([job], pool=workers).failures:
        raise WorkerDiedError(failure.message)
    return job.folder


def _cells(request: TrainingRequest, folder: Path, workers: WorkerPool, on_row: OnRow) -> Iterator[Cell]:
    (track,) = request.tracks
    on_row(f"{request.chapter} on {track}")
    run = _train(request, folder, workers)
    for name, form in FORMATS.items():
        out = run.with_name(f"{run.name}-{name}{form.suffix}")
        try:
            exported = export(run, name, out, workers)
            yield Cell(request.chapter, track, name, exported.largest, exported.size)
        except (UserError, WorkerDiedError) as error:
            yield Cell(request.chapter, track, name, reason=str(error).splitlines()[0])


def markdown(cells: Sequence[Cell]) -> str:
    """Return the table, one row per run and one column per format; reasons stand below as numbered notes."""
    reasons = list(dict.fromkeys(cell.reason for cell in cells if cell.reason))
    by_place = {(cell.chapter, cell.track, cell.format): _text(cell, reasons) for cell in cells}
    names = list(dict.fromkeys(cell.format for cell in cells))
    rows = list(dict.fromkeys((cell.chapter, cell.track) for cell in cells))
    lines = [["chapter", "run on", *names], ["---"] * (2 + len(names))]
    lines += [[f"`{slug}`", f"`{track}`", *(by_place[slug, track, name] for name in names)] for slug, track in rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = "".join(f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1))
    return table + (f"\n{notes}" if notes else "")


def _text(cell: Cell, reasons: Sequence[str]) -> str:
    return f"no ({reasons.index(cell.reason) + 1})" if cell.reason else f"{cell.difference:.0e}"
