"""Worker processes shared by a whole test session: one per track, started at first use."""

from contextlib import ExitStack
from typing import Any

from shared.harness.processes import Worker


class Workers:
    """Calls tasks in the worker of a track (None: a worker without a framework), on the CPU."""

    def __init__(self):
        self._running: dict[str | None, Worker] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(self, track: str | None, task: str, /, **arguments: Any) -> Any:
        if track not in self._running:
            self._running[track] = self._stack.enter_context(Worker(track, "cpu"))
        return self._running[track].call(task, arguments)
