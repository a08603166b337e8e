"""`python -m tests.precision`: exit code 1 if a wrong pair passes or is not named, or an honest one fails."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from tests.hunt import command
from tests.precision.hunting import GROUND, Outcome, hunt


def main() -> int:
    """Judge 100 pairs, or as many as are asked for."""
    parser = command.parser(GROUND, __doc__, 100)
    parser.add_argument("--turns", action="store_true", help="each pair on one of the tracks, which take turns")
    asked = parser.parse_args()
    return command.run(asked, GROUND, partial(hunt, turns=asked.turns), table)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield, for each kind and precision, how many were judged and missed, and the ratios of error and bound."""
    rows: defaultdict[tuple[str, str, str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        rows[one.quarry.kind, one.quarry.family.kind, one.arithmetic, one.track].append(one)
    yield f"{'':<8}{'kind':<16}{'precision':<10}{'track':<18}{'judged':>7}{'missed':>7}{'least':>9}{'largest':>9}"
    for (sort, kind, arithmetic, track), those in sorted(rows.items()):
        ratios, missed = [one.ratio for one in those], sum(one.missed for one in those)
        start = f"{sort:<8}{kind:<16}{arithmetic:<10}{track:<18}"
        yield f"{start}{len(those):>7}{missed:>7}{min(ratios):>9.2g}{max(ratios):>9.2g}"


if __name__ == "__main__":
    sys.exit(main())
