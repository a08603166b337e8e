"""Errors that are part of the interface: what was expected, what was found, what to do."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

LONGEST = 60
"""Characters of a value that a message shows."""
_LONGEST_LINE = 2000
"""Characters of another error's message."""


class UserError(Exception):
    """The user can put this right. One clear message; the command exits with code 2."""


class WorkerDiedError(Exception):
    """A worker process ended without finishing its job. The command exits with code 1."""


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UserError:
    """Return the error for a name that does not exist, with the nearest name that does."""
    known = sorted(known)
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    guess = f"did you mean '{near[0]}'?" if near else f"expected one of: {', '.join(known)}."
    return UserError(f"unknown {kind} '{name}': {guess}{' ' + hint if hint else ''}")


UserError.__module__ = WorkerDiedError.__module__ = "twotrack"
"""Where users find them, and what a traceback shows."""


@dataclass(frozen=True)
class Invalid:
    """The first thing that a pydantic model refuses."""

    where: str
    """Names and positions, joined by dots; empty for the whole."""
    expected: str
    value: str
    """What was found, as Python writes it, shortened; empty if there is none, or if it is the whole."""

    def __str__(self) -> str:
        place = f"'{self.where}': " if self.where else ""
        return f"{place}{self.expected}{', found ' if self.value else ''}{self.value}"


def first_error(error: "ValidationError") -> Invalid:
    """Return where the error's first problem is, what was expected there and what was found."""
    first = error.errors(include_url=False)[0]
    where, given = ".".join(map(str, first["loc"])), first["input"]
    own = first["type"] == "value_error"
    message = first["msg"].removeprefix("Value error, ") if own else first["msg"][0].lower() + first["msg"][1:]
    shown = first["type"] != "missing" and (where or isinstance(given, str | int | float))
    return Invalid(where, message, repr(str(given)[:LONGEST]) if shown else "")


@contextmanager
def as_user_error(what: str) -> Iterator[None]:
    """Report whatever the user's own code raises inside the block as a UserError that begins with `what`."""
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a module may call sys.exit
        raise UserError(f"{what}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return the error's class and the first line of its message, cut where it is endless."""
    try:
        first_line = (str(error).strip().splitlines() or ["no message"])[0]
    except Exception:  # of a class of the user's own
        first_line = "a message that cannot be read"
    return f"{type(error).__name__}: {first_line[:_LONGEST_LINE]}"
