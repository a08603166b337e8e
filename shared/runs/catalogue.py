"""What lies in a folder of results: finished runs, and whatever is damaged or unfinished, with the reason."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.base.atomic import is_partial
from twotrack.shared.errors import UserError, one_line, unknown
from twotrack.shared.runs import plans
from twotrack.shared.runs.run_folder import HISTORY, PREDICTIONS, RECORD, Run, read

ORDERS = ("finished", "folder", "chapter", "track", "seed", "score")


@dataclass(frozen=True)
class Problem:
    """A folder that should hold a run and holds none that can be used."""

    folder: Path
    state: str
    """damaged, unfinished or unreadable."""
    reason: str


@dataclass(frozen=True)
class Filter:
    """Which runs to list; what is None or empty admits all."""

    chapter: str | None = None
    track: str | None = None
    seed: int | None = None
    recipe: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Hyperparameters of model or optimizer, typed or by default."""
    at_least: Mapping[str, float] = field(default_factory=dict)
    """Test metrics by name."""
    at_most: Mapping[str, float] = field(default_factory=dict)
    since: datetime | None = None
    """With time zone; this moment included."""
    until: datetime | None = None
    """With time zone; this moment not included."""


def find(folders: Sequence[Path]) -> tuple[list[Run], list[Problem]]:
    """Read every run folder in or below `folders`; UserError if one of these does not exist or cannot be read."""
    runs: dict[Path, Run] = {}
    problems: dict[Path, Problem] = {}
    for root in folders:
        if not root.is_dir():
            raise UserError(f"there is no folder '{root}'; name one that 'run' or 'compare' has written to.")
        closed: list[OSError] = []
        for folder, names in _candidates(root, closed.append):
            for entry in _look(folder, names):
                if isinstance(entry, Problem):
                    problems[folder.resolve()] = entry
                else:
                    runs[folder.resolve()] = entry
        problems |= {one.folder.resolve(): one for one in _unreadable(root, closed)}
    return list(runs.values()), list(problems.values())


def _candidates(root: Path, refused: Callable[[OSError], None]) -> Iterator[tuple[Path, list[str]]]:
    """Yield folders with the names of their files; below a run there is nothing more, and hidden folders stay so."""
    for name, inside, files in os.walk(root, onerror=refused):
        folder = Path(name)
        yield folder, files
        is_run = RECORD in files or is_partial(folder)
        inside[:] = (
            []
            if is_run
            else sorted(
                subfolder for subfolder in inside if not subfolder.startswith(".") or is_partial(folder / subfolder)
            )
        )


def _unreadable(root: Path, closed: Sequence[OSError]) -> list[Problem]:
    """Return the folders that could not be listed; UserError if that is the root itself."""
    for error in closed:
        if Path(error.filename) == root:
            raise UserError(f"cannot read '{root}': {str(error.strerror).lower()}; make it readable.") from error
    return [Problem(Path(error.filename), "unreadable", str(error.strerror).lower()) for error in closed]


def _look(folder: Path, files: Sequence[str]) -> Iterator[Run | Problem]:
    if is_partial(folder):
        yield Problem(folder, "unfinished", "it has no record yet; its command is at work, or was killed")
    elif RECORD in files or HISTORY in files or PREDICTIONS in files:
        yield _run(folder)
    elif plans.PLAN in files:
        yield from _comparison(folder)


def _run(folder: Path) -> Run | Problem:
    """Return the run if it can be read and listed; whatever is wrong with it, others are."""
    try:
        run = read(folder)
        row(run)
        settings_of(run)
        datetime.fromisoformat(run.record.finished)
    except UserError as error:
        return Problem(folder, "damaged", str(error))
    except Exception as error:  # whatever a foreign record leads to
        return Problem(folder, "damaged", f"no run of twotrack has such a record: {one_line(error)}")
    return run


def _comparison(folder: Path) -> Iterator[Problem]:
    try:
        missing, planned = plans.missing(folder)
    except UserError as error:
        yield Problem(folder, "damaged", str(error))
        return
    if missing:
        reason = f"{missing} of {planned} runs are missing; 'twotrack compare --resume {folder}' trains them"
        yield Problem(folder, "unfinished", reason)


