"""Pools of workers for tests of who asks them for what."""

from collections.abc import Callable
from typing import NoReturn

from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.processes import OnProgress, ignore
from twotrack.shared.workers.task import Answer, Request, Task


class Unused(WorkerPool):
    """Nothing may call it."""

    def call(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("a worker was asked")


class Watched(WorkerPool):
    """Lets another pool do every task, and says before in which role."""

    def __init__(self, pool: WorkerPool, watch: Callable[[str], object]):
        super().__init__()
        self._pool, self._watch = pool, watch

    def call(
        self,
        track: str | None,
        task: Task[Request, Answer],
        request: Request,
        on_progress: OnProgress = ignore,
        role: str = "",
        replicas: int = 1,
    ) -> Answer:
        self._watch(role)
        return self._pool.call(track, task, request, on_progress, role, replicas)
