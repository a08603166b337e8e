"""A worker process, python -m twotrack.shared.workers.worker: reads calls from stdin, answers them in turn on stdout.

Call and answers are those of shared/workers/messages.py. Only a Task is done, whatever else a call may name.
Whatever a library prints goes to stderr, which the parent keeps as the log.
When stdin closes the parent is gone or has finished, and the worker ends, even inside a task.
"""

import os
import queue
import signal
import sys
import threading
import traceback
from _thread import interrupt_main
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TextIO

from twotrack.shared.base.memory import Imports
from twotrack.shared.errors import UserError
from twotrack.shared.workers import door
from twotrack.shared.workers.messages import Answer, Call, Failure, Progress, Result, read_call, to_line
from twotrack.shared.workers.task import find

_GRACE_SECONDS = 5.0


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
        interrupt_main()  # lets the task remove its partial folder
        threading.Event().wait(_GRACE_SECONDS)
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
    except Exception as error:
        traceback.print_exc()
        _write(Failure(f"{type(error).__name__}: {error}", of_user=False), answers)
    else:
        _write(Result(result), answers)


def _write(answer: Answer, answers: TextIO) -> None:
    answers.write(to_line(answer))
    answers.flush()


def main() -> None:
    """Keep stdout for answers alone and serve."""
    # A shell tells its background jobs to ignore Ctrl-C; then nothing could interrupt a task.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve(sys.stdin, answers)
    # Every call was answered and its files are closed. Frameworks take seconds to tear down what they hold.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
