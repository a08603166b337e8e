"""A worker process, python -m twotrack.shared.workers.worker CALLS ANSWERS: reads calls, answers them in turn.

Both are descriptors of pipes from and to the parent. Call and answers are those of shared/workers/messages.py. Only a
Task is done, whatever else a call may name.
Whatever a library, or a module of a user's own, prints goes to the log; standard input is empty.
When there are no more calls the parent is gone or has finished, and the worker ends, even inside a task.
"""

import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TextIO

from twotrack.shared.base import atomic, system
from twotrack.shared.base.memory import Imports
from twotrack.shared.errors import UserError
from twotrack.shared.workers import door
from twotrack.shared.workers.channel import WHERE_SIGNAL
from twotrack.shared.workers.messages import Answer, Call, Failure, Progress, Result, read_call, to_line
from twotrack.shared.workers.task import find

_GRACE_SECONDS = 2.0


def serve(calls: TextIO, answers: TextIO) -> None:
    """Do calls until there are no more."""
    imports, waiting = Imports(), queue.Queue[str | None]()
    busy = threading.Event()
    threading.Thread(target=_read, args=(calls, waiting, busy), daemon=True).start()
    while (line := waiting.get()) is not None:
        busy.set()
        imports.keep()
        _do(read_call(line), answers)
        busy.clear()


def _read(calls: TextIO, waiting: "queue.Queue[str | None]", busy: threading.Event) -> None:
    for line in calls:
        waiting.put(line)
    waiting.put(None)
    if busy.is_set():
        # Lets the task clear up. A signal wakes it from a sleep, too.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        threading.Event().wait(_GRACE_SECONDS)
        # What a library computes, or a destructor, is deaf to it.
        atomic.remove_unfinished()
        os._exit(1)


def _do(call: Call, answers: TextIO) -> None:
    def report(phase: str, figures: Mapping[str, Any] = MappingProxyType({}), /) -> None:
        _write(Progress(phase, dict(figures)), answers)

    try:
        task = find(call.module, call.name)
        try:
            result = task.answer.write(task(task.request.read(call.request), report))
        finally:
            door.narrow_again()
    except UserError as error:
        _write(Failure(str(error), of_user=True), answers)
    except Exception as error:  # whatever a task raises is told to who waits for its answer
        traceback.print_exc()
        _write(_failure(error), answers)
    else:
        _write(Result(result), answers)


def _failure(error: Exception) -> Failure:
    """Return an error as the parent is told it; what the system refuses is for the user to put right."""
    if system.is_refusal(error):
        return Failure(system.said(error), of_user=True)
    return Failure(f"{type(error).__name__}: {error}", of_user=False)


def _write(answer: Answer, answers: TextIO) -> None:
    answers.write(to_line(answer))
    answers.flush()


def main() -> None:
    """Serve on the two descriptors that the command line names, for whose use nobody else is."""
    # A shell tells its background jobs to ignore Ctrl-C; then nothing could interrupt a task.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    calls, answers = map(int, sys.argv[1:])
    for descriptor in (calls, answers):
        os.set_inheritable(descriptor, False)
    sys.stdout = sys.stderr
    faulthandler.register(WHERE_SIGNAL, all_threads=False)
    try:
        serve(os.fdopen(calls, encoding="ascii"), os.fdopen(answers, "w", encoding="ascii"))
    finally:
        # An interrupt may come while a block removes its folder after another error, as of a parent that is gone.
        atomic.remove_unfinished()
    # Every call was answered and its files are closed. Frameworks take seconds to tear down what they hold.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
