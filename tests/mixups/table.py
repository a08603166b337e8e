"""The table of the mix-ups: each form of each with its rung, what came of it on every track, and the proved cause."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.mixups.mixup import Form, Mixup

Said = Literal["proved", "passed", "WRONG"]


@dataclass(frozen=True)
class Row:
    """What came of one form of a mix-up on one track."""

    mixup: Mixup
    form: Form
    track: str
    rung: str
    """That failed; empty for none."""
    cause: str
    """What the causes say that are proved."""
    wrong: str
    """What is not as it should be; empty if all is."""

    @property
    def said(self) -> Said:
        """In a word."""
        return "WRONG" if self.wrong else "passed" if self.form == "honest" else "proved"

    @property
    def line(self) -> str:
        """Of what is printed meanwhile."""
        told = f"{self.track:<17}{self.mixup.spec:<30}{self.form:<8}{self.rung or 'none':<11}{self.said:<8}"
        return f"{told}{self.mixup.what}" + (f"\n    {self.wrong}" if self.wrong else "")


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table, one line for each form, then how many of each track are as they should be."""
    tracks = list(dict.fromkeys(row.track for row in rows))
    heads = "".join(f"{track:<18}" for track in tracks)
    yield f"{'spec':<30}{'mistake in':<12}{'rung':<11}{heads}what is mixed up: the cause"
    for own in _by_form(rows):
        first, said = own[0], {row.track: row.said for row in own}
        cells = "".join(f"{said.get(track, '-'):<18}" for track in tracks)
        side = "none" if first.form == "honest" else first.form
        yield f"{first.mixup.spec:<30}{side:<12}{first.mixup.rung:<11}{cells}{_told(own)}"
    yield ""
    for track in tracks:
        counted = Counter(row.said for row in rows if row.track == track)
        yield f"{track}: {counted['proved']} proved, {counted['passed']} honest passed, {counted['WRONG']} wrong"


def _by_form(rows: Sequence[Row]) -> list[list[Row]]:
    found: dict[tuple[int, Form], list[Row]] = {}
    for row in rows:
        found.setdefault((id(row.mixup), row.form), []).append(row)
    return list(found.values())


def _told(rows: Sequence[Row]) -> str:
    """Say what is mixed up and, of a mistake, the cause; of a cause that is not the same on all tracks every one."""
    mixup = rows[0].mixup
    if rows[0].form == "honest":
        return mixup.what
    causes = dict.fromkeys(row.wrong or row.cause for row in rows)
    return f"{mixup.what}: {' / '.join(one.replace(chr(10), ' ') for one in causes)}"
