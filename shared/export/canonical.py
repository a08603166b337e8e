"""The format safetensors: a run's weights in canonical form, with what it takes to build their model.

The same names and layout as in a run folder. For a state_dict under torch's own names there is `twotrack convert`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from shared import chapters, metrics
from shared.export.formats import LOGITS, PROBABILITIES
from shared.export.subject import Subject
from shared.inputs import ONLY
from shared.track import open_track


def write(subject: Subject, path: Path) -> None:
    """Write the weights, with the metadata."""
    save_file(subject.run.weights, path, subject.metadata())


def open_weights(path: Path, track: str) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Build on the track the model that the file's metadata describe, and give it the file's weights."""
    with safe_open(path, "numpy") as file:
        described = file.metadata()
    chapter = chapters.get(described["chapter"])
    model = open_track(track, "cpu").build(chapter, chapter.configure(json.loads(described["settings"])), seed=1)
    model.load_weights(load_file(path))

    def predict(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        logits = model.predict(inputs[ONLY] if list(inputs) == [ONLY] else inputs)
        return {LOGITS: logits, PROBABILITIES: metrics.probabilities(logits)}

    return predict
