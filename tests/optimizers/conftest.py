"""One worker per track for the session, started at first use: frameworks stay out of pytest's process."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from shared.harness.processes import Worker


class Workers:
    def __init__(self, stack: ExitStack):
        self._stack, self._running = stack, {}

    def call(self, track: str, task: str, /, **arguments: Any) -> Any:
        if track not in self._running:
            self._running[track] = self._stack.enter_context(Worker(track, "cpu"))
        return self._running[track].call(task, arguments)


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(stack)
