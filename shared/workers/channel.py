"""What comes from a worker, line by line, with a limit on how long nothing may come."""

import os
import select
import signal
from collections import deque

from twotrack.shared.errors import UserError

PATIENCE = 1800.0
"""Seconds in which a worker that is at work must say how far it is."""
VARIABLE = "TWOTRACK_PATIENCE"
WHERE_SIGNAL = signal.SIGUSR1
"""Lets a worker write to its log where in its code it is, innermost first, whatever keeps it from answering."""
_PIECE = 2**16
_LONGEST = 1e6
"""Seconds that the operating system can be asked to wait."""


class SilenceError(Exception):
    """Nothing came for too long."""


def patience() -> float:
    """Return the seconds that the environment allows, `PATIENCE` if it says nothing; UserError for no number."""
    text = os.environ.get(VARIABLE, "") or str(PATIENCE)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise UserError(f"{VARIABLE}: expected seconds above 0, found {text!r}.")
    return seconds


class Lines:
    """Lines of ASCII from a pipe."""

    def __init__(self, descriptor: int):
        self._stream = os.fdopen(descriptor, "rb", buffering=0)
        self._waiting = select.poll()
        self._waiting.register(descriptor, select.POLLIN)
        self._whole: deque[bytes] = deque()
        self._begun: list[bytes] = []

    def next(self, seconds: float) -> str | None:
        """Return the next line, None at the end of all; SilenceError if nothing comes for so many seconds."""
        while not self._whole:
            if not self._waiting.poll(min(seconds, _LONGEST) * 1000):
                raise SilenceError(
                    f"nothing was heard of it for {seconds:g} s, so it was ended; if that is too short, "
                    f"give more seconds in the environment variable {VARIABLE}"
                )
            if not self._take(self._stream.read(_PIECE)):
                return None
        return self._whole.popleft().decode("ascii", "backslashreplace")

    def _take(self, piece: bytes | None) -> bool:
        """Take what was read; False at the end."""
        if not piece:
            return False
        *ends, begun = piece.split(b"\n")
        for end in ends:
            self._whole.append(b"".join([*self._begun, end]))
            self._begun = []
        self._begun.append(begun)
        return True

    def close(self) -> None:
        """Let go of the pipe."""
        self._stream.close()
