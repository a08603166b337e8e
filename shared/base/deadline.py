"""A call that is given up after some seconds, whatever it waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` does, or raise what it raises; TimeoutError if that takes longer, and it goes on unheard.

    The time-outs of connections do not count the look-up of a host's name, which can take as long as it likes.
    """
    answer: Future[Result] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except Exception as error:  # handed on to who waits
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    if not wait([answer], seconds).done:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return answer.result()
