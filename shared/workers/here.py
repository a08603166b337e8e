"""This process in the place of some tracks' workers, for what no other process can import: a model that is there."""

import gc
import random
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from types import MappingProxyType
from typing import Any

from twotrack.shared.errors import UserError, WorkerDiedError, one_line
from twotrack.shared.workers import door
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import Result, Side, WorkerPool
from twotrack.shared.workers.processes import OnProgress, ignore
from twotrack.shared.workers.task import Answer, Request, Task

_ONE_AT_A_TIME = Lock()
"""What a track sets, such as the precision, holds for the whole process."""


class PoolPartlyHere(WorkerPool):
    """Another pool's workers, but that the tasks of the tracks `here` are done in this process, one at a time.

    After each task the process is as it was: what its user set in the frameworks, and every random state.
    """

    def __init__(self, pool: WorkerPool, here: Collection[str]):
        super().__init__()
        self._others, self._here = pool, frozenset(here)

    def end(self) -> None:
        """Leave the other pool's workers to whoever lent them."""

    def call(
        self,
        track: str | None,
        task: Task[Request, Answer],
        request: Request,
        on_progress: OnProgress = ignore,
        role: str = "",
        replicas: int = 1,
    ) -> Answer:
        """Do a task here, or in the worker of a track and role; raises as `WorkerPool.call` does."""
        if track not in self._here or replicas > 1:
            return self._others.call(track, task, request, on_progress, role, replicas)
        with _ONE_AT_A_TIME, process_as_it_was():
            try:
                return task(request, self._reporting(on_progress))
            except (UserError, WorkerDiedError):
                raise
            except Exception as error:  # whatever a task raises: in a worker it would end the task alone
                raise WorkerDiedError(f"{track}, in this process, failed: {one_line(error)}") from error

    def each(
        self, sides: Sequence[Side], work: Callable[[Side], Result], at_once: int | None = None
    ) -> dict[Side, Result]:
        """Do `work` as `WorkerPool.each`; an interruption ends what is done here when it next says how far it is."""
        return self._others.each(sides, work, at_once)

    def _reporting(self, on_progress: OnProgress) -> Callable[..., None]:
        def report(phase: str, figures: Mapping[str, Any] = MappingProxyType({}), /) -> None:
            if self._others._stopped:
                raise WorkerDiedError("the workers were stopped.")
            on_progress(Progress(phase, dict(figures)))

        return report


@contextmanager
def process_as_it_was() -> Iterator[None]:
    """Put back, at the end of the block, what a track changes for the whole process: settings and random states.

    Warnings inside it are not shown, as a worker's are not, and are no errors where the user's own shall be. Garbage,
    which Keras looks for before every model, is looked for among what the block makes: not in all that the process has.
    """
    import numpy as np

    states, frozen = (random.getstate(), np.random.get_state()), gc.get_freeze_count()
    if not frozen:
        gc.freeze()
    try:
        with door.frameworks_as_they_were(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if not frozen:
            gc.unfreeze()
