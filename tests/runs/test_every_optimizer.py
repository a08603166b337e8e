"""With every optimizer, k steps on one track and the rest on others are all steps on any of them.

`python -m tests.runs.test_every_optimizer` prints the table of the guide.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.runs.walks import (
    FLOAT32_LIMIT,
    KERAS_TORCH,
    LIMIT,
    LONG,
    TORCH,
    Train,
    apart,
    require_one_training,
    trainer,
    walked,
    with_every_option,
)
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.optimizers import OPTIMIZERS
from twotrack.shared.workers.pool import WorkerPool

CHAPTER = "churn_mlp"
LIMITS = {"float64": LIMIT, "float32": FLOAT32_LIMIT}
STAYED = KERAS_TORCH, TORCH
"""One training on each of them is what a walk over all tracks is held against."""
CASES = [
    pytest.param(
        name, precision, marks=() if precision == "float64" or name == "rmsprop_centered" else pytest.mark.slow
    )
    for name in OPTIMIZERS
    for precision in LIMITS
]


@pytest.fixture(scope="module")
def train(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train in the track's shared worker."""
    return trainer(workers, lambda: tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("data"))


def _walk(train: Train, name: str, precision: str, tracks: Sequence[str]) -> tuple[Run, list[Run]]:
    """Return the run that walked over tracks, and those that stayed on one."""
    asked = {"settings": with_every_option(name), "exact": precision == "float64"}
    stayed = [train(CHAPTER, track, **asked) for track in STAYED]
    return walked(train, CHAPTER, tracks, stayed[0].record.steps, **asked), stayed


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_two_tracks_train_as_either_does(name: str, precision: str, train: Train):
    """A schedule, averages, updates of three batches; the change is within an update."""
    asked = {"settings": with_every_option(name), "exact": precision == "float64", "examples": 192}
    whole = train(CHAPTER, TORCH, **asked)

    done = walked(train, CHAPTER, (KERAS_TORCH, TORCH), whole.record.steps, **asked)

    require_one_training(done, whole, LIMITS[precision])
    assert {array.dtype for array in done.weights.values()} == {np.dtype(precision)}


@pytest.mark.slow
@pytest.mark.parametrize("precision", LIMITS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_walk_over_all_tracks_trains_as_those_that_stay(name: str, precision: str, train: Train):
    done, stayed = _walk(train, name, precision, LONG)

    assert max(apart(done, whole) for whole in stayed) <= LIMITS[precision]
    for whole in stayed:
        require_one_training(done, whole, LIMITS[precision])


# === The table ===


@dataclass(frozen=True)
class Line:
    """What one optimizer came to: by precision, the largest difference from a run that stayed on a track."""

    name: str
    sizes: dict[str, float]


def _table(names: Sequence[str]) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder, WorkerPool("cpu") as workers:
        train = trainer(workers, lambda: Path(tempfile.mkdtemp(dir=folder)), Path(folder))
        for name in names:
            sizes = {}
            for precision in LIMITS:
                done, stayed = _walk(train, name, precision, LONG)
                sizes[precision] = max(apart(done, whole) for whole in stayed)
            yield Line(name, sizes)


def main() -> None:
    """Print a line for every optimizer, or for those named."""
    print(f"{CHAPTER}, {' -> '.join(LONG)}, against {' and '.join(STAYED)}")
    for line in _table(sys.argv[1:] or list(OPTIMIZERS)):
        print(f"| {line.name} | {' | '.join(f'{size:.1e}' for size in line.sizes.values())} |", flush=True)


if __name__ == "__main__":
    main()
