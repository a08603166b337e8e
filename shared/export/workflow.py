"""`twotrack export`: write under a temporary name, reload and compare, rename. Nothing is left of what is refused."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twotrack.shared import atomic, chapters
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.export import formats
from twotrack.shared.export.check import REFUSED, TOLERANCE, Compared
from twotrack.shared.export.formats import OWN, Format
from twotrack.shared.export.names import resolve
from twotrack.shared.export.subject import Subject
from twotrack.shared.export.workers import Workers
from twotrack.shared.harness.records import Job
from twotrack.shared.harness.run_folder import read, unwritable
from twotrack.shared.track import installed_track

OnStep = Callable[[str], None]
WRITE, RELOAD = "write", "reload"
WRITE_TASK = f"{__name__}:write_task"


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it is from the run's own predictions."""

    out: Path
    format: str
    size: int
    """Bytes, of all files together."""
    found: Compared

    @property
    def largest(self) -> float:
        """The largest difference of a probability, over all batch sizes."""
        return max(self.found.differences.values())


def export(
    folder: Path, name: str, out: Path, workers: Workers, on_step: OnStep = lambda _: None, model: str | None = None
) -> Exported:
    """Export the run's model, so that it appears whole, reloaded and compared, or not at all.

    `model` names it where the format wants a name; the chapter's slug if it is None.
    Raises UserError for anything that cannot be done; what needs no framework is checked first.
    """
    form, job = formats.get(name), read(folder).record.job
    reload_on = job.track if form.reload_on == OWN else form.reload_on
    require_installed(form, job)
    with resolve(form.place)(out, model or job.chapter) as target:
        _require_free(form, target)
        with _partial(target) as partial:
            made = partial / target.name
            arguments = {"run": str(folder), "format": name, "path": str(made), "track": reload_on}
            on_step(f"writing {form.name}")
            workers.call(WRITE, form.track, WRITE_TASK, arguments)
            on_step(f"comparing in {form.runtime}")
            found = Compared.model_validate(workers.call(RELOAD, reload_on, f"{__name__}:check_task", arguments))
            done = Exported(target, name, size_of(made), found)
            require_same(name, found)
            _publish(made, target)
    return done


def as_named(out: Path, model: str) -> AbstractContextManager[Path]:
    """Where most formats go: the path that was asked for."""
    return nullcontext(out)


def require_installed(form: Format, job: Job) -> None:
    """Raise UserError unless everything that the format needs for the job's model is installed."""
    chapter = chapters.get(job.chapter)
    form.require(job.chapter)
    tracks = {form.track, job.track if form.reload_on == OWN else form.reload_on} - {None}
    for track in tracks:
        installed_track(track)
    if chapter.transfer:
        chapter.transfer.require(chapter.configure(job.settings), tracks)


def _require_free(form: Format, out: Path) -> None:
    if not out.name.endswith(form.suffix):
        raise UserError(f"--out: expected a name that ends in {form.suffix} for {form.name}, found '{out}'.")
    if not out.parent.is_dir():
        raise UserError(f"--out: the folder '{out.parent}' does not exist; create it or choose another one.")
    if os.path.lexists(out):
        raise UserError(f"--out: '{out}' exists, and an export replaces nothing; choose another name or remove it.")


def require_same(name: str, found: Compared) -> None:
    """Raise UserError if an exported model was refused, or does not say what its run said."""
    for check in found.checks:
        if check.state == REFUSED:
            raise UserError(f"the {name} export is refused: {check.name}: {check.detail}; nothing was written.")
    for size, value in found.differences.items():
        if not value <= TOLERANCE:
            raise UserError(
                f"the {name} export is not the run's model: on a batch of {size} its probabilities are "
                f"{value:.1e} from the run's predictions, expected at most {TOLERANCE:.0e}; nothing was written."
            )


@contextmanager
def _partial(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out`, which is removed at the end."""
    folder = atomic.partial_name(out)
    try:
        folder.mkdir()
    except FileExistsError:
        raise UserError(f"'{folder}' is of another export to this name; remove it if that one is over.") from None
    except OSError as error:
        raise unwritable(out.parent, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(made: Path, out: Path) -> None:
    """Give the artifact its name; UserError if that was taken meanwhile."""
    if os.path.lexists(out):
        raise UserError(f"--out: '{out}' has appeared during the export, which replaces nothing; remove it.")
    try:
        atomic.publish(made, out)
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


def write_task(arguments: Mapping[str, Any], report: object) -> None:
    """Worker task: write the run's model in a format, or as something else that is timed."""
    form, path = (formats.FORMATS | formats.TIMED)[arguments["format"]], Path(arguments["path"])
    with _removed_if_interrupted(path), as_user_error(f"{form.name} cannot be written of this model"):
        resolve(form.write)(Subject.of(Path(arguments["run"])), path)


def check_task(arguments: Mapping[str, Any], report: object) -> dict[str, Any]:
    """Worker task: reload the artifact and compare; return a Compared as plain data."""
    form, path = formats.get(arguments["format"]), Path(arguments["path"])
    with _removed_if_interrupted(path):
        subject = Subject.of(Path(arguments["run"]))
        return resolve(form.check)(form, path, subject, arguments["track"]).model_dump(mode="json")
