"""What weakens a verdict, said in its own sentence: planned runs that are missing, runs that were made otherwise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.report import tables
from twotrack.shared.runs import plans
from twotrack.shared.runs.run_folder import Run


def with_caveats(sentence: str, runs: Sequence[Run]) -> str:
    """Return a sentence about runs that says what it leaves out."""
    found = caveats(runs)
    return f"{sentence}; but {'; '.join(found)}" if found and sentence else sentence


def caveats(runs: Sequence[Run]) -> list[str]:
    """Return what a reader of a verdict on these runs must know, a clause each."""
    return [*_missing(runs), *_uneven(runs), *_mixed(runs)]


def _missing(runs: Sequence[Run]) -> list[str]:
    """Tell how many runs were planned, in the comparisons that the runs are of, and are not here."""
    here = {run.folder.resolve() for run in runs}
    planned = {folder for parent in {folder.parent for folder in here} for folder in _planned(parent)}
    lacking = len(planned - here)
    return [f"{lacking} of {len(planned)} planned runs {'is' if lacking == 1 else 'are'} missing"] if lacking else []


def _planned(parent: Path) -> set[Path]:
    try:
        return set(plans.planned_folders(parent))
    except UserError:  # no comparison, or its plan is of another version
        return set()


def _uneven(runs: Sequence[Run]) -> list[str]:
    """Tell which seeds only some of the tracks have."""
    seeds = {track: {run.record.job.seed for run in of_track} for track, of_track in tables.tracks_of(runs).items()}
    everywhere = set.intersection(*seeds.values())
    alone = [
        f"{track} alone has seed{'s' * (len(own) > 1)} {', '.join(map(str, sorted(own)))}"
        for track, all_own in seeds.items()
        if (own := all_own - everywhere)
    ]
    return [f"not every track has every seed ({'; '.join(alone)})"] if alone else []


def _mixed(runs: Sequence[Run]) -> list[str]:
    """Tell in which versions, of what a run is made with, and on which devices runs differ."""
    made = [_made_with(run) for run in runs]
    names = dict.fromkeys(name for one in made for name in one)
    mixed = []
    for name in names:
        values = sorted({str(one.get(name) or "none") for one in made})
        if len(values) > 1:
            mixed.append(f"{name} {' and '.join(values)}")
    return [f"the runs were not made alike: {', '.join(mixed)}"] if mixed else []


def _made_with(run: Run) -> dict[str, Any]:
    record = run.record
    packages = record.environment.get("packages")
    return {
        "twotrack": record.twotrack,
        "Python": record.environment.get("python"),
        "device": record.device,
        "processor": record.environment.get("processor"),
        "threads": record.environment.get("threads"),
        **(packages if isinstance(packages, dict) else {}),
    }
