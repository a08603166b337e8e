"""Worker processes shared by a whole test session: one per track, started at first use."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from twotrack.shared.harness.processes import Worker

_start, _stop = Worker.__init__, Worker.__exit__


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
        return self.of(track).call(task, arguments)

    def of(self, track: str | None) -> Worker:
        """Return the worker of a track, started if it was not."""
        if track not in self._running:
            worker = object.__new__(Worker)
            _start(worker, track, "cpu")
            self._stack.callback(_stop, worker, None, None, None)
            self._running[track] = worker
        return self._running[track]

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let commands in this process take the session's workers where they start their own, so as to import less."""

        def borrow(worker: Worker, track: str | None, *_: object, **__: object) -> None:
            worker.__dict__.update(self.of(track).__dict__)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "__init__", borrow)
            patch.setattr(Worker, "__exit__", lambda *_: None)
            yield
