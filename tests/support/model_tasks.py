"""Worker tasks that ask a track about its model of a chapter. Arrays travel in .npz files."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from tests.support.cases import real_batch
from twotrack.shared import chapters
from twotrack.shared.bridge import BridgeError
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.datasets.batches import Batch
from twotrack.shared.inputs import by_name
from twotrack.shared.track import Track, TrackModel, open_track
from twotrack.shared.training import Adam

Arguments = Mapping[str, Any]


def describe(arguments: Arguments, report: object) -> dict[str, Any]:
    model = _build(arguments)
    weights = model.weights()
    return {
        "shapes": {name: array.shape for name, array in weights.items()},
        "types": {name: str(array.dtype) for name, array in weights.items()},
        "trainable": sorted(model.trainable_names()),
    }


def round_trip(arguments: Arguments, report: object) -> None:
    """Load weights and write what the model then says its weights are."""
    model = _build(arguments)
    model.load_weights(_read(arguments["weights"]))
    np.savez(arguments["out"], **model.weights())


def refusal(arguments: Arguments, report: object) -> str | None:
    """Return why weights of other names or shapes are refused; None if they are not."""
    shapes = arguments["shapes"]
    try:
        _build(arguments).load_weights({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    except BridgeError as error:
        return str(error)
    return None


def forward(arguments: Arguments, report: object) -> None:
    model = _build(arguments)
    model.load_weights(_read(arguments["weights"]))
    inputs, _ = real_batch(arguments["chapter"], arguments["count"])
    np.savez(arguments["out"], outputs=model.predict(by_name(inputs)))


def train(arguments: Arguments, report: object) -> dict[str, list[float]]:
    """Train one step per learning rate; return the losses and write the weights."""
    model, rates, size = _build(arguments), arguments["learning_rates"], arguments["batch_size"]
    batches = [_batch(arguments["chapter"], size, number) for number in range(len(rates))]
    model.load_weights(_read(arguments["weights"]))
    optimizer = Adam(learning_rate=max(rates), epsilon=arguments["epsilon"])
    model.compile(optimizer, rates)
    if arguments["warm_up"]:
        model.warm_up(batches[-1])
    losses = [model.train_step(batch.inputs, batch.targets) for batch in batches]
    np.savez(arguments["out"], **model.weights())
    return {"losses": losses}


def _batch(chapter: str, size: int, number: int) -> Batch:
    inputs, labels = real_batch(chapter, size, number)
    return Batch(by_name(inputs), [labels])


@cache
def _track(name: str) -> Track:
    return open_track(name, "cpu")


def _build(arguments: Arguments) -> TrackModel:
    chapter = chapters.get(arguments["chapter"])
    return _track(arguments["track"]).build(whole_pair(chapter, chapter.configure(arguments["settings"])), seed=3)


def _read(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return dict(archive)
