"""A call that is given up after some seconds, whatever it waits for."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` does, or raise what it raises; TimeoutError if that takes longer, and it goes on unheard.

    The time-outs of connections do not count the look-up of a host's name, which can take as long as it likes.
    """
    found: queue.Queue[tuple[Result | None, Exception | None]] = queue.Queue()

    def work() -> None:
        try:
            found.put((call(), None))
        except Exception as error:
            found.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result
