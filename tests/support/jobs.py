"""Jobs as the command line plans them, but small: an epoch of 4 steps on the first digits of every split."""

from functools import cache
from pathlib import Path
from typing import Any

from twotrack.shared.datasets import Source
from twotrack.shared.datasets.files import DataFile, write_arrays
from twotrack.shared.datasets.mnist import EMBEDDED
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_jobs
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.workers.pool import WorkerPool

EXAMPLES, BATCH_SIZE = 128, 32
STORED = {"train": 600, "test": 500}
"""Images in the small data file; 50 of the training images are the validation split."""


@cache
def small_source(folder: Path) -> Source:
    """Write MNIST's first images to a file in `folder`, so that predicting them takes no time."""
    arrays = {name: array[: STORED[name.split("_")[0]]] for name, array in EMBEDDED.arrays().items()}
    path = folder / "small_mnist.npz"
    return Source("embedded", DataFile(path, write_arrays(path, arrays), "run the tests again"))


def make_job(folder: Path, track: str, seed: int = 0, **changes: Any) -> Job:
    """Return the job of one short run of the fast recipe, a whole epoch unless told otherwise, on the CPU."""
    small = {"examples": EXAMPLES, "epochs": 1, "device": "cpu"}
    request = TrainingRequest("mnist_cnn", (track,), (seed,), **small | changes)
    (job,) = plan(request, lambda *_: folder)
    return job.model_copy(update={"source": small_source(folder.parent)})


def train(workers: WorkerPool, folder: Path, track: str, seed: int = 0, **changes: Any) -> Run:
    """Do such a run in the track's shared worker and read it."""
    return run(workers, make_job(folder, track, seed, **changes))


def run(workers: WorkerPool, job: Job) -> Run:
    """Do a job in its track's shared worker and read it."""
    outcome = run_jobs([job], pool=workers)
    assert outcome.failures == []
    return read(job.folder)
