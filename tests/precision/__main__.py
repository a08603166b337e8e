"""`python -m tests.precision`: exit code 1 if a wrong pair passes or is not named, or an honest one fails."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.precision.hunting import Outcome, choose, find, hunt
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool


def main() -> int:
    """Judge, print every pair as it is done and the table at the end."""
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
        for outcome in hunt(quarries, tracks, asked.turns, pool):
            outcomes.append(outcome)
            print(_told(outcome), flush=True)
    print("\n".join(table(outcomes)))
    return int(any(outcome.missed for outcome in outcomes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.precision", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="pairs, half of them honest")
    parser.add_argument("--seed", type=int, default=0, help="other pairs for every seed")
    parser.add_argument("--tracks", default="all", help="Keras tracks, with commas")
    parser.add_argument("--turns", action="store_true", help="each pair on one of the tracks, which take turns")
    parser.add_argument("--kind", action="append", default=[], help="only families of this kind or name; repeatable")
    parser.add_argument("--only", action="append", default=[], help="FAMILY_NUMBER; repeatable")
    return parser


def _told(outcome: Outcome) -> str:
    said = "MISSED" if outcome.missed else "ok"
    kind = "wrong" if outcome.quarry.wrong else "honest"
    drawn = outcome.quarry.family.parameters(outcome.quarry.number)
    text = f"{said:<6} {kind} {outcome.quarry.name} {outcome.track} {outcome.arithmetic} {outcome.ratio:.3g}"
    more = f"\n    {drawn}\n    {outcome.detail} {' | '.join(outcome.gaps)}" if outcome.missed or outcome.gaps else ""
    return text + more


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield, for each kind and precision, how many were judged and missed, and the ratios of error and bound."""
    rows: defaultdict[tuple[bool, str, str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        rows[one.quarry.wrong, one.quarry.family.kind, one.arithmetic, one.track].append(one)
    yield f"{'':<8}{'kind':<16}{'precision':<10}{'track':<18}{'judged':>7}{'missed':>7}{'least':>9}{'largest':>9}"
    for (is_wrong, kind, arithmetic, track), those in sorted(rows.items()):
        ratios, missed = [one.ratio for one in those], sum(one.missed for one in those)
        start = f"{'wrong' if is_wrong else 'honest':<8}{kind:<16}{arithmetic:<10}{track:<18}"
        yield f"{start}{len(those):>7}{missed:>7}{min(ratios):>9.2g}{max(ratios):>9.2g}"


if __name__ == "__main__":
    sys.exit(main())
