"""What reaches the terminal: control characters of foreign text are escaped here, and nowhere else.

Names from files, records and servers are printed as they are. Within `escaping`, whatever is written to standard output
and standard error goes through a `Screen`, and what rich draws through a `ForeignConsole`.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from twotrack.shared.cli.foreign import ForeignConsole

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and line feed, what changes the direction of writing, halves of characters."""


def escaped(text: str) -> str:
    """Return the text with every character that a terminal could obey as Python writes it."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def in_line(text: str) -> str:
    """Return a text of one line: a name with a line feed in it could pass for what twotrack says."""
    return text.replace("\n", "\\n")


class Screen:
    """A stream that escapes what is written to it; None stands for one that was closed."""

    def __init__(self, stream: TextIO | None):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text escaped."""
        if self.stream is not None:
            self.stream.write(escaped(text))
        return len(text)

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self.stream is not None:
            self.stream.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self.stream is not None and self.stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def escaping() -> Iterator[None]:
    """Let standard output and standard error be screens."""
    with ExitStack() as stack:
        for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # what its encoding lacks
            stack.enter_context(redirect(cast(TextIO, Screen(stream))))
        yield


def hold_descriptors() -> None:
    """Open those of the standard streams that were closed on nothing.

    The next file would get their number, and with it whatever libraries print.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def let_go_of_output() -> None:
    """Let standard output end in nothing, so that its rest is not tried again when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console(**options: Any) -> "ForeignConsole":
    """Return a console on standard output."""
    from twotrack.shared.cli.foreign import ForeignConsole

    return ForeignConsole(highlight=False, markup=False, **options)
