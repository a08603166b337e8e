"""Worker tasks that ask a track about its model of a chapter. Arrays travel in .npz files."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.support.cases import real_batch
from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.datasets.batches import Batch
from twotrack.shared.spec.optimizers import Adam
from twotrack.shared.spec.track import RunPrecision, Track, TrackModel
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class OnTrack:
    """A chapter's model on a track."""

    track: str
    chapter: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Described:
    shapes: Shapes
    types: dict[str, str]
    trainable: list[str]


@dataclass(frozen=True)
class Shaped:
    """Weights of other shapes."""

    model: OnTrack
    shapes: Shapes


@dataclass(frozen=True)
class Weighted:
    """Weights for a model, and where its answer goes."""

    model: OnTrack
    weights: Path
    out: Path


@dataclass(frozen=True)
class Forward(Weighted):
    count: int
    """Of examples."""


@dataclass(frozen=True)
class Training(Weighted):
    learning_rates: tuple[float, ...]
    batch_size: int
    epsilon: float
    warm_up: bool
    precision: RunPrecision


@task
def describe(asked: OnTrack) -> Described:
    model = _build(asked)
    weights = model.weights()
    return Described(
        {name: array.shape for name, array in weights.items()},
        {name: str(array.dtype) for name, array in weights.items()},
        sorted(model.trainable_names()),
    )


@task
def round_trip(asked: Weighted) -> None:
    """Load weights and write what the model then says its weights are."""
    model = _build(asked.model)
    model.load_weights(_read(asked.weights))
    np.savez(asked.out, **model.weights())


@task
def refusal(asked: Shaped) -> str | None:
    """Return why weights of other names or shapes are refused; None if they are not."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in asked.shapes.items()}
    try:
        _build(asked.model).load_weights(weights)
    except BridgeError as error:
        return str(error)
    return None


@task
def forward(asked: Forward) -> None:
    model = _build(asked.model)
    model.load_weights(_read(asked.weights))
    inputs, _ = real_batch(asked.model.chapter, asked.count)
    np.savez(asked.out, outputs=model.predict(inputs))


@task
def train(asked: Training) -> list[float]:
    """Train one step per learning rate; return the losses and write the weights."""
    model, rates, size = _build(asked.model, asked.precision), asked.learning_rates, asked.batch_size
    batches = [_batch(asked.model.chapter, size, number) for number in range(len(rates))]
    model.load_weights(_read(asked.weights))
    model.compile(Adam(learning_rate=max(rates), epsilon=asked.epsilon), rates)
    if asked.warm_up:
        model.warm_up(batches[-1].inputs, batches[-1].targets)
    losses = [model.train_step(batch.inputs, batch.targets) for batch in batches]
    np.savez(asked.out, **model.weights())
    return losses


def _batch(chapter: str, size: int, number: int) -> Batch:
    inputs, labels = real_batch(chapter, size, number)
    return Batch(inputs, [labels])


@cache
def _track(name: str) -> Track:
    return open_track(name, "cpu")


def _build(asked: OnTrack, precision: RunPrecision = "float32") -> TrackModel:
    pair = whole_pair(chapters.get(asked.chapter).variant(settings=asked.settings))
    return _track(asked.track).build(pair, seed=3, precision=precision)


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return dict(archive)
