"""What came of everything that was tried."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from tests.reliability.mutation import Damaged
from twotrack.shared.errors import UserError

LONGEST_MESSAGE = 2000
"""Characters."""


@dataclass
class Row:
    """Of one kind."""

    tried: int = 0
    refused: int = 0
    """With one clear message."""
    right: int = 0
    """Done as asked, or found unharmed."""
    wrong: list[str] = field(default_factory=list)


class Tally:
    """Rows by kind; with a file, it holds the table as it grows."""

    def __init__(self, file: Path | None = None) -> None:
        self.rows: defaultdict[str, Row] = defaultdict(Row)
        self._file = file

    def read(self, kind: str, damaged: Damaged, read: Callable[[], None]) -> None:
        """Count what a reader of something damaged does: read it, or refuse it; all else is wrong."""
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                read()
        except UserError as error:
            said = str(error)
            self.count(kind, "refused" if 10 < len(said) < LONGEST_MESSAGE else f"{damaged}: said {said[:80]!r}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: whatever a reader raises is the outcome, and is counted
            self.count(kind, f"{damaged}: {type(error).__name__}: {str(error)[:200]}")
        else:
            self.count(kind, "right")

    def count(self, kind: str, outcome: str) -> None:
        """Count one: right, refused, or what was wrong."""
        row = self.rows[kind]
        row.tried += 1
        if outcome == "right":
            row.right += 1
        elif outcome == "refused":
            row.refused += 1
        else:
            row.wrong.append(outcome)
        if self._file:
            self._file.write_text(f"{self}\n")

    def __str__(self) -> str:
        return "\n".join([*self.lines(), "", *self.wrong])

    @property
    def wrong(self) -> list[str]:
        """All that was."""
        return [f"{kind}: {one}" for kind, row in self.rows.items() for one in row.wrong]

    def lines(self) -> list[str]:
        """Return the table."""
        head = f"{'kind':<34}{'tried':>8}{'right':>8}{'refused':>9}{'wrong':>7}"
        body = [
            f"{kind:<34}{row.tried:>8}{row.right:>8}{row.refused:>9}{len(row.wrong):>7}"
            for kind, row in self.rows.items()
        ]
        every = list(self.rows.values())
        sums = (sum(row.tried for row in every), sum(row.right for row in every), sum(row.refused for row in every))
        return [head, *body, f"{'all':<34}{sums[0]:>8}{sums[1]:>8}{sums[2]:>9}{len(self.wrong):>7}"]
