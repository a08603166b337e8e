"""Worker tasks: train in part, and train a head on features."""

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.transfer import pairs
from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.losses import as_targets
from twotrack.shared.spec.optimizers import AdamW
from twotrack.shared.spec.transfer import chosen
from twotrack.shared.verify.material import PairBatches, draw_weights
from twotrack.shared.weights import initial
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class OfPair:
    track: str
    pair: str
    """Name in tests/transfer/pairs.py."""


@dataclass(frozen=True)
class OfFolder:
    track: str
    folder: str
    """Of BERT."""


STEPS, REVIEWS = 3, 8
OPTIMIZER = AdamW(1e-2, weight_decay=0.01)


@task
def moved(asked: OfPair) -> list[str]:
    """Return the names of the weights and statistics that a few steps of the named pair change."""
    pair = getattr(pairs, asked.pair)
    model = open_track(asked.track, "cpu").build(pair, 0)
    model.load_weights(draw_weights({name: array.shape for name, array in model.weights().items()}))
    before = model.weights()
    model.compile(pair.optimizer, pair.learning_rates(STEPS))
    for batch in PairBatches(pair, [(pair.batch_size, pairs.CLASSES)], STEPS).epoch(0):
        model.train_step(batch.inputs, batch.targets)
    after = model.weights()
    return sorted(name for name in before if not np.array_equal(before[name], after[name]))


@task
def moving(asked: OfPair) -> list[str]:
    """Return the names of the weights that a pass through the named pair's model may move."""
    return sorted(open_track(asked.track, "cpu").build(getattr(pairs, asked.pair), 0).moving_names())


@task
def imported_to_serialise(asked: OfPair) -> list[str]:
    """Return which frameworks are in the process once all of the Keras model has been written down."""
    open_track(asked.track, "cpu")
    pairs.build_keras().get_config()
    return [name for name in ("jax", "tensorflow", "torch") if name in sys.modules]


@task
def head_in_two_ways(asked: OfFolder) -> dict[str, Any]:
    """Train the head of a small BERT in the whole model with a frozen base, and alone on features.

    Returns the largest difference of the logits afterwards, and the names of the weights that moved.
    """
    whole, start, inputs, targets = _small_bert(asked)
    whole.freeze(chosen(start, ("head.",)))
    outputs, moved = [], set()
    for model, batch in ((whole, inputs), (whole.head(), {ONLY: whole.features(inputs)})):
        whole.load_weights(start)
        model.compile(OPTIMIZER, [1e-2] * STEPS)
        for _ in range(STEPS):
            model.train_step(batch, [targets])
        outputs.append(whole.predict(inputs))
        moved |= {name for name, array in whole.weights().items() if not np.array_equal(array, start[name])}
    return {"difference": float(np.abs(outputs[0] - outputs[1]).max()), "moved": sorted(moved)}


def _small_bert(asked: OfFolder) -> tuple[Any, dict, dict, np.ndarray]:
    chapter = chapters.get("review_bert")
    variant = chapter.variant(settings={"weights": asked.folder, "length": "16", "dropout": "0"})
    config, model = variant.config, open_track(asked.track, "cpu").build(whole_pair(variant), seed=0)
    shapes = {name: array.shape for name, array in model.weights().items()}
    start = initial.start(chapter.transfer, config, shapes, seed=0)
    model.load_weights(start)
    split = replace(chapter.data(config=config)).train.first(REVIEWS)
    return model, start, chapter.prepare(config)(split.inputs), as_targets(chapter.loss, split.labels)
