"""`python -m tests.hunt`: exit code 1 if a wrong pair passes or an honest one is refused."""

import sys

from tests.hunt import command, table
from tests.hunt.hunting import GROUND, hunt


def main() -> int:
    """Hunt with 300 pairs, or as many as are asked for."""
    return command.run(command.parser(GROUND, __doc__, 300).parse_args(), GROUND, hunt, table.lines)


if __name__ == "__main__":
    sys.exit(main())
