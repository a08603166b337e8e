"""The one training loop, with a track made of NumPy and a clock that only the track's work moves."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.fake_model import FakeModel, FakeTrack
from tests.support.jobs import BATCH_SIZE, EXAMPLES, make_job
from twotrack.shared.datasets.mnist import EMBEDDED
from twotrack.shared.runs import fitting, training
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.state import OptimizerState
from twotrack.shared.spec.track import Precision, TrackModel

SECONDS = {"build": 1e5, "warm_up": 1e4, "train_step": 1.0, "predict": 100.0}
STEPS = EXAMPLES // BATCH_SIZE
VALIDATION, TEST = [("predict", 50)], [("predict", 250)] * 2


class Clock:
    def __init__(self):
        self.now = 0.0
        self.log: list[tuple[str, int]] = []

    def work(self, what: str, size: int = 0) -> None:
        self.now += SECONDS.get(what, 0.0)
        self.log.append((what, size))

    def perf_counter(self) -> float:
        return self.now


class ZeroModel(FakeModel):
    """Answers 0 to everything; its loss falls, or is what `losses` says."""

    def __init__(self, clock: Clock, losses: Sequence[float]):
        super().__init__()
        self._clock, self._losses = clock, list(losses)
        self._weights = {"logits.kernel": np.zeros((2, 3), np.float32), "logits.moving_mean": np.ones(2, np.float32)}

    def weights(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self._weights.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self._weights.items()}

    def load_weights(self, canonical: Mapping[str, np.ndarray], only: object = None) -> None:
        self._clock.work("load_weights")
        self._weights = dict(canonical)

    def trainable_names(self) -> set[str]:
        return {"logits.kernel"}

    def compile(self, optimizer: Optimizer, learning_rates: Sequence[float]) -> None:
        self._clock.work("compile", len(learning_rates))

    def warm_up(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> None:
        self._clock.work("warm_up", len(targets[0]))

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        self._clock.work("train_step", len(targets[0]))
        return self._losses.pop(0)

    def optimizer_state(self) -> OptimizerState:
        return OptimizerState()

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        count = len(inputs[ONLY])
        self._clock.work("predict", count)
        return [np.tile(np.eye(10, dtype=np.float32)[0], (count, 1))]


class ClockedTrack(FakeTrack):
    name, device = "torch", "cpu"

    def __init__(self, clock: Clock, losses: Sequence[float]):
        self._clock, self._losses = clock, losses

    def build(
        self, pair: Pair, seed: int, precision: Precision = "float32", switched: Collection[str] = ()
    ) -> TrackModel:
        self._clock.work("build", seed)
        return ZeroModel(self._clock, self._losses)

    def synchronise(self) -> None:
        pass

    def peak_device_memory(self) -> int | None:
        return None


@pytest.fixture
def clock() -> Clock:
    return Clock()


Train = Callable[..., tuple[Run, list[tuple[str, Mapping[str, Any]]]]]


@pytest.fixture
def train(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    def train(losses: Sequence[float], **changes: Any) -> tuple[Run, list[tuple[str, Mapping[str, Any]]]]:
        heard: list[tuple[str, Mapping[str, Any]]] = []
        monkeypatch.setattr(training, "open_track", lambda *_: ClockedTrack(clock, losses))
        monkeypatch.setattr(fitting.time, "perf_counter", clock.perf_counter)
        job = make_job(tmp_path / "run", "torch", **changes)
        training.Trainer("torch", "cpu").train(job, lambda phase, figures: heard.append((phase, figures)))
        return read(tmp_path / "run"), heard

    return train


def test_work_is_done_in_order_and_the_test_split_is_used_once_at_the_end(clock: Clock, train: Train):
    train([1.0] * 2 * STEPS, epochs=2, seed=9)

    epoch = [("train_step", BATCH_SIZE)] * STEPS + VALIDATION
    start = [("build", 9), ("load_weights", 0), ("compile", 2 * STEPS), ("warm_up", BATCH_SIZE)]
    assert clock.log == start + epoch * 2 + TEST


def test_an_epochs_seconds_are_those_of_its_steps_alone(train: Train):
    run, _ = train([1.0] * 2 * STEPS, epochs=2)
    record = run.record

    assert [epoch.seconds for epoch in record.epochs] == [STEPS * SECONDS["train_step"]] * 2
    assert record.examples_per_second == BATCH_SIZE / SECONDS["train_step"]
    assert record.timing.model_dump() == {
        "framework_import": 0.0,
        "build": SECONDS["build"],
        "warm_up": SECONDS["warm_up"],
        "replay": 0.0,
        "validation": 2 * len(VALIDATION) * SECONDS["predict"],
        "features": 0.0,
        "test": len(TEST) * SECONDS["predict"],
    }


def test_only_trainable_weights_count_as_parameters(train: Train):
    run, _ = train([1.0] * STEPS)

    assert run.record.parameters == 6


def test_scores_are_those_of_the_predictions(train: Train):
    """The fake answers 0 throughout."""
    run, _ = train([1.0] * STEPS)

    assert run.record.test["accuracy"] == np.mean(EMBEDDED.arrays()["test_labels"][:500] == 0)
    assert run.record.epochs[0].validation_loss == pytest.approx(
        np.log(np.e + 9) - run.record.epochs[0].validation_metric
    )


def test_losses_are_recorded_and_averaged_by_epoch(train: Train):
    losses = [4.0, 3.0, 2.0, 1.0, 0.4, 0.3, 0.2, 0.1]

    run, _ = train(losses, epochs=2)

    assert run.history["loss"] == losses
    assert [epoch.train_loss for epoch in run.record.epochs] == pytest.approx([2.5, 0.25])


def test_progress_tells_phases_steps_and_throughput(train: Train):
    _, heard = train([1.0] * STEPS)

    phases = [phase for phase, _ in heard]
    assert phases == ["building", "warming up", *["training"] * STEPS, "validating", "epoch", "testing"]
    steps = [figures for phase, figures in heard if phase == "training"]
    assert [figures["step"] for figures in steps] == list(range(1, STEPS + 1))
    assert {figures["steps"] for figures in steps} == {STEPS}
    assert {figures["examples_per_second"] for figures in steps} == {BATCH_SIZE / SECONDS["train_step"]}


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_training_and_leaves_nothing(train: Train, tmp_path: Path, loss: float):
    with pytest.raises(fitting.TrainingError, match=rf"the loss became {loss} in epoch 2, step 3"):
        train([1.0] * (STEPS + 2) + [loss], epochs=2)

    assert [file.name for file in tmp_path.iterdir()] == ["small_mnist.npz"]
