"""Worker processes of an export: one writes, another, which has never seen the model, reloads."""

from collections.abc import Mapping
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.harness.processes import Worker


class Workers:
    """One worker per track and purpose, started when it is first needed; leaving the block stops all.

    `threads` limits the threads of an operation; None for one per core.
    """

    def __init__(self, threads: int | None = None):
        self._threads = threads
        self._running: dict[tuple[str, str | None], Worker] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        while self._running:
            self._running.popitem()[1].__exit__()

    def call(self, purpose: str, track: str | None, task: str, arguments: Mapping[str, Any]) -> Any:
        """Do a task in the worker of this purpose and track; one that has failed is replaced at the next call.

        If the call is interrupted, by Ctrl-C say, the worker is gone before this returns: it writes nothing any more.
        """
        key = purpose, track
        if key not in self._running:
            self._running[key] = Worker(track, "cpu", self._threads)
        try:
            return self._running[key].call(task, arguments)
        except UserError:
            raise
        except BaseException:
            worker = self._running.pop(key)
            worker.kill()
            worker.__exit__()
            raise
