"""The tracks' models as tests see them: from the process of the tests, which imports no framework."""

from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.support import model_tasks
from tests.support.cases import Case, random_weights
from tests.support.model_tasks import Described, Forward, OnTrack, Shaped, Training, Weighted
from twotrack.shared.spec.track import RunPrecision
from twotrack.shared.workers.pool import WorkerPool

Weights = Mapping[str, np.ndarray]


class Trained(NamedTuple):
    losses: list[float]
    weights: dict[str, np.ndarray]


class Models:
    """Builds a case's model in a track's worker and returns what it computes."""

    def __init__(self, workers: WorkerPool, folder: Path):
        self._workers, self._folder, self._numbers = workers, folder, count()

    @cache  # noqa: B019 - one object per session
    def describe(self, track: str, case: Case) -> Described:
        return self._workers.call(track, model_tasks.describe, _model(track, case))

    def shapes(self, case: Case) -> dict[str, tuple[int, ...]]:
        """Canonical names and shapes, as torch has them; a test holds every track to them."""
        return dict(self.describe("torch", case).shapes)

    def weights(self, case: Case) -> dict[str, np.ndarray]:
        """The weights that tests start from: neither 0 nor 1 anywhere."""
        return random_weights(self.shapes(case))

    def round_trip(self, track: str, case: Case, weights: Weights) -> dict[str, np.ndarray]:
        out = self._new()
        asked = Weighted(_model(track, case), self._write(weights), out)
        self._workers.call(track, model_tasks.round_trip, asked)
        return self._read(out)

    def refusal(self, track: str, case: Case, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
        return self._workers.call(track, model_tasks.refusal, Shaped(_model(track, case), dict(shapes)))

    def forward(self, track: str, case: Case, weights: Weights, count: int) -> np.ndarray:
        """Return the outputs on the first `count` validation examples."""
        out = self._new()
        asked = Forward(_model(track, case), self._write(weights), out, count)
        self._workers.call(track, model_tasks.forward, asked)
        return self._read(out)["outputs"]

    @cache  # noqa: B019 - one object per session
    def train(
        self,
        track: str,
        case: Case,
        learning_rates: tuple[float, ...],
        batch_size: int,
        epsilon: float = 1e-7,
        warm_up: bool = False,
        precision: RunPrecision = "float32",
    ) -> Trained:
        """Train from `weights(case)`, one step per learning rate, on successive validation batches."""
        out, start = self._new(), self._write(self.weights(case))
        asked = Training(_model(track, case), start, out, learning_rates, batch_size, epsilon, warm_up, precision)
        return Trained(self._workers.call(track, model_tasks.train, asked), self._read(out))

    def _new(self) -> Path:
        return self._folder / f"{next(self._numbers)}.npz"

    def _write(self, weights: Weights) -> Path:
        path = self._new()
        np.savez(path, **weights)
        return path

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        with np.load(path) as archive:
            return dict(archive)


def _model(track: str, case: Case) -> OnTrack:
    return OnTrack(track, case.chapter, dict(case.settings))
