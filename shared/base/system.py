"""What the operating system refuses, as messages for who can put it right."""

import errno
from typing import TypeGuard

_REMEDIES = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EMFILE: "raise the limit with 'ulimit -n'",
    errno.ENFILE: "end other programs",
    errno.ENOMEM: "free memory",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def is_refusal(error: BaseException) -> TypeGuard[OSError | MemoryError]:
    """Tell whether the system refused something: memory, or a call with an error number."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)


def said(error: OSError | MemoryError) -> str:
    """Return an error of the system as a message."""
    if isinstance(error, MemoryError):
        return "the memory ran out; end other programs, or ask for less, and run the command again."
    where = f"'{error.filename}': " if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    return f"{where}{reason}; {_REMEDIES.get(error.errno or 0, 'put that right')} and run the command again."
