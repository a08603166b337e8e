"""`twotrack export`: write under a temporary name, reload and compare, rename. Nothing is left of what is refused."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.base.tolerances import EXPORT_LIMIT
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.export import formats
from twotrack.shared.export.check import REFUSED, Compared
from twotrack.shared.export.formats import OWN, Format
from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import read, unwritable
from twotrack.shared.spec.track import installed_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

OnStep = Callable[[str], None]
WRITE, RELOAD = "write", "reload"
"""Roles of workers: one writes, another, which has never seen the model, reloads."""


@dataclass(frozen=True)
class Artifact:
    """A run's model in a format."""

    run: Path
    format: str
    path: Path
    """Of the file or folder."""
    track: str | None = None
    """Whose worker reloads it; None for one without a framework."""


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it is from the run's own predictions."""

    out: Path
    format: str
    size: int
    """Bytes, of all files together."""
    compared: Compared

    @property
    def largest(self) -> float:
        """The largest difference of a probability, over all batch sizes."""
        return max(self.compared.differences.values())


def export(
    folder: Path,
    name: str,
    out: Path,
    pool: WorkerPool,
    on_step: OnStep = lambda _: None,
    model: str | None = None,
    server_tag: str | None = None,
) -> Exported:
    """Export the run's model, so that it appears whole, reloaded and compared, or not at all.

    `model` names it where the format wants a name; the chapter's slug if it is None. `server_tag` is that of the image
    that SERVING.md starts.
    Raises UserError for anything that cannot be done; what needs no framework is checked first.
    """
    form, job = formats.get(name), read(folder).record.job
    reload_on = job.track if form.reload_on == OWN else form.reload_on
    require_installed(form, job)
    with form.place(out, model or job.chapter, server_tag) as target:
        _require_free(form, target)
        with _partial(target) as partial:
            unnamed = partial / target.name
            artifact = Artifact(folder, name, unnamed, reload_on)
            on_step(f"writing {form.name}")
            pool.call(form.track, write, artifact, role=WRITE)
            on_step(f"comparing in {form.runtime}")
            compared = pool.call(reload_on, check, artifact, role=RELOAD)
            exported = Exported(target, name, size_of(unnamed), compared)
            require_same(name, compared)
            _publish(unnamed, target)
    return exported


def require_installed(form: Format, job: Job) -> None:
    """Raise UserError unless everything that the format needs for the job's model is installed."""
    form.require_modules()
    reload_on = job.track if form.reload_on == OWN else form.reload_on
    tracks = {track for track in (form.track, reload_on) if track}
    for track in tracks:
        installed_track(track)
    job.variant.require(tracks)


def _require_free(form: Format, out: Path) -> None:
    if not out.name.endswith(form.suffix):
        raise UserError(f"--out: expected a name that ends in {form.suffix} for {form.name}, found '{out}'.")
    if not out.parent.is_dir():
        raise UserError(f"--out: the folder '{out.parent}' does not exist; create it or choose another one.")
    if os.path.lexists(out):
        raise UserError(f"--out: '{out}' exists, and an export replaces nothing; choose another name or remove it.")


def require_same(name: str, compared: Compared) -> None:
    """Raise UserError if an exported model was refused, or does not say what its run said."""
    for checked in compared.checks:
        if checked.state == REFUSED:
            raise UserError(f"the {name} export is refused: {checked.name}: {checked.detail}; nothing was written.")
    for size, value in compared.differences.items():
        if not value <= EXPORT_LIMIT:
            raise UserError(
                f"the {name} export is not the run's model: on a batch of {size} its probabilities are "
                f"{value:.1e} from the run's predictions, expected at most {EXPORT_LIMIT:.0e}; nothing was written."
            )


@contextmanager
def _partial(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out`, which is removed at the end."""
    try:
        with atomic.owned_folder(out.parent, f".{out.name}.") as folder:
            yield folder
    except OSError as error:
        raise unwritable(out.parent, error) from error


def _publish(unnamed: Path, out: Path) -> None:
    """Give the artifact its name; UserError if that was taken meanwhile."""
    if os.path.lexists(out):
        raise UserError(f"--out: '{out}' has appeared during the export, which replaces nothing; remove it.")
    try:
        atomic.publish(unnamed, out)
    except OSError as error:
        raise unwritable(out.parent, error) from error


def size_of(artifact: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = artifact.rglob("*") if artifact.is_dir() else [artifact]
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def _removed_if_interrupted(path: Path) -> Iterator[None]:
    """Let a worker whose parent was killed remove the folder that the parent no longer can."""
    try:
        yield
    except KeyboardInterrupt:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise


@task
def write(artifact: Artifact) -> None:
    """Write the run's model in a format, or as something else that is timed."""
    form = (formats.FORMATS | formats.TIMED)[artifact.format]
    with _removed_if_interrupted(artifact.path), as_user_error(f"{form.name} cannot be written of this model"):
        form.write(ExportSubject.of(artifact.run), artifact.path)


@task
def check(artifact: Artifact) -> Compared:
    """Reload the artifact and compare."""
    form = formats.get(artifact.format)
    with _removed_if_interrupted(artifact.path):
        return form.check(artifact.path, ExportSubject.of(artifact.run), artifact.track)
