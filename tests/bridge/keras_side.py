"""What a worker does on the Keras side of the cases, on TensorFlow. Arrays travel in .npz files."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from tests.bridge.cases import CASES
from tests.bridge.keras_models import LAYERS, build
from twotrack.keras_track import checkpoints, precision, weights
from twotrack.keras_track.backends import BACKENDS
from twotrack.keras_track.track_model import KerasModel
from twotrack.shared.spec.profiles import Switches


def run(folder: Path) -> dict[str, list[str]]:
    """For every case: load, read back, run forward and backward; return the names of trainable weights."""
    precision.set_precision("float64")
    try:
        return {name: _run(name, folder) for name in LAYERS}
    finally:
        precision.set_precision("float32")


def _run(name: str, folder: Path) -> list[str]:
    model, case = build(name), CASES[name]
    given = dict(np.load(folder / f"{name}.given.npz"))
    inputs = [given.pop(f"input{number}") for number in range(len(case.inputs))]
    weights.load_weights(model, given)
    trainable = {key: entry for key, entry in weights.name_table(model).items() if entry.trainable}
    with tf.GradientTape() as tape:
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        total = tf.reduce_sum(outputs * np.load(folder / f"{name}.cotangent.npy"))
    gradients = tape.gradient(total, [entry.variable.value for entry in trainable.values()])
    found = {f"weight.{key}": array for key, array in weights.weights(model).items()}
    for (key, entry), gradient in zip(trainable.items(), gradients, strict=True):
        own = tf.convert_to_tensor(gradient).numpy()  # an embedding's gradient is sparse
        found[f"gradient.{key}"] = entry.layout.to_canonical(own)
    np.savez(folder / f"{name}.keras.npz", outputs=outputs.numpy(), **found)
    return list(trainable)


def through_files(folder: Path) -> None:
    """For every case: write canonical weights as Keras' own file, read that back."""
    for name in LAYERS:
        path = folder / f"{name}.weights.h5"
        checkpoints.write(path, load_file(folder / f"{name}.canonical.safetensors"), lambda _, name=name: _built(name))
        canonical, notes = checkpoints.read(path, lambda _, name=name: _built(name))
        assert notes == []
        save_file(canonical, folder / f"{name}.from_keras.safetensors")


def _built(name: str) -> KerasModel:
    """Return the named model as the track's."""
    backend = BACKENDS[keras.backend.backend()]()
    return KerasModel(build(name), {}, "mean_squared_error", backend, Switches())
