"""`python -m tests.hunt`: exit code 1 if a wrong pair passes or an honest one is refused."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.hunt import table
from tests.hunt.hunting import Outcome, choose, find, hunt
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool


def main() -> int:
    """Hunt, print every pair as it is done and the table at the end."""
    let_children_import_tests()
    asked = _parser().parse_args()
    tracks = [track for track in TRACKS if track != "torch"] if asked.tracks == "all" else asked.tracks.split(",")
    try:
        quarries = [find(name) for name in asked.only] or choose(asked.count, asked.seed, asked.kind)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes: list[Outcome] = []
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool:
        for number, outcome in enumerate(hunt(quarries, tracks, pool)):
            outcomes.append(outcome)
            print(f"{number // len(tracks) + 1}/{len(quarries)} {_told(outcome)}", flush=True)
    return _report(outcomes, asked.table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hunt", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="pairs, four of ten honest")
    parser.add_argument("--seed", type=int, default=0, help="other pairs for every seed")
    parser.add_argument("--tracks", default="all", help="Keras tracks, with commas")
    parser.add_argument("--kind", action="append", default=[], help="only families of this kind or name; repeatable")
    parser.add_argument("--only", action="append", default=[], help="FAMILY_NUMBER; repeatable")
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    return parser


def _told(outcome: Outcome) -> str:
    said = "MISSED" if outcome.missed else "ok"
    kind = "wrong" if outcome.quarry.wrong else "honest"
    return f"{said:<6} {kind} {outcome.quarry.name} {outcome.track} {outcome.verdict} {outcome.seconds:.1f} s"


def _report(outcomes: Sequence[Outcome], path: Path | None) -> int:
    text = "\n".join(table.lines(outcomes))
    print(text)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return int(any(outcome.missed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
