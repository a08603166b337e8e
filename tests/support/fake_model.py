"""A model and a track of no framework: what a test does not expect to be asked is an error."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from twotrack.shared.spec.draws import DrawSource
from twotrack.shared.spec.loop import Hear, LoopBatch, TrainingLoop
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.probe import Probe
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.track import Precision, Track, TrackModel


class FakeModel(TrackModel):
    """Refuses everything; a test's own class overrides what it is about."""

    def __init__(self) -> None:
        self.switches = Switches()

    def weights(self) -> dict[str, np.ndarray]:
        raise AssertionError("no weights are asked for")

    def live_weights(self) -> Mapping[str, np.ndarray]:
        return self.weights()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        raise AssertionError("no shapes are asked for")

    def load_weights(self, canonical: Mapping[str, np.ndarray], only: Collection[str] | None = None) -> None:
        raise AssertionError("no weights are loaded")

    def compile(self, optimizer: Optimizer, learning_rates: Sequence[float]) -> None:
        raise AssertionError("nothing is trained")

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        raise AssertionError("nothing is trained")

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        raise AssertionError("no learning rate falls behind an epoch")

    def run_loop(self, loop: TrainingLoop, batches: Iterable[LoopBatch], hear: Hear) -> None:
        raise AssertionError("nothing is trained")

    def optimizer_state(self) -> Any:
        raise AssertionError("no state of an optimizer is kept")

    def load_optimizer_state(self, state: Any) -> None:
        raise AssertionError("no state of an optimizer is loaded")

    def end_training(self) -> None:
        raise AssertionError("nothing is trained")

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        raise AssertionError("nothing is predicted")

    def draw_from(self, source: DrawSource) -> None:
        raise AssertionError("draws are the framework's own")

    def snapshot(self) -> Any:
        raise AssertionError("training takes no snapshot but for its warm-up")

    def restore(self, state: Any) -> None:
        raise AssertionError("training goes back to no snapshot but after its warm-up")

    def reseed(self, seed: int) -> None:
        raise AssertionError("the seed is given when the model is built")

    def trainable_names(self) -> set[str]:
        raise AssertionError("nothing is trained")

    def freeze(self, trainable: Set[str]) -> None:
        raise AssertionError("nothing is frozen where no weights are pretrained")

    def features(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        raise AssertionError("the model has no base")

    def head(self) -> TrackModel:
        raise AssertionError("the model has no head")

    def probe(self) -> Probe:
        raise AssertionError("training is not probed")


class FakeTrack(Track):
    """Refuses everything; a test's own class overrides what it is about."""

    def build(
        self, pair: Pair, seed: int, precision: Precision = "float32", switched: Collection[str] = ()
    ) -> TrackModel:
        raise AssertionError("nothing is built")

    def replicated(self, replicas: Any) -> Any:
        raise AssertionError("there is one replica")

    def devices(self) -> int:
        raise AssertionError("no devices are counted")

    def bfloat16_problem(self) -> str:
        return ""

    def own_weights(self, pair: Pair) -> Any:
        raise AssertionError("no weights are named")

    def carrier(self) -> Any:
        raise AssertionError("no weights are carried")

    def units(self, model: TrackModel, inputs: Mapping[str, np.ndarray]) -> Any:
        raise AssertionError("nothing is searched for")

    def checkpoints(self) -> Any:
        raise AssertionError("no files of the framework are read or written")

    def optimizer_files(self) -> Any:
        raise AssertionError("no optimizers of the framework's own files are read or written")

    def measurements(self) -> Any:
        raise AssertionError("no defaults are measured")

    def exporters(self) -> Any:
        raise AssertionError("nothing is exported")

    def openers(self) -> Any:
        raise AssertionError("nothing is loaded")

    def synchronise(self) -> None:
        raise AssertionError("no clock is read")

    def peak_device_memory(self) -> int | None:
        raise AssertionError("no memory is asked for")
