"""A data set and a chapter on it that twotrack does not have, and worker tasks that know both.

Two inputs of numbers without any preparation that a served graph knows.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from twotrack.shared import datasets
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.files import DataFile, Source, sha256_of
from twotrack.shared.datasets.spec import Dataset, Examples, Split
from twotrack.shared.export import workflow
from twotrack.shared.export.check import Compared
from twotrack.shared.export.workflow import Artifact
from twotrack.shared.runs import prediction, training
from twotrack.shared.runs.prediction import ExamplesRequest, Prediction
from twotrack.shared.runs.records import Job
from twotrack.shared.spec.inputs import Inputs
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant
from twotrack.shared.workers.task import Report, Task, task

SLUG, LEFT, RIGHT, SCALE = "sums", 4, 2, 10.0
CLASS_NAMES = ("small", "large")


@dataclass(frozen=True)
class Config:
    """Hyperparameters."""

    hidden_size: int = 5


def prepare(inputs: Inputs) -> dict[str, np.ndarray]:
    return {name: (values / SCALE).astype(np.float32) for name, values in inputs.items()}


def read(source: Source) -> Dataset:
    drawn = np.random.default_rng(0).normal(scale=SCALE, size=(3, 64, LEFT + RIGHT))
    splits = [
        Split({"left": rows[:, :LEFT], "right": rows[:, LEFT:]}, (rows.sum(axis=1) > 0).astype(np.int32))
        for rows in drawn
    ]
    return Dataset(SLUG, source.name, CLASS_NAMES, *splits, prepare)


def examples(given: Sequence[str]) -> Examples:
    """Return rows of numbers, separated by commas."""
    rows = np.array([text.split(",") for text in given], np.float64)
    return Examples(tuple(given), {"left": rows[:, :LEFT], "right": rows[:, LEFT:]})


DATASET = SimpleNamespace(
    EMBEDDED=DataFile(Path(__file__), sha256_of(Path(__file__)), "restore it"),
    ORIGIN="drawn",
    LICENCE="none",
    SOURCES=(),
    EXAMPLE="six numbers",
    read=read,
    examples=examples,
)
CHAPTER = Chapter(
    slug=SLUG,
    title="Sums",
    dataset=SLUG,
    config=Config(),
    recipes={"fast": Recipe(SGD(learning_rate=0.5), Constant(), batch_size=16, epochs=1)},
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    input_shape={"left": (LEFT,), "right": (RIGHT,)},
)


def _keras(config: Config) -> Any:
    import keras
    from keras import layers

    left, right = keras.Input((LEFT,), name="left"), keras.Input((RIGHT,), name="right")
    x = layers.Concatenate(name="both")([left, right])
    x = layers.Activation("tanh", name="act")(layers.Dense(config.hidden_size, name="hidden")(x))
    return keras.Model([left, right], layers.Dense(1, name="logits")(x))


def _torch(config: Config) -> Any:
    import torch
    from torch import nn

    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.act = nn.Linear(LEFT + RIGHT, config.hidden_size), nn.Tanh()
            self.logits = nn.Linear(config.hidden_size, 1)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return self.logits(self.act(self.hidden(torch.cat([left, right], dim=1))))

    return Sums()


MODULES: Mapping[str, Any] = {
    f"twotrack.keras_track.models.{SLUG}": SimpleNamespace(build=_keras),
    f"twotrack.torch_track.models.{SLUG}": SimpleNamespace(build=_torch),
}


@contextmanager
def registered() -> Iterator[None]:
    """Let both be known in this process, for a while."""
    datasets.DATASETS[SLUG], CHAPTERS[SLUG] = DATASET, CHAPTER
    sys.modules.update(MODULES)
    try:
        yield
    finally:
        del datasets.DATASETS[SLUG], CHAPTERS[SLUG]
        for name in MODULES:
            del sys.modules[name]


@task
def train(job: Job, report: Report) -> None:
    with registered():
        training.train(job, report)


@task
def write(artifact: Artifact, report: Report) -> None:
    with registered():
        workflow.write(artifact, report)


@task
def check(artifact: Artifact, report: Report) -> Compared:
    with registered():
        return workflow.check(artifact, report)


@task
def predict_examples(asked: ExamplesRequest, report: Report) -> list[Prediction]:
    with registered():
        return prediction.predict_examples(asked, report)


TASKS: Mapping[str, Task] = {one.name: one for one in (train, write, check, predict_examples)}
"""In place of twotrack's own of the same name."""
