"""Errors that are part of the interface: what was expected, what was found, what to do."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class UserError(Exception):
    """The user can put this right. One clear message; the command exits with code 2."""


class WorkerDiedError(Exception):
    """A worker process ended without finishing its job. The command exits with code 1."""


def unknown(kind: str, found: str, known: Iterable[str], hint: str = "") -> UserError:
    """Return the error for a name that does not exist, with the nearest name that does."""
    known = sorted(known)
    near = get_close_matches(found.lower(), known, n=1, cutoff=0.75)
    guess = f"did you mean '{near[0]}'?" if near else f"expected one of: {', '.join(known)}."
    return UserError(f"unknown {kind} '{found}': {guess}{' ' + hint if hint else ''}")


@contextmanager
def as_user_error(what: str) -> Iterator[None]:
    """Report whatever the user's own code raises inside the block as a UserError that begins with `what`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        first_line = (str(error).strip().splitlines() or ["no message"])[0]
        raise UserError(f"{what}: {type(error).__name__}: {first_line}") from error
