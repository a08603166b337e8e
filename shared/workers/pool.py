"""Worker processes by track, for whoever needs several, or may be lent those of somebody else."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.workers.processes import OnProgress, Worker, ignore
from twotrack.shared.workers.task import Answer, Request, Task

Key = tuple[str | None, str, int]
"""Track (None: no framework), role, and on how many replicas it trains."""
Side = TypeVar("Side", bound=Hashable)
Result = TypeVar("Result")


class WorkerPool:
    """One worker per track and role, started when it is first needed; leaving the block ends all.

    `device` is auto, cpu or cuda; `threads` limits the threads of an operation, None for one per core; all workers
    keep the descriptors `inherited` open. With `one_per_track` a track has one worker, whatever its role: fewer
    processes, where it does not matter that one has done something else before. A worker without a track keeps its
    role, as it may have imported anything. `quick_to_compile` and `as_it_is` as for `worker_environment`.
    """

    def __init__(
        self,
        device: str = "auto",
        threads: int | None = None,
        inherited: Sequence[int] = (),
        one_per_track: bool = False,
        quick_to_compile: bool = False,
        as_it_is: bool = False,
    ):
        self._device, self._threads, self._inherited = device, threads, tuple(inherited)
        self._one_per_track, self._quick_to_compile, self._as_it_is = one_per_track, quick_to_compile, as_it_is
        self._running: dict[Key, Worker] = {}
        self._locks: defaultdict[Key, Lock] = defaultdict(Lock)
        self._stopped = False

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all workers, and with them what they hold in memory; the next call starts another one."""
        while self._running:
            self._running.popitem()[1].__exit__()

    def call(
        self,
        track: str | None,
        task: Task[Request, Answer],
        request: Request,
        on_progress: OnProgress = ignore,
        role: str = "",
        replicas: int = 1,
    ) -> Answer:
        """Do a task in the worker of a track, role and number of replicas; any thread may call, and waits for its turn.

        Raises as `Worker.call` does. A worker in which anything but a UserError was raised is gone before this
        returns, so that it writes nothing any more; the next call starts another one.
        """
        key = track, "" if track and self._one_per_track else role, replicas
        with self._locks[key]:
            worker = self._worker(key)
            try:
                return worker.call(task, request, on_progress)
            except UserError:
                raise
            except BaseException:  # Ctrl-C too: a worker in the midst of a task takes no other one
                self._running.pop(key, None)
                worker.__exit__()
                raise

    def _worker(self, key: Key) -> Worker:
        if self._stopped:
            raise WorkerDiedError("the workers were stopped.")
        if key not in self._running:
            own = key[0], self._device, self._threads, self._inherited, self._quick_to_compile, key[2], self._as_it_is
            self._running[key] = Worker(*own)
        return self._running[key]

    def each(
        self, sides: Sequence[Side], work: Callable[[Side], Result], at_once: int | None = None
    ) -> dict[Side, Result]:
        """Do `work`, which calls the pool, for every track, or side, in a thread of its own, `at_once` side by side.

        Raises the first error of the sides in their order; unless it is a UserError, all workers are killed, so that
        nothing waits for them: this is how Ctrl-C gets through.
        """
        with ThreadPoolExecutor(at_once or max(1, len(sides))) as threads:
            futures = {side: threads.submit(work, side) for side in sides}
            try:
                return {side: future.result() for side, future in futures.items()}
            except UserError:
                raise
            except BaseException:  # Ctrl-C too: what the others are at is in vain
                self._kill()
                threads.shutdown(cancel_futures=True)
                self.end()  # of those that were killed; the next call starts new ones
                raise
            finally:
                self._stopped = False

    def _kill(self) -> None:
        self._stopped = True
        for worker in list(self._running.values()):
            worker.kill()


@contextmanager
def lent_or_new(
    pool: WorkerPool | None,
    device: str = "auto",
    threads: int | None = None,
    inherited: Sequence[int] = (),
    quick_to_compile: bool = False,
) -> Iterator[WorkerPool]:
    """Yield the pool that was lent, which stays as it is, or a new one that ends with the block."""
    if pool is not None:
        yield pool
        return
    with WorkerPool(device, threads, inherited, quick_to_compile=quick_to_compile) as new:
        yield new
