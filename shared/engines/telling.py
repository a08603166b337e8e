"""What a unit tells while a node is at work on it: lines in a file beside it, read by the coordinator as they come."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from twotrack.shared.workers.codec import Codec
from twotrack.shared.workers.messages import Progress

SEEN = "seen"
"""Of a unit without jobs: its file is there. Figures: whether its lock is seen too, and the node."""
AT_WORK = "at work"
"""Of a unit. Figures: the node."""
REFUSED = "refused"
"""Of a unit: what only the user can put right. Figures: the message."""
FAILED = "failed"
"""Of a unit: its worker died or raised. Figures: the message."""


@dataclass(frozen=True)
class Told:
    """One line."""

    run: str
    """The name of a run's folder; empty for the unit itself."""
    progress: Progress


_TOLD: Codec[Told] = Codec(Told)


class Teller:
    """The node's end."""

    def __init__(self, file: Path):
        self._stream = file.open("ab", buffering=0)

    def tell(self, told: Told) -> None:
        """Append a line, in one write."""
        self._stream.write(json.dumps(_TOLD.write(told)).encode() + b"\n")


class Hearer:
    """The coordinator's end. The file is open only while it is read: there may be thousands."""

    def __init__(self, file: Path):
        self._file, self._place = file, 0

    def news(self) -> list[Told]:
        """Return what was told since the last time."""
        try:
            with self._file.open("rb") as stream:
                return self._new_lines(stream)
        except FileNotFoundError:
            return []

    def _new_lines(self, stream: IO[bytes]) -> list[Told]:
        stream.seek(self._place)
        whole = stream.read().rpartition(b"\n")[0]  # a last line that has no end yet comes again
        self._place += len(whole) + bool(whole)
        return [_TOLD.read(json.loads(line)) for line in whole.splitlines()]
