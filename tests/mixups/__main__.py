"""`python -m tests.mixups`: every mix-up on every track: the rung that fails, and whether its cause is proved.

It climbs as far as the rung where the mix-up must be found. `--table FILE` is written after every climb.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mixups.climbing import climb
from tests.mixups.mixup import FORMS, Form
from tests.mixups.pairs import KINDS, MIXUPS
from tests.mixups.table import Row, lines
from tests.support import compilations, resources
from tests.support.turns import BACKENDS
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.workers.pool import WorkerPool

KEPT_BYTES = 4 * 2**30
"""What the workers may hold before they are ended."""
COMPILED = Path("build/jax_compilations")


def main() -> int:
    """Climb with all that is asked for; exit code 1 if anything is not as it should be."""
    asked = _parser().parse_args()
    kinds = {id(one) for kind in asked.kind or KINDS for one in KINDS[kind]}
    chosen = [
        number for number, one in enumerate(MIXUPS) if id(one) in kinds and (not asked.spec or one.spec in asked.spec)
    ]
    os.environ |= compilations.kept_in(COMPILED.absolute())
    rows: list[Row] = []
    for row in _climbed(asked.track or BACKENDS, chosen, asked.form or FORMS):
        rows.append(row)
        print(row.line, flush=True)
        _write(rows, asked.table)
    print("\n".join(lines(rows)))
    return int(any(row.wrong for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mixups", description=__doc__)
    parser.add_argument("--track", action="append", default=[], help="Keras track; all of them if none is given")
    parser.add_argument(
        "--kind", action="append", default=[], choices=KINDS, help="only mix-ups of this kind; repeatable"
    )
    parser.add_argument("--form", action="append", default=[], choices=FORMS, help="only this form; repeatable")
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    parser.add_argument("spec", nargs="*", help="only mix-ups of these specs")
    return parser


def _climbed(tracks: Sequence[str], chosen: Sequence[int], forms: Sequence[Form]) -> Iterator[Row]:
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool, Ladder(tracks, pool) as ladder:
        for number in chosen:
            for form in [form for form in forms if form in MIXUPS[number].pairs]:
                yield from _rows(number, form, tracks, ladder)
            if resources.held_memory() > KEPT_BYTES:
                pool.end()


def _rows(number: int, form: Form, tracks: Sequence[str], ladder: Ladder) -> list[Row]:
    """Climb; return what came of it. What ends the climb of one track leaves those of the others."""
    try:
        outcomes = climb(number, form, tracks, ladder)
    except (UserError, WorkerDiedError) as error:
        if len(tracks) > 1:
            return [row for track in tracks for row in _rows(number, form, [track], ladder)]
        return [Row(MIXUPS[number], form, tracks[0], "error", "", str(error)[-1500:])]
    return [Row(one.mixup, one.form, one.track, one.rung, one.proved, one.wrong) for one in outcomes]


def _write(rows: Sequence[Row], path: Path | None) -> None:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines(rows)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
