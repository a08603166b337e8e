"""A chapter's Keras model, on the TensorFlow backend, as a file for other runtimes: .keras and LiteRT.

Each has the inputs and outputs by name.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

import twotrack.keras_track.layers  # noqa: F401 - a .keras file names the layers that it registers
from twotrack.keras_track.track_model import as_keras
from twotrack.shared.export.formats import INPUT_TYPES, LOGITS, PROBABILITIES
from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.spec.inputs import Input

TRACK = "keras:tensorflow"


def served(model: keras.Model, inputs: Mapping[str, Input]) -> keras.Model:
    """Return the model from inputs by name to logits (batch, classes or 1) and probabilities (batch, classes)."""
    tensors = {name: keras.Input(spec.shape, dtype=INPUT_TYPES[spec.kind], name=name) for name, spec in inputs.items()}
    logits = model(list(tensors.values()) if len(tensors) > 1 else next(iter(tensors.values())))
    return keras.Model(tensors, {LOGITS: logits, PROBABILITIES: _probabilities(logits)}, name=f"served_{model.name}")


def _probabilities(logits: Any) -> Any:
    if logits.shape[-1] > 1:
        return ops.softmax(logits)
    return ops.concatenate([ops.sigmoid(-logits), ops.sigmoid(logits)], axis=-1)


def _network(subject: ExportSubject) -> keras.Model:
    return as_keras(subject.model(TRACK)).model


def keras_file(subject: ExportSubject, path: Path) -> None:
    """Write a .keras file."""
    served(_network(subject), subject.inputs).save(path)


def open_keras_file(path: Path) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Load a .keras file in safe mode, with this package's layers and none of its models."""
    return _predict(keras.saving.load_model(path, safe_mode=True))


def open_predict(path: Path) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Load a .keras file and answer with `model.predict`, which returns NumPy, as its users call it."""
    model = keras.saving.load_model(path, safe_mode=True)
    return lambda inputs: model.predict(dict(inputs), verbose=0)


def saved_model(subject: ExportSubject, path: Path) -> None:
    """Write a SavedModel folder that takes prepared inputs."""
    served(_network(subject), subject.inputs).export(path, format="tf_saved_model", verbose=False)


def litert(subject: ExportSubject, path: Path) -> None:
    """Write a .tflite file that takes LiteRT's own operations alone."""
    model = _network(subject)
    _unroll(model)
    served(model, subject.inputs).export(path, format="litert", verbose=False)


def tf_serving(subject: ExportSubject, path: Path) -> None:
    """Write a version folder for TensorFlow Serving, <model>/<hidden folder>/<number>, and what must be asked of it."""
    from twotrack.keras_track import serving
    from twotrack.shared.export.tf_serving import version

    offered = serving.write(_network(subject), subject.dataset, path)
    rows = version.example_rows(subject)
    asked = serving.requests(subject.dataset, subject.dataset.test.take(rows).inputs, offered)
    version.write_requests(subject, rows, asked, path, offered.note)


def _unroll(model: keras.Model) -> None:
    """Let recurrent layers lay out their steps: the lists in which a loop collects its states are no LiteRT type."""
    for layer in model._flatten_layers():
        if isinstance(layer, layers.RNN):
            layer.unroll = True


def _predict(model: keras.Model) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    def predict(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = model.predict_on_batch(dict(inputs))
        return {name: ops.convert_to_numpy(values) for name, values in outputs.items()}

    return predict


EXPORTERS = {
    "keras": keras_file,
    "keras-predict": keras_file,
    "litert": litert,
    "saved-model": saved_model,
    "tf-serving": tf_serving,
}
OPENERS = {"keras": open_keras_file, "keras-predict": open_predict}
"""By the name of the format in shared/export/formats.py."""
