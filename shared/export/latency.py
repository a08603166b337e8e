"""How long one model takes to answer in each runtime, all on the same inputs in the same run.

Every runtime has a process of its own. They take turns, round by round, so that a slow minute of the machine falls
on all of them, and while one is timed the others wait.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import ValidationError

from twotrack.shared.base import atomic, ordinary
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.export import timing
from twotrack.shared.export.check import Compared
from twotrack.shared.export.formats import TIMED, Format
from twotrack.shared.export.timing import Opened
from twotrack.shared.export.workflow import WRITE, Artifact, OnStep, require_installed, require_same, size_of, write
from twotrack.shared.runs.run_folder import Run, read, unwritable
from twotrack.shared.workers.environment import available_cores, environment
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

FILE = "latency.json"
"""In the run folder, where the report finds it."""
ROUNDS = 5


class Calls(FrozenRecord):
    """All timed calls of a runtime at one batch size."""

    batch_size: int
    calls: int
    p50: float
    """Seconds that half of the calls took at most."""
    p99: float
    examples_per_second: float
    """Over all calls."""


class Runtime(FrozenRecord):
    """One runtime's figures."""

    name: str
    size: int
    """Bytes of the artifact that it loads."""
    load: float
    """Seconds."""
    first_call: float
    """Seconds of the first answer, at batch size 1."""
    difference: float
    """The largest of a probability from the run's stored predictions."""
    calls: list[Calls]


class Latency(FrozenRecord):
    """latency.json."""

    finished: str
    """UTC, ISO 8601."""
    rounds: int
    threads: int
    """Of an operation, in every runtime."""
    warm_up: int
    """Calls per batch size that do not count."""
    runtimes: list[Runtime]
    environment: dict[str, Any]


def measure(
    folder: Path, threads: int | None = None, on_step: OnStep = lambda _: None, pool: WorkerPool | None = None
) -> Latency:
    """Measure the run's model in every runtime, and leave the figures in the run folder.

    An operation gets so many threads, or one per core. Raises UserError if there are not so many cores, if something
    is not installed, or if a runtime does not say what the run said.
    """
    run, cores = read(folder), available_cores()
    if threads is not None and not 1 <= threads <= cores:
        raise UserError(f"--threads: expected 1 to {cores}, as many as there are cores, found {threads}.")
    for form in TIMED.values():
        require_installed(form, run.record.job)
    with TemporaryDirectory() as work_folder:
        artifacts = _write(run, Path(work_folder), on_step, pool)
        with lent_or_new(pool, "cpu", threads) as workers:
            opened = {name: _open(run, TIMED[name], path, workers, on_step) for name, path in artifacts.items()}
            rounds = [_round(number, workers, on_step) for number in range(ROUNDS)]
        latency = Latency(
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            rounds=ROUNDS,
            threads=threads or cores,
            warm_up=timing.WARM_UP,
            runtimes=[
                _runtime(form, size_of(artifacts[name]), opened[name], [seconds[name] for seconds in rounds])
                for name, form in TIMED.items()
            ],
            environment=environment(),
        )
    _store(folder, latency)
    return latency


def _write(run: Run, folder: Path, on_step: OnStep, pool: WorkerPool | None) -> dict[str, Path]:
    """Write every artifact, in workers that are gone before anything is timed."""
    artifacts = {name: folder / f"{name}{form.suffix}" for name, form in TIMED.items()}
    with lent_or_new(pool, "cpu") as workers:
        for name, path in artifacts.items():
            on_step(f"writing for {TIMED[name].runtime}")
            workers.call(TIMED[name].track, write, Artifact(run.folder, name, path), role=WRITE)
    return artifacts


def _open(run: Run, form: Format, path: Path, workers: WorkerPool, on_step: OnStep) -> Opened:
    on_step(f"opening {form.runtime}")
    artifact = Artifact(run.folder, form.name, path, form.reload_on)
    opened = workers.call(form.reload_on, timing.open_and_warm_up, artifact, role=form.name)
    require_same(form.name, Compared(differences=opened.differences))
    return opened


def _round(number: int, workers: WorkerPool, on_step: OnStep) -> dict[str, dict[int, list[float]]]:
    """Let every runtime answer for a while; each round begins with another one."""
    on_step(f"round {number + 1} of {ROUNDS}")
    order = list(TIMED.values())
    order = order[number % len(order) :] + order[: number % len(order)]
    return {form.name: workers.call(form.reload_on, timing.time_round, form.name, role=form.name) for form in order}


def _runtime(form: Format, size: int, opened: Opened, rounds: Sequence[Mapping[int, list[float]]]) -> Runtime:
    return Runtime(
        name=form.runtime,
        size=size,
        load=opened.load,
        first_call=opened.first_call,
        difference=max(opened.differences.values()),
        calls=[
            _calls(batch_size, np.concatenate([seconds[batch_size] for seconds in rounds]))
            for batch_size in timing.BATCH_SIZES
        ],
    )


def _calls(batch_size: int, seconds: np.ndarray) -> Calls:
    return Calls(
        batch_size=batch_size,
        calls=len(seconds),
        p50=float(np.percentile(seconds, 50)),
        p99=float(np.percentile(seconds, 99)),
        examples_per_second=batch_size * len(seconds) / float(seconds.sum()),
    )


def _store(folder: Path, latency: Latency) -> None:
    try:
        atomic.write(folder / FILE, latency.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise unwritable(folder, error) from error


def stored(run: Run) -> Latency | None:
    """Return what was measured of the run, if anything; UserError if the file is damaged."""
    file = run.folder / FILE
    if not file.exists():
        return None
    try:
        return Latency.model_validate_json(ordinary.text_of(file))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UserError(f"'{file}' is damaged; make it again with 'twotrack latency {run.folder}'.") from error
