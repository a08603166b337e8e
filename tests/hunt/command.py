"""What the command lines of the hunts share: which pairs, on which tracks, and how each is told while it goes on."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from tests.hunt.quarry import Ground, Quarry
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool


class Told(Protocol):
    """What came of one pair."""

    @property
    def quarry(self) -> Quarry: ...

    @property
    def missed(self) -> bool: ...

    @property
    def line(self) -> str: ...


Outcome = TypeVar("Outcome", bound=Told)
Hunt = Callable[[Sequence[Quarry], Sequence[str], WorkerPool], Iterable[Outcome]]


def parser(ground: Ground, text: str | None, count: int) -> argparse.ArgumentParser:
    """Return the options of every hunt; `count` pairs by default."""
    parser = argparse.ArgumentParser(prog=f"python -m {ground.package}", description=text)
    parser.add_argument("--count", type=int, default=count, help=f"pairs, {ground.honest_of_ten} of ten honest")
    parser.add_argument("--seed", type=int, default=0, help="other pairs for every seed")
    parser.add_argument("--tracks", default="all", help="Keras tracks, with commas")
    parser.add_argument("--kind", action="append", default=[], help="only families of this kind or name; repeatable")
    parser.add_argument("--only", action="append", default=[], help="FAMILY_NUMBER; repeatable")
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    return parser


def run(
    asked: argparse.Namespace,
    ground: Ground,
    hunt: Hunt[Outcome],
    table: Callable[[Sequence[Outcome]], Iterable[str]],
) -> int:
    """Hunt, print every pair as it is done and the table at the end; return the exit code, 1 if anything was missed."""
    let_children_import_tests()
    tracks = [track for track in TRACKS if track != "torch"] if asked.tracks == "all" else asked.tracks.split(",")
    try:
        quarries = [ground.find(name) for name in asked.only] or ground.choose(asked.count, asked.seed, asked.kind)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes: list[Outcome] = []
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool:
        for outcome in hunt(quarries, tracks, pool):
            outcomes.append(outcome)
            print(f"{quarries.index(outcome.quarry) + 1}/{len(quarries)} {outcome.line}", flush=True)
    _report("\n".join(table(outcomes)), asked.table)
    return int(any(outcome.missed for outcome in outcomes))


def _report(table: str, path: Path | None) -> None:
    print(table)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table + "\n")
