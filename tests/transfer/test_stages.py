"""Stages of a recipe: first the head on features, then more of the model, with models made of NumPy."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from tests.transfer.test_transfer import transfer
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.runs.fitting import Stopwatch, silent
from twotrack.shared.runs.stages import Fit
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.optimizers import SGD, Optimizer
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant
from twotrack.shared.spec.track import TrackModel

TRAIN, VALIDATION, BATCH_SIZE = 10, 6, 4
WEIGHTS = {"base.block2.kernel": np.ones((2, 2), np.float32), "head.logits.kernel": np.ones((2, 1), np.float32)}


class Part(FakeModel):
    """Logs what is asked of it."""

    def __init__(self, name: str, log: list):
        super().__init__()
        self.name, self.log = name, log

    def weights(self) -> dict[str, np.ndarray]:
        return dict(WEIGHTS)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in WEIGHTS.items()}

    def freeze(self, trainable: Set[str]) -> None:
        self.log.append(("freeze", sorted(trainable)))

    def features(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        self.log.append(("features", len(inputs[ONLY])))
        return 10 * inputs[ONLY]

    def head(self) -> TrackModel:
        return Part("head", self.log)

    def compile(self, optimizer: Optimizer, learning_rates: Sequence[float]) -> None:
        self.log.append(("compile", self.name, list(learning_rates)))

    def warm_up(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> None:
        pass

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        self.log.append(("train", self.name, float(np.max(inputs[ONLY]))))
        return 1.0

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [np.zeros((len(inputs[ONLY]), 1), np.float32)]


@pytest.fixture
def fit() -> tuple[Fit, list]:
    log: list = []
    splits = [
        Split({ONLY: np.ones((count, 2), np.float32)}, np.arange(count, dtype=np.int32) % 2)
        for count in (TRAIN, VALIDATION, 2)
    ]
    dataset = Dataset("made", "embedded", ("a", "b"), *splits, prepare=lambda inputs: inputs)
    first = Recipe(SGD(0.5), Constant(), BATCH_SIZE, epochs=2, trained="head")
    recipe = Recipe(SGD(0.25), Constant(), 5, epochs=1, trained="last_block", head_first=first)
    chapter = replace(
        CHAPTERS["review_bert"],
        transfer=transfer(weights=lambda config: {}),
        recipes={"fast": recipe},
        prepare=None,
        predict_batch=4,
    )
    return Fit(Part("whole", log), dataset, chapter.variant(), 0, Stopwatch(), silent), log


def test_the_head_is_trained_first_on_features_that_are_computed_once(fit):
    fitting, log = fit

    fitting.run()

    expected = [
        ("freeze", ["head.logits.kernel"]),
        *[("features", count) for count in (4, 4, 2, 4, 2)],
        ("compile", "head", [0.5] * 4),
        *[("train", "head", 10.0)] * 4,
        ("freeze", ["base.block2.kernel", "head.logits.kernel"]),
        ("compile", "whole", [0.25] * 2),
        *[("train", "whole", 1.0)] * 2,
    ]
    assert log == expected


def test_the_record_tells_the_stages_apart_and_counts_on(fit):
    fitting, _ = fit

    fitting.run()

    progress = fitting.progress
    assert [(one.epoch, one.trained, one.examples) for one in progress.epochs] == [
        (1, "head", 8),
        (2, "head", 8),
        (3, "last_block", 10),
    ]
    assert progress.history == {"loss": [1.0] * 6, "learning_rate": [0.5] * 4 + [0.25] * 2}
    assert progress.steps == 6
