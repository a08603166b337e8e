"""`python -m tests.conformance.table`: every planted fault with what the ladder proves of it."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from tests.conformance.faults.judging import Outcome, climb
from tests.conformance.faults.pairs import TWO, Fault, chosen, doubles, find
from tests.support import resources
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.workers.pool import WorkerPool

KEPT_BYTES = 3 * 2**30
"""What the workers may hold before they are ended."""


def main() -> int:
    """Climb with every fault; exit code 1 if one passes, is found elsewhere, or gets another cause proved."""
    let_children_import_tests()
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.table", description=__doc__)
    parser.add_argument("--track", default="keras:torch", help="Keras track")
    parser.add_argument("--group", action="append", default=[], help="only this group or family; repeatable")
    parser.add_argument("--few", action="store_true", help="one of every family")
    parser.add_argument("--two", action="store_true", help="only those of two faults")
    parser.add_argument("--told", action="store_true", help="say what was proved")
    parser.add_argument("only", nargs="*", help="FAMILY_NUMBER")
    asked = parser.parse_args()
    faults = (
        [find(name) for name in asked.only] or (doubles(TWO) if asked.two else []) or chosen(asked.group, asked.few)
    )
    counted = _print(faults, asked.track, asked.told)
    print(", ".join(f"{count} {verdict}" for verdict, count in counted.most_common()))
    return int(any(counted[verdict] for verdict in ("PASSED", "WRONG", "PLACE", "ERROR")))


def _print(faults: Sequence[Fault], track: str, is_told: bool) -> Counter[str]:
    counted: Counter[str] = Counter()
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool, Ladder([track], pool) as ladder:
        print(f"{'fault':<44}{'rung':<11}{'place':<20}{'cause':<10}{'tried':>6}{'s':>6}")
        for fault in faults:
            try:
                outcome = climb(fault, track, ladder)
            except (UserError, WorkerDiedError) as error:
                counted["ERROR"] += 1
                print(f"{fault.name:<44}ERROR {str(error)[-1800:]}", flush=True)
                continue
            counted[outcome.verdict] += 1
            print("\n".join(lines(outcome, is_told)), flush=True)
            if resources.held_memory() > KEPT_BYTES:
                pool.end()
    return counted


def lines(outcome: Outcome, is_told: bool) -> list[str]:
    """Return the row of a fault, and what was said of it where that is asked for or not right."""
    tried = sum(cause.tried for cause in outcome.causes)
    row = (
        f"{outcome.fault.name:<43} {outcome.rung:<10} {outcome.where:<19} {outcome.verdict:<9}"
        f"{tried:>6}{outcome.seconds:>6.1f}"
    )
    if not is_told and outcome.verdict == "proved":
        return [row]
    expected = ", ".join(f"{truth.rung} at '{truth.where}'" for truth in outcome.truths)
    made = [] if outcome.verdict == "proved" else [f"    planted: {expected}; {outcome.fault.made().parameters}"]
    causes = [
        f"    {cause.status}: {cause.rung} at '{cause.where}': {cause.what} ({cause.tried} tried)"
        for cause in outcome.causes
    ]
    return [row, *made, *causes, *(f"    no planted fault: {cause.changes}" for cause in outcome.wrong)]


if __name__ == "__main__":
    sys.exit(main())
