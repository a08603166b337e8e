"""`python -m tests.mixups`: every mix-up on every track: the rung that fails, and whether its cause is proved."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from tests.mixups.climbing import climb
from tests.mixups.mixup import FORMS, Form
from tests.mixups.pairs import KINDS, MIXUPS
from tests.support import resources
from tests.support.turns import BACKENDS
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.workers.pool import WorkerPool

KEPT_BYTES = 3 * 2**30
"""What the workers may hold before they are ended."""


def main() -> int:
    """Climb with all that is asked for; exit code 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.mixups", description=__doc__)
    parser.add_argument("--track", action="append", default=[], help="Keras track; all of them if none is given")
    parser.add_argument(
        "--kind", action="append", default=[], choices=KINDS, help="only mix-ups of this kind; repeatable"
    )
    parser.add_argument("--form", action="append", default=[], choices=FORMS, help="only this form; repeatable")
    parser.add_argument("spec", nargs="*", help="only mix-ups of these specs")
    asked = parser.parse_args()
    kinds = {id(one) for kind in asked.kind or KINDS for one in KINDS[kind]}
    chosen = [
        number for number, one in enumerate(MIXUPS) if id(one) in kinds and (not asked.spec or one.spec in asked.spec)
    ]
    counted: Counter[str] = Counter()
    for track in asked.track or BACKENDS:
        counted += _on_track(track, chosen, asked.form or FORMS)
    print(", ".join(f"{count} {verdict}" for verdict, count in counted.most_common()))
    return int(bool(counted["WRONG"]))


def _on_track(track: str, chosen: Sequence[int], forms: Sequence[Form]) -> Counter[str]:
    counted: Counter[str] = Counter()
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool, Ladder([track], pool) as ladder:
        for number in chosen:
            for form in [form for form in forms if form in MIXUPS[number].pairs]:
                wrong, row = _row(number, form, track, ladder)
                counted["WRONG" if wrong else "right"] += 1
                print(f"{row}\n    {wrong}" if wrong else row, flush=True)
            if resources.held_memory() > KEPT_BYTES:
                pool.end()
    return counted


def _row(number: int, form: Form, track: str, ladder: Ladder) -> tuple[str, str]:
    """Climb; return what is not as it should be, and a line of the table."""
    mixup = MIXUPS[number]
    try:
        outcome = climb(number, form, track, ladder)
        wrong, found = outcome.wrong, outcome.rung or "passed"
    except (UserError, WorkerDiedError) as error:
        wrong, found = str(error)[-1500:], "error"
    said = f"{'WRONG' if wrong else 'as it should':<14}"
    return wrong, f"{track:<17}{mixup.spec:<30}{form:<8}{found:<11}{said}{mixup.what}"


if __name__ == "__main__":
    sys.exit(main())
