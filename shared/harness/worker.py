"""A worker process, python -m twotrack.shared.harness.worker: reads calls from stdin, answers them in turn on stdout.

A call is a line of JSON: {"task": "module:function", "arguments": {...}}. The function gets the
arguments and a `report(phase, figures)`. Each line of the answer is JSON too: any number of
{"event": "progress", ...}, then one {"event": "result", ...} or {"event": "error", ...}.
Whatever a library prints goes to stderr, which the parent keeps as the log.
When stdin closes the parent is gone or has finished, and the worker ends, even inside a task.
"""

import importlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from _thread import interrupt_main
from typing import TextIO

from twotrack.shared.errors import UserError

_GRACE_SECONDS = 5.0


def serve(calls: TextIO, answers: TextIO) -> None:
    """Do calls until there are no more."""
    waiting: queue.Queue[str | None] = queue.Queue()
    busy = threading.Event()
    threading.Thread(target=_read, args=(calls, waiting, busy), daemon=True).start()
    while (line := waiting.get()) is not None:
        busy.set()
        _do(json.loads(line), answers)
        busy.clear()


def _read(calls: TextIO, waiting: "queue.Queue[str | None]", busy: threading.Event) -> None:
    for line in calls:
        waiting.put(line)
    waiting.put(None)
    if busy.is_set():
        interrupt_main()  # lets the task remove its partial folder
        threading.Event().wait(_GRACE_SECONDS)
        os._exit(1)


def _do(call: dict, answers: TextIO) -> None:
    def answer(event: str, **content: object) -> None:
        answers.write(json.dumps({"event": event, **content}) + "\n")
        answers.flush()

    try:
        module, _, function = call["task"].partition(":")
        task = getattr(importlib.import_module(module), function)
        result = task(call["arguments"], lambda phase, figures: answer("progress", phase=phase, **figures))
    except UserError as error:
        answer("error", user=True, message=str(error))
    except Exception as error:
        traceback.print_exc()
        answer("error", user=False, message=f"{type(error).__name__}: {error}")
    else:
        answer("result", value=result)


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
