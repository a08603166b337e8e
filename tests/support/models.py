"""The tracks' models as tests see them: from the process of the tests, which imports no framework."""

from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.support.cases import Case, random_weights
from tests.support.workers import Workers

Weights = Mapping[str, np.ndarray]


class Trained(NamedTuple):
    losses: list[float]
    weights: dict[str, np.ndarray]


class Models:
    """Builds a case's model in a track's worker and returns what it computes."""

    def __init__(self, workers: Workers, folder: Path):
        self._workers, self._folder, self._numbers = workers, folder, count()

    @cache  # noqa: B019 - one object per session
    def describe(self, track: str, case: Case) -> dict[str, Any]:
        return self._call(track, case, "describe")

    def shapes(self, case: Case) -> dict[str, tuple[int, ...]]:
        """Canonical names and shapes, as torch has them; a test holds every track to them."""
        return {name: tuple(shape) for name, shape in self.describe("torch", case)["shapes"].items()}

    def weights(self, case: Case) -> dict[str, np.ndarray]:
        """The weights that tests start from: neither 0 nor 1 anywhere."""
        return random_weights(self.shapes(case))

    def round_trip(self, track: str, case: Case, weights: Weights) -> dict[str, np.ndarray]:
        out = self._new()
        self._call(track, case, "round_trip", weights=self._write(weights), out=out)
        return self._read(out)

    def refusal(self, track: str, case: Case, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
        return self._call(track, case, "refusal", shapes=dict(shapes))

    def forward(self, track: str, case: Case, weights: Weights, count: int) -> np.ndarray:
        """Return the outputs on the first `count` validation examples."""
        out = self._new()
        self._call(track, case, "forward", weights=self._write(weights), count=count, out=out)
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
    ) -> Trained:
        """Train from `weights(case)`, one step per learning rate, on successive validation batches."""
        out, start = self._new(), self._write(self.weights(case))
        answer = self._call(
            track,
            case,
            "train",
            weights=start,
            learning_rates=learning_rates,
            batch_size=batch_size,
            epsilon=epsilon,
            warm_up=warm_up,
            out=out,
        )
        return Trained(answer["losses"], self._read(out))

    def _call(self, track: str, case: Case, task: str, /, **arguments: Any) -> Any:
        arguments |= {"track": track, "chapter": case.chapter, "settings": dict(case.settings)}
        return self._workers.call(track, f"tests.support.model_tasks:{task}", **arguments)

    def _new(self) -> str:
        return str(self._folder / f"{next(self._numbers)}.npz")

    def _write(self, weights: Weights) -> str:
        path = self._new()
        np.savez(path, **weights)
        return path

    def _read(self, path: str) -> dict[str, np.ndarray]:
        with np.load(path) as archive:
            return dict(archive)
