"""Runs as TensorBoard event files, written while they train: the same tags from every track, so that curves overlay.

Written in the parent from what the workers report, with the `tensorboard` package alone: its record writer needs
no TensorFlow, and a worker of one framework imports none of another.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.errors import UserError
from twotrack.shared.runs.comparison import OnJob, run_name
from twotrack.shared.runs.records import Job
from twotrack.shared.workers.messages import Progress

TRAIN_LOSS, LEARNING_RATE, VALIDATION_LOSS = "loss/train", "learning_rate", "loss/validation"
PREFIX = "events.out.tfevents."
"""TensorBoard finds its files by this name."""


def metric_tag(metric: str) -> str:
    """Return the tag of the chapter's metric on the validation split."""
    return f"{metric}/validation"


def require_installed() -> None:
    """Raise UserError unless event files can be written."""
    if find_spec("tensorboard") is None:
        raise UserError(
            "--tensorboard needs the package tensorboard, not installed here; "
            "run: pip install -c constraints.txt -e '.[tensorboard]'"
        )


@contextmanager
def event_files(folder: Path) -> Iterator[OnJob]:
    """Yield a listener for `run_jobs` that writes each run's curves into a sub-folder of its own."""
    with ExitStack() as stack:
        yield _Listener(folder, stack).hear


class _Listener:
    """Turns reports of progress into scalars; x is the number of training steps, for every tag."""

    def __init__(self, folder: Path, stack: ExitStack):
        self._folder, self._stack = folder, stack
        self._open: dict[Path, EventFile] = {}
        self._steps: dict[Path, int] = {}

    def hear(self, job: Job, progress: Progress) -> None:
        """Write what the report holds, if anything."""
        figures = progress.figures
        if progress.phase == "training":
            self._write_steps(job, figures)
        elif progress.phase == "epoch":
            scalars = {
                VALIDATION_LOSS: figures["validation_loss"],
                metric_tag(chapters.get(job.chapter).metric): figures["validation_metric"],
            }
            self._file(job).write(self._steps[job.folder], scalars)

    def _write_steps(self, job: Job, figures: Mapping[str, Any]) -> None:
        file, losses, rates = self._file(job), figures["losses"], figures["learning_rates"]
        self._steps[job.folder] = figures["step"]
        first = figures["step"] - len(losses) + 1
        for step, (loss, rate) in enumerate(zip(losses, rates, strict=True), start=first):
            file.write(step, {TRAIN_LOSS: loss, LEARNING_RATE: rate})

    def _file(self, job: Job) -> "EventFile":
        if job.folder not in self._open:
            folder = self._folder / run_name(job.track, job.seed)
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob(f"{PREFIX}*"):
                old.unlink()  # of the same run, interrupted: two files of one run would be drawn as one zigzag
            self._open[job.folder] = self._stack.enter_context(EventFile(folder))
        return self._open[job.folder]


class EventFile:
    """One file of scalars, in TensorBoard's format."""

    def __init__(self, folder: Path):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = Event, Summary
        # Unbuffered: TensorBoard reads the file while it grows.
        self._records = RecordWriter((folder / f"{PREFIX}{int(time.time())}.twotrack").open("wb", buffering=0))
        self._put(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._records.close()

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append the values by tag."""
        values = [self._summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._put(self._event(wall_time=time.time(), step=step, summary=self._summary(value=values)))

    def _put(self, event: Any) -> None:
        self._records.write(event.SerializeToString())
