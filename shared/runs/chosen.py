"""Which run a command means: a run folder, the run of a track in a comparison's folder, or the latest."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.runs import catalogue
from twotrack.shared.runs.plans import PLAN
from twotrack.shared.runs.run_folder import Run

ROOT = Path("runs")
"""Where commands write unless told otherwise, and where the latest run is looked for."""
LATEST = "latest"


def chosen(named: Path, track: str | None = None) -> Path:
    """Return the folder of the run that is meant, or `named` itself where it says no more than that.

    `named` is a run folder, the folder of a comparison, in which `track` chooses, or latest, latest:CHAPTER or
    latest:CHAPTER:TRACK. Of a comparison of several seeds it is the first.
    Raises UserError if there is no such run, or a comparison has several tracks and none is chosen.
    """
    if (named / PLAN).is_file():
        return _of_comparison(named, track).folder
    what, _, wanted = str(named).partition(":")
    if what != LATEST or named.exists():
        return named
    chapter, _, of_track = wanted.partition(":")
    return _latest(chapter or None, of_track or None).folder


def _of_comparison(folder: Path, track: str | None) -> Run:
    runs, _ = catalogue.find([folder])
    tracks = list(dict.fromkeys(run.record.job.track for run in runs))
    if track is None and len(tracks) > 1:
        raise UserError(
            f"'{folder}' is a comparison of {', '.join(tracks)}: expected one of its runs, such as '{runs[0].folder}'."
        )
    found = [run for run in runs if track in (None, run.record.job.track)]
    if not found:
        raise UserError(f"'{folder}': expected a finished run of {track or 'any track'}, found {_listed(tracks)}.")
    return min(found, key=lambda run: run.record.job.seed)


def _latest(chapter: str | None, track: str | None) -> Run:
    runs, _ = catalogue.find([ROOT])
    found = catalogue.select(runs, catalogue.Filter(chapter=chapter, track=track))
    if not found:
        wanted = ":".join(word for word in (LATEST, chapter, track) if word)
        there = sorted({run.record.job.chapter for run in runs})
        raise UserError(f"'{wanted}': expected such a finished run below '{ROOT}', found {_listed(there)}.")
    return max(found, key=lambda run: datetime.fromisoformat(run.record.finished))


def _listed(names: Sequence[str]) -> str:
    return f"runs of {', '.join(names)} only" if names else "no run"
