"""A track's models of one chapter, opened up for experiments: gradients, layer outputs, single steps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, islice, repeat
from typing import Any

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import chapter_pair
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.batches import Batch, TrainingBatches
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.runs.fitting import Stopwatch, TrainingStage, load_start
from twotrack.shared.spec.inputs import Inputs
from twotrack.shared.spec.losses import LossName, as_targets
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.workers.door import open_track


@dataclass(frozen=True)
class Lab:
    """One chapter on one track, with one seed."""

    track: str
    chapter: Chapter
    seed: int

    @cached_property
    def dataset(self) -> Dataset:
        """The chapter's embedded data."""
        return self.chapter.data()

    def model(self, precision: Precision = "float32", recipe: str = "fast", **changes: Any) -> "Specimen":
        """Build the chapter's model, dropout off, from the initial weights of the lab's seed.

        `changes` are settings of the chapter, or `loss`: another loss on the same outputs. Building a
        model forgets the one built before.
        """
        loss: LossName = changes.pop("loss", self.chapter.loss)
        settings = {name: str(value) for name, value in changes.items()}
        pair = replace(chapter_pair(self.chapter.variant(recipe, settings)), loss=loss)
        return Specimen(open_track(self.track, "auto").build(pair, 0, precision), pair, loss, self)


class Specimen:
    """A model that can be looked into."""

    def __init__(self, model: TrackModel, pair: Pair, loss: LossName, lab: Lab):
        self._model, self._probe, self._pair, self._loss, self._lab = model, model.probe(), pair, loss, lab
        self._probe.remove_dropout()
        load_start(model, lab.chapter.variant(), lab.seed)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Copies of all weights, in canonical form."""
        return self._model.weights()

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace all weights."""
        self._model.load_weights(weights)

    def predict(self, split: Split) -> np.ndarray:
        """Return the outputs (examples, ...) for a split, in inference mode."""
        return self.predict_stored(split.inputs)

    def predict_stored(self, stored: Inputs) -> np.ndarray:
        """Return the outputs for stored inputs (examples, ...), which are prepared as the data set's are."""
        return self._model.predict(self._inputs(stored))

    def layer_outputs(self, split: Split) -> dict[str, np.ndarray]:
        """Return every named layer's output for a split, in inference mode and in the order of calls."""
        layers, _ = self._probe.trace(self._inputs(split.inputs))
        return {layer.path: layer.outputs[0] for layer in layers}

    def gradients(self, split: Split) -> dict[str, np.ndarray]:
        """Return the gradient of the mean loss over a split for every trainable weight."""
        return self._probe.gradients(self._inputs(split.inputs), self._targets(split))

    def input_gradients(self, split: Split) -> dict[str, np.ndarray]:
        """Return the gradient of the mean loss over a split for every input of numbers, in the input's shape."""
        return self._probe.input_gradients(self._inputs(split.inputs), self._targets(split))

    def attention(self, split: Split) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with, by path: (examples, heads, queries, keys)."""
        return self._probe.attention(self._inputs(split.inputs))

    def train(self, steps: int, batch_size: int) -> Iterator[float]:
        """Train on the seed's batches; after each step yield the loss that it began with. Weights may be read then."""
        return self._steps(islice(self._batches(batch_size), steps), steps)

    def watch(self, steps: int, batch_size: int, every: int, look: Callable[[int], None]) -> None:
        """Train as `train` does; call `look` with 0 before the first step, and after every so many and the last."""
        look(0)
        for step, _ in enumerate(self.train(steps, batch_size), start=1):
            if step % every == 0 or step == steps:
                look(step)

    def train_on(self, split: Split, steps: int) -> Iterator[float]:
        """Train on one split as a whole; as `train`, yield after each step the loss that it began with."""
        batch = Batch(self._inputs(split.inputs), self._targets(split))
        return self._steps(repeat(batch, steps), steps)

    def _steps(self, batches: Iterable[Batch], number: int) -> Iterator[float]:
        stage = TrainingStage(self._model, self._pair.optimizer, self._pair.learning_rates(number), Stopwatch())
        yield from stage.steps(batches)

    def _batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the batches of one epoch after the other, without end."""
        dataset = self._lab.dataset
        batches = TrainingBatches(dataset, dataset.train, batch_size, self._lab.seed, self._loss)
        for epoch in count():
            yield from batches.epoch(epoch)

    def _inputs(self, stored: Inputs) -> Inputs:
        return self._lab.dataset.prepare(stored)

    def _targets(self, split: Split) -> list[np.ndarray]:
        return [as_targets(self._loss, split.labels)]


def norm(arrays: Sequence[np.ndarray]) -> float:
    """Return the Euclidean norm of all values together."""
    return float(np.sqrt(sum(float((array.astype(np.float64) ** 2).sum()) for array in arrays)))


def open_lab(track: str, slug: str, seed: int) -> Lab:
    """Return the lab of a chapter; UserError if there is no such chapter."""
    return Lab(track, chapters.get(slug), seed)
