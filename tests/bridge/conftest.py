"""One worker process per track for all tests of the bridge; pytest's own process imports no framework."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.harness.processes import Worker


class Workers:
    """Calls tasks in the worker of a track, started at first use."""

    def __init__(self):
        self._running: dict[str, Worker] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(self, track: str, task: str, /, **arguments: Any) -> Any:
        if track not in self._running:
            self._running[track] = self._stack.enter_context(Worker(track, "cpu"))
        return self._running[track].call(task, arguments)


@pytest.fixture(scope="session", autouse=True)
def _tree_under_test() -> Iterator[None]:
    """Let workers import the packages, and the tests' own tasks, from this tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with Workers() as workers:
        yield workers
