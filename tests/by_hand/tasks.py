"""Worker task: what a track computes for given weights and data. Arrays travel in .npz files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.layers.sides import built, chapter_pair


def backward(arguments: Mapping[str, Any], report: object) -> None:
    """For every network, write its outputs and the loss's gradients."""
    folder = Path(arguments["folder"])
    for number, network in enumerate(arguments["networks"]):
        given = dict(np.load(folder / f"{number}.npz"))
        inputs, targets = {"input": given.pop("x")}, [given.pop("y")]
        with built(chapter_pair(network["chapter"], network["settings"]), arguments["track"]) as model:
            model.load_weights(given)
            outputs, gradients = model.predict(inputs), model.probe().gradients(inputs, targets)
            np.savez(folder / f"{number}.found.npz", outputs=outputs, **gradients)
