"""Walks: a training that goes from track to track in the middle of its epochs, against one that stays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.support.jobs import run as run_job
from tests.support.jobs import small_source
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.runs.training_state import STATE
from twotrack.shared.workers.pool import WorkerPool

TF, JAX, KERAS_TORCH, TORCH = "keras:tensorflow", "keras:jax", "keras:torch", "torch"
LIMIT = 1e-9
"""Of weights, losses and outputs in float64; relative to 1."""
FLOAT32_LIMIT = 2e-4
"""The same in float32, in which twelve steps of Adam enlarge rounding: 1.2e-5 was measured."""
ADAM = {"optimizer": "adam", "learning_rate": "0.01", "schedule": "warm_cosine", "average": "ema"}
SMALL: dict[str, dict[str, str]] = {
    "churn_mlp": {},
    "mnist_cnn": {"architecture": "bn_gap", "filters": "4"},
    "churn_lstm": {"hidden_size": "8", "num_layers": "1"},
    "churn_transformer": {"hidden_size": "8", "num_heads": "2", "ffn_size": "8"},
}
SHORT, LONG = (KERAS_TORCH, TORCH, KERAS_TORCH), (TF, JAX, KERAS_TORCH, TORCH, TF)
Train = Callable[..., Run]


def trainer(workers: WorkerPool, new_folder: Callable[[], Path], data: Path) -> Train:
    """Return what trains in a track's worker, two epochs of a few steps; of MNIST only the first digits."""

    def train(chapter: str, track: str, **changes: Any) -> Run:
        folder = new_folder() / "run"
        asked = {"settings": SMALL[chapter] | ADAM, "examples": 512, "epochs": 2, "device": "cpu", "exact": True}
        if "goes_on" in changes:
            asked = {"device": "cpu"}
        (job,) = plan(TrainingRequest(chapter, (track,), **asked | changes), lambda *_: folder)
        if chapter == "mnist_cnn":
            job = job.model_copy(update={"source": replace(small_source(data), name="tfds:small")})
        return run_job(workers, job)

    return train


def walked(train: Train, chapter: str, tracks: Sequence[str], steps: int, **asked: Any) -> Run:
    """Train on one track after the other; every change is in the middle of one of two epochs."""
    even = np.linspace(0, steps, len(tracks) + 1).astype(int).tolist()
    marks = [mark + (mark == steps // 2) for mark in even]
    run = train(chapter, tracks[0], stop_after=marks[1], **asked)
    for track, mark in zip(tracks[1:], marks[2:], strict=True):
        run = train(chapter, track, goes_on=run.folder, stop_after=None if mark == steps else mark)
    return run


def apart(one: Run, other: Run) -> float:
    """Return the largest difference of weights, losses, validation losses, outputs and of what is remembered."""
    return max(_apart(one, other))


def _apart(one: Run, other: Run) -> Iterator[float]:
    states = [load_file(run.folder / STATE) for run in (one, other)]
    yield _largest([np.array(run.history["loss"]) for run in (one, other)])
    yield _largest([np.array([epoch.validation_loss for epoch in run.record.epochs]) for run in (one, other)])
    yield _largest([one.logits, other.logits])
    for sides in ((one.weights, other.weights), states):
        assert sides[0].keys() == sides[1].keys()
        yield from (_largest([side[name] for side in sides]) for name in sides[0])


def _largest(sides: Sequence[np.ndarray]) -> float:
    return float(np.abs(sides[0] - sides[1]).max())


def require_one_training(walked: Run, whole: Run, limit: float) -> None:
    """Require that a walk is the training that stayed."""
    assert apart(walked, whole) <= limit
    assert walked.history["learning_rate"] == whole.history["learning_rate"]
    first, second = ((run.record.steps, run.record.batches, run.record.initial_weights) for run in (walked, whole))
    assert first == second
    assert [one.examples for one in walked.record.epochs] == [one.examples for one in whole.record.epochs]


def with_every_option(name: str) -> Mapping[str, str]:
    """Return settings for an optimizer by its name: a schedule, averages, an update of three batches."""
    own = {"dropout": "0", "optimizer": name, "schedule": "warm_cosine", "average": "ema"}
    return own if name == "sophia" else own | {"accumulate": "3"}  # which takes curvature of one batch
