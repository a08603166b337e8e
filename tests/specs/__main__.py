"""`python -m tests.specs`: how far training specs stray from NumPy in 2,000 steps in float64, on every track.

Losses, schedules, penalties, constraints, laws of initial weights and early stopping; `python -m
tests.optimizers.table` has the optimizers and their options.

Writes docs/reference/specs.md where all is measured, and `build/specs.json` as it goes on; `--again` keeps what stands
there. Ends with exit code 1 if anything strays farther than 1e-10.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from tests.losses import held_long
from tests.specs import tasks
from tests.specs.cases import RATES, STEPS, TRAININGS
from tests.support.marked_tables import between
from tests.support.own_tree import ROOT, let_children_import_tests
from twotrack.shared.base import atomic
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

PAGE, KEPT = ROOT / "docs/reference/specs.md", ROOT / "build/specs.json"
LIMIT = 1e-10
ENLARGED = {"triplet": 1e-9}
"""Of a training that enlarges rounding: NumPy's own, begun one last digit away (seed 1), ends 1.0e-10 away."""
Strays = dict[str, dict[str, dict[str, float]]]
"""By kind, row and track."""


@dataclass(frozen=True)
class Unit:
    """What is measured at once: some rows of a kind."""

    kind: str
    rows: tuple[str, ...]
    measure: Callable[[WorkerPool, str], dict[str, float]]
    """Of a track."""


def _units() -> Iterator[Unit]:
    for kind, trainings in TRAININGS.items():
        for name, own in trainings.items():
            yield Unit(kind, tuple(own.heads), partial(_training, kind, name))
    yield from (Unit("held", (name,), partial(_held, name)) for name in held_long.CASES)
    yield from (Unit("schedules", (name,), partial(_schedule, name)) for name in RATES)


def _held(name: str, pool: WorkerPool, track: str) -> dict[str, float]:
    return pool.call(track, held_long.strays, held_long.Asked(track, STEPS, [name]))


def _schedule(name: str, pool: WorkerPool, track: str) -> dict[str, float]:
    return {name: pool.call(track, tasks.stray_of_schedule, tasks.Asked(track, "schedules", name, STEPS))}


def _training(kind: str, name: str, pool: WorkerPool, track: str) -> dict[str, float]:
    return pool.call(track, tasks.strays, tasks.Asked(track, kind, name, STEPS))


def rows() -> dict[str, list[str]]:
    """Return the rows of each table."""
    found: dict[str, list[str]] = {}
    for unit in _units():
        found.setdefault(unit.kind, []).extend(unit.rows)
    return found


def kept() -> Strays:
    """Return what was measured since it was forgotten, by this command or another beside it."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def _keep(unit: Unit, track: str, strays: Mapping[str, float]) -> None:
    found = kept()
    for name, stray in strays.items():
        found.setdefault(unit.kind, {}).setdefault(name, {})[track] = stray
        print(f"{track:<18}{unit.kind:<14}{stray:.1e}  {name}", flush=True)
    KEPT.parent.mkdir(exist_ok=True)
    atomic.write(KEPT, json.dumps(found, indent=1))


def measure(track: str) -> None:
    """Measure the rows that a track has not yet."""
    with WorkerPool(threads=1) as pool:
        for unit in _units():
            if any(track not in kept().get(unit.kind, {}).get(name, {}) for name in unit.rows):
                _keep(unit, track, unit.measure(pool, track))


def written(page: str, found: Strays) -> str:
    """Return the page with the tables of all kinds between their marks: rows that every track has."""
    for kind, names in rows().items():
        whole = {name: found.get(kind, {}).get(name, {}) for name in names}
        lines = [
            f"| {name} | {' | '.join(f'{own[track]:.1e}' for track in TRACKS)} |"
            for name, own in whole.items()
            if len(own) == len(TRACKS)
        ]
        table = "\n".join([f"| | {' | '.join(TRACKS)} |", f"|---|{'---|' * len(TRACKS)}", *lines])
        page = between(page, kind, table)
    return page


def _every(found: Strays) -> list[tuple[float, str, str]]:
    return [
        (stray, name, track) for rows in found.values() for name, own in rows.items() for track, stray in own.items()
    ]


def _largest(found: Strays) -> str:
    stray, name, track = max(_every(found))
    return f"the largest difference is {stray:.1e}, of {name} on {track}"


def main() -> int:
    """Measure, write, and say what strays too far."""
    parser = argparse.ArgumentParser(prog="python -m tests.specs", description=__doc__)
    parser.add_argument("--again", action="store_true", help="keep what a run before has measured")
    parser.add_argument("--track", action="append", default=[], choices=TRACKS, help="only this one; repeatable")
    asked = parser.parse_args()
    let_children_import_tests()
    if not asked.again:
        KEPT.unlink(missing_ok=True)
    for track in asked.track or TRACKS:
        measure(track)
    found = kept()
    PAGE.write_text(written(PAGE.read_text(), found))
    wrong = [one for one in _every(found) if not one[0] <= ENLARGED.get(one[1], LIMIT)]
    print(*wrong or [_largest(found)], sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
