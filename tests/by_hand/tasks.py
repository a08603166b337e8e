"""Worker task: what a track computes for given weights and data. Arrays travel in .npz files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.layers.sides import built, chapter_pair
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Network:
    chapter: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Networks:
    """Networks for a track, and the folder of their files."""

    track: str
    networks: list[Network]
    folder: Path


@task
def backward(asked: Networks) -> None:
    """For every network, write its outputs and the loss's gradients."""
    folder = asked.folder
    for number, network in enumerate(asked.networks):
        given = dict(np.load(folder / f"{number}.npz"))
        inputs, targets = {"input": given.pop("x")}, [given.pop("y")]
        with built(chapter_pair(network.chapter, network.settings), asked.track) as model:
            model.load_weights(given)
            outputs, gradients = model.predict(inputs), model.probe().gradients(inputs, targets)
            np.savez(folder / f"{number}.found.npz", outputs=outputs, **gradients)
