"""A training that is stopped behind any of its steps and goes on is the one that is not: with a model made of NumPy."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from tests.transfer.test_transfer import transfer
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.errors import UserError
from twotrack.shared.runs.fitting import Stopwatch, silent
from twotrack.shared.runs.records import DataRecord
from twotrack.shared.runs.stages import Begun, Fit
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.optimizers import SGD, Optimizer
from twotrack.shared.spec.recipes import EarlyStopping, Recipe
from twotrack.shared.spec.schedules import Cosine, Exponential, PerEpoch, Plateau, Warm
from twotrack.shared.spec.state import OptimizerState
from twotrack.shared.spec.track import TrackModel

TRAIN, VALIDATION = 23, 12
KERNEL, SLOT = "head.logits.kernel", "velocity/head.logits.kernel"
MOMENTUM = SGD(0.5, momentum=0.9)
DATA = DataRecord(name="made", source="embedded", fingerprint="", train=TRAIN, validation=VALIDATION, test=2)


class Linear(FakeModel):
    """Logits inputs @ kernel (3, 1), trained by cross-entropy with momentum; its head is itself on doubled inputs."""

    def __init__(self, held: dict[str, np.ndarray]):
        super().__init__()
        self.held, self.velocity, self.done = held, np.zeros((3, 1)), 0
        self.rates: list[float] = []

    def weights(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self.held.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.held.items()}

    def load_weights(self, canonical: Mapping[str, np.ndarray], only: object = None) -> None:
        self.held.update({name: array.copy() for name, array in canonical.items()})

    def freeze(self, trainable: Set[str]) -> None:
        pass

    def features(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return 2 * inputs[ONLY]

    def head(self) -> TrackModel:
        return Linear(self.held)

    def compile(self, optimizer: Optimizer, learning_rates: Sequence[float]) -> None:
        self.rates, self.velocity, self.done = list(learning_rates), np.zeros((3, 1)), 0

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        assert len(learning_rates) == len(self.rates)
        self.rates = list(learning_rates)

    def warm_up(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> None:
        pass

    def reseed(self, seed: int) -> None:
        pass

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        rows, labels = inputs[ONLY], targets[0].reshape(-1, 1)
        outputs = 1 / (1 + np.exp(-rows @ self.held[KERNEL]))
        gradient = rows.T @ (outputs - labels) / len(rows)
        self.velocity = 0.9 * self.velocity - self.rates[self.done] * gradient
        self.held[KERNEL] = self.held[KERNEL] + self.velocity
        self.done += 1
        return float(np.mean((outputs - labels) ** 2))

    def optimizer_state(self) -> OptimizerState:
        return OptimizerState({SLOT: self.velocity.copy()}, self.done, self.done)

    def load_optimizer_state(self, state: OptimizerState) -> None:
        self.velocity, self.done = state.slots[SLOT].copy(), state.updates

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [inputs[ONLY] @ self.held[KERNEL]]


def _dataset() -> Dataset:
    random = np.random.default_rng(0)
    splits = []
    for count in (TRAIN, VALIDATION, 2):
        rows = random.normal(size=(count, 3))
        labels = (rows.sum(axis=1) + random.normal(size=count) > 0).astype(np.int32)
        splits.append(Split({ONLY: rows}, labels))
    return Dataset("made", "embedded", ("a", "b"), *splits, prepare=lambda inputs: inputs)


HEAD = Recipe(MOMENTUM, Warm(2, Cosine()), 5, epochs=2, trained="head")
RECIPES = {
    "a schedule": Recipe(MOMENTUM, Warm(3, Cosine()), 5, epochs=3),
    "a plateau": Recipe(SGD(4.0, momentum=0.9), Plateau(decay=0.5, patience=1), 5, epochs=6),
    "early stopping": Recipe(SGD(4.0, momentum=0.9), Cosine(), 5, epochs=8, early_stopping=EarlyStopping(2)),
    "epochs that are not whole": Recipe(MOMENTUM, PerEpoch(Exponential(0.5, every=1)), 5, epochs=2.6),
    "less than an epoch": Recipe(MOMENTUM, Cosine(), 5, epochs=0.6),
    "a head for less than two epochs": Recipe(
        MOMENTUM, Cosine(), 7, epochs=1.4, trained="last_block", head_first=replace(HEAD, epochs=1.6)
    ),
    "two stages": Recipe(MOMENTUM, Cosine(), 7, epochs=2, trained="last_block", head_first=HEAD),
    "a first stage that ends early": Recipe(
        MOMENTUM,
        Cosine(),
        7,
        epochs=2,
        trained="last_block",
        head_first=replace(HEAD, optimizer=SGD(20.0), epochs=5, early_stopping=EarlyStopping(0)),
    ),
}


def _variant(recipe: Recipe) -> ChapterVariant:
    chapter = replace(
        CHAPTERS["review_bert"],
        transfer=transfer(weights=lambda config: {}) if recipe.head_first else None,
        recipes={"fast": recipe},
        prepare=None,
        predict_batch=5,
    )
    return chapter.variant()


def _fit(recipe: Recipe, begun: Begun | None = None, stop_after: int | None = None) -> tuple[Fit, Linear]:
    model = Linear({KERNEL: np.array([[0.3], [-0.2], [0.1]])})
    if begun:
        model.load_weights(begun.state.weights)
    fit = Fit(
        model,
        _dataset(),
        _variant(recipe),
        0,
        Stopwatch(),
        silent,
        begun=begun,
        stop_after=stop_after,
        keeps_state=True,
    )
    fit.run()
    return fit, model


def _begun(fit: Fit) -> Begun:
    assert fit.state
    progress = fit.progress
    return Begun(fit.state, progress.history, progress.epochs, progress.digest.hexdigest(), {}, DATA)


def _told(fit: Fit) -> list[tuple]:
    """Return what epochs say, but for their seconds."""
    return [tuple(one.model_dump(exclude={"seconds", "feeding_seconds"}).values()) for one in fit.progress.epochs]


@pytest.mark.parametrize("name", RECIPES)
def test_behind_any_step(name: str):
    recipe = RECIPES[name]
    whole, trained = _fit(recipe)
    steps = len(whole.progress.history["loss"])
    for stop in range(1, steps):
        first, _ = _fit(recipe, stop_after=stop)
        assert first.stopped
        assert len(first.progress.history["loss"]) == len(first.progress.history["learning_rate"]) == stop

        rest, model = _fit(recipe, _begun(first))

        assert rest.progress.history == whole.progress.history, stop
        np.testing.assert_array_equal(model.held[KERNEL], trained.held[KERNEL], err_msg=str(stop))
        assert _told(rest) == _told(whole)
        assert rest.progress.digest.hexdigest() == whole.progress.digest.hexdigest()
        assert not rest.stopped


def test_in_as_many_parts_as_there_are_steps():
    recipe = RECIPES["two stages"]
    whole, trained = _fit(recipe)
    fit, model = _fit(recipe, stop_after=1)
    while fit.stopped:
        fit, model = _fit(recipe, _begun(fit), stop_after=len(fit.progress.history["loss"]) + 1)

    np.testing.assert_array_equal(model.held[KERNEL], trained.held[KERNEL])
    assert fit.progress.history == whole.progress.history


def test_recipes_do_what_their_names_say():
    """Else a test above would show nothing."""
    plateau, early = _fit(RECIPES["a plateau"])[0], _fit(RECIPES["early stopping"])[0]
    head = _fit(RECIPES["a first stage that ends early"])[0]

    parts = {name: _fit(RECIPES[name])[0].progress for name in RECIPES if "epoch" in name}

    assert {name: [one.examples for one in part.epochs] for name, part in parts.items()} == {
        "epochs that are not whole": [20, 20, 10],
        "less than an epoch": [10],
        "a head for less than two epochs": [20, 10, 21, 7],
    }
    assert parts["epochs that are not whole"].history["learning_rate"] == [0.5] * 4 + [0.25] * 4 + [0.125] * 2
    assert len(set(plateau.progress.history["learning_rate"])) > 1
    assert len(early.progress.epochs) < 8
    assert 0 < sum(one.trained == "head" for one in head.progress.epochs) < 5


def test_other_batches_are_refused_before_the_first_step():
    recipe = RECIPES["a schedule"]
    begun = _begun(_fit(recipe, stop_after=6)[0])

    with pytest.raises(UserError, match="batches up to here are not those that the run was trained on"):
        _fit(recipe, replace(begun, batches="0" * 32))


def test_more_steps_than_there_are_are_refused():
    with pytest.raises(UserError, match="--stop-after: expected at most the 12 steps of the training, found 13"):
        _fit(RECIPES["a schedule"], stop_after=13)