def select(runs: Sequence[Run], criteria: Filter) -> list[Run]:
    """Return the runs that the filter admits; UserError if it names what no run has."""
    _require_known(runs, criteria)
    return [run for run in runs if _admits(criteria, run)]


def _require_known(runs: Sequence[Run], criteria: Filter) -> None:
    settings = {name for run in runs for name in settings_of(run)}
    metrics = {name for run in runs for name in run.record.test}
    for kind, filters, known in (
        ("setting", criteria.settings, settings),
        ("metric", {**criteria.at_least, **criteria.at_most}, metrics),
    ):
        for name in filters:
            if runs and name not in known:
                raise unknown(f"{kind} of these runs", name, known)


def _admits(criteria: Filter, run: Run) -> bool:
    job, test, settings = run.record.job, run.record.test, settings_of(run)
    finished = datetime.fromisoformat(run.record.finished)
    return (
        criteria.chapter in (None, job.chapter)
        and criteria.track in (None, job.track)
        and criteria.seed in (None, job.seed)
        and criteria.recipe in (None, job.recipe)
        and all(_same(settings.get(name), text) for name, text in criteria.settings.items())
        and all(test.get(name, float("-inf")) >= number for name, number in criteria.at_least.items())
        and all(test.get(name, float("inf")) <= number for name, number in criteria.at_most.items())
        and (criteria.since is None or criteria.since <= finished)
        and (criteria.until is None or finished < criteria.until)
    )


def settings_of(run: Run) -> dict[str, Any]:
    """Return every hyperparameter that `--set` can change, whether it did or not."""
    optimizer = run.record.recipe["optimizer"]
    training = {"optimizer": optimizer["name"].lower(), "learning_rate": optimizer["learning_rate"]}
    return training | run.record.config | run.record.job.settings


def _same(value: object, text: str) -> bool:
    """Compare a value with typed text, numbers by value."""
    try:
        return float(str(value)) == float(text)
    except ValueError:
        return str(value) == text


def metric_of(run: Run) -> str:
    """Return the name of the chapter's metric; for a chapter that this twotrack has not, what every run has."""
    chapter = chapters.CHAPTERS.get(run.record.job.chapter)
    return chapter.metric if chapter else "accuracy"


def row(run: Run) -> dict[str, Any]:
    """Return a run as plain data."""
    record = run.record
    return {
        "folder": str(run.folder),
        "finished": record.finished,
        "chapter": record.job.chapter,
        "recipe": record.job.recipe,
        "track": record.job.track,
        "seed": record.job.seed,
        "settings": dict(record.job.settings),
        "epochs": record.job.epochs,
        "examples": record.data.train,
        "source": record.data.source,
        "device": record.device,
        "precision": record.job.trains_in,
        "continues": str(record.job.continues.folder) if record.job.continues else None,
        "metric": metric_of(run),
        "score": record.test[metric_of(run)],
        "test": record.test,
        "parameters": record.parameters,
        "epoch_seconds": record.epoch_seconds,
        "peak_memory": record.memory.peak,
        "twotrack": record.twotrack,
        "schema_version": record.schema_version,
    }


def ordered(rows: Sequence[dict[str, Any]], by: str, backwards: bool) -> list[dict[str, Any]]:
    """Sort rows by one of `ORDERS`, then by the rest; UserError for another one."""
    if by not in ORDERS:
        raise unknown("order of runs", by, ORDERS)
    first = sorted(rows, key=lambda fields: tuple(fields[name] for name in ORDERS if name != "score"))
    return sorted(first, key=lambda fields: fields[by], reverse=backwards)


def moment(text: str, option: str) -> datetime:
    """Read a day or a time in ISO 8601, in UTC unless it says otherwise; UserError if it is none."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option}: expected a date such as 2026-01-31 or 2026-01-31T12:00, found '{text}'.") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
