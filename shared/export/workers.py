"""Worker processes of an export: one writes, another, which has never seen the model, reloads."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from shared.harness.processes import Worker


class Workers:
    """One worker per track and purpose, started when it is first needed; leaving the block stops all."""

    def __init__(self):
        self._running: dict[tuple[str, str | None], Worker] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(self, purpose: str, track: str | None, task: str, arguments: Mapping[str, Any]) -> Any:
        """Do a task in the worker of this purpose and track."""
        if (purpose, track) not in self._running:
            self._running[purpose, track] = self._stack.enter_context(Worker(track, "cpu"))
        return self._running[purpose, track].call(task, arguments)
