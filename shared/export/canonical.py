"""The format safetensors: a run's weights in canonical form, with what it takes to build their model.

The same names and layout as in a run folder. For a state_dict under torch's own names there is `twotrack convert`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.evaluation import metrics
from twotrack.shared.export.formats import LOGITS, PROBABILITIES
from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.spec.inputs import Input, describe
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.workers.door import open_track


def write(subject: ExportSubject, path: Path) -> None:
    """Write the weights, with the metadata."""
    save_file(subject.run.weights, path, subject.metadata())


def open_weights(path: Path, track: str) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Answer with the model of the file."""
    model, _ = build(path, track)

    def predict(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        logits = model.predict(inputs)
        return {LOGITS: logits, PROBABILITIES: metrics.probabilities(logits)}

    return predict


def build(path: Path, track: str) -> tuple[TrackModel, dict[str, Input]]:
    """Build on the track the model that the file describes, with its weights; return its inputs too."""
    with safe_open(path, "numpy") as file:
        described = file.metadata()
    variant = chapters.get(described["chapter"]).variant(settings=json.loads(described["settings"]))
    model = open_track(track, "cpu").build(whole_pair(variant), seed=0)
    model.load_weights(load_file(path))
    return model, describe(variant.inputs())
