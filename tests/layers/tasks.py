"""Worker tasks on single activation layers and on the chapters' models. Arrays travel in .npz files."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.layers.cases import ALPHA, KINDS, KINKED, UNITS, inputs, targets
from tests.layers.sides import built, chapter_pair
from twotrack.shared.spec.activations import Activation, units_before
from twotrack.shared.spec.pair import Pair
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class OnTrack:
    track: str
    folder: Path
    """Of files."""


@dataclass(frozen=True)
class Models(OnTrack):
    models: list[tuple[str, dict[str, str]]]
    """Chapters and settings."""


def activation_pair(kind: Activation, examples: int) -> Pair:
    """A dense layer whose kernel becomes the activation's inputs, by one-hot examples; then the activation."""

    def build_keras() -> Any:
        import keras

        from twotrack.keras_track.layers import activation

        before = keras.layers.Dense(units_before(kind, UNITS), use_bias=False, name="before")
        return keras.Sequential([keras.Input((examples,)), before, activation(kind, name="act")])

    def build_torch() -> Any:
        from torch import nn

        from twotrack.torch_track.layers import activation

        before = nn.Linear(examples, units_before(kind, UNITS), bias=False)
        return nn.Sequential(OrderedDict(before=before, act=activation(kind, UNITS)))

    return Pair(build_keras, build_torch, (examples,), "mean_squared_error")


@task
def backward(asked: OnTrack) -> None:
    """For every activation, write its value and the gradients of half the sum of squares."""
    for kind in KINDS:
        found = _backward(asked.track, kind, inputs(kind), targets(kind))
        np.savez(asked.folder / f"{kind}.npz", **found)


@task
def at_zero(track: str) -> dict[str, float]:
    """Return the derivative at its kink of every activation that has one; of PReLU with a slope of 1/4 below 0.

    All of them are 0 at 0, so that with a target of -1 the derivative is the gradient itself.
    """
    zero, target, alpha = np.zeros((1, UNITS)), np.full((1, UNITS), -1.0), np.full(UNITS, 0.25)
    return {kind: float(_backward(track, kind, zero, target, alpha)["dx"][0, 0]) for kind in KINKED}


def _backward(
    track: str, kind: Activation, x: np.ndarray, target: np.ndarray, alpha: np.ndarray = ALPHA
) -> dict[str, np.ndarray]:
    one_hot = {"input": np.eye(len(x))}
    with built(activation_pair(kind, len(x)), track) as model:
        weights = {"before.kernel": x} | ({"act.alpha": alpha} if kind == "prelu" else {})
        model.load_weights(weights)
        layers, (value,) = model.probe().trace(one_hot)
        np.testing.assert_array_equal(layers[-1].inputs[0], x)
        gradients = model.probe().gradients(one_hot, [target])
    names = {"before.kernel": "dx", "act.alpha": "dalpha"}
    return {"value": value} | {names[name]: one * target.size / 2 for name, one in gradients.items()}


@task
def facts(track: str) -> dict[str, dict[str, Any]]:
    """Return what the ladder knows of every activation layer."""
    found = {}
    for kind in KINDS:
        with built(activation_pair(kind, 2), track) as model:
            layers, _ = model.probe().trace({"input": np.eye(2)})
            found[kind] = {"path": layers[-1].path, **layers[-1].hyperparameters}
    return found


@task
def observe(asked: Models) -> list[dict[str, Any]]:
    """For every model, load weights and write its outputs; return its weights' shapes, its layers and dropout rates."""
    found = []
    for number, (slug, settings) in enumerate(asked.models):
        given = dict(np.load(asked.folder / f"{number}.npz"))
        inputs = {"input": given.pop("x")}
        with built(chapter_pair(slug, settings), asked.track) as model:
            shapes = {name: array.shape for name, array in model.weights().items()}
            model.load_weights(given)
            layers, (outputs,) = model.probe().trace(inputs)
            np.save(asked.folder / f"{number}.outputs.npy", outputs)
            paths = [layer.path for layer in layers if layer.kind != "InputLayer"]
            found.append({"shapes": shapes, "layers": paths, "dropout": model.probe().remove_dropout()})
    return found


@task
def saved_and_loaded(folder: Path) -> dict[str, bool]:
    """Return of every activation whether a .keras file, read back in safe mode, computes the same bits."""
    import keras

    same, x = {}, np.eye(3, dtype=np.float32)
    for kind in KINDS:
        model = activation_pair(kind, 3).keras()
        path = folder / f"{kind}.keras"
        model.save(path)
        loaded = keras.models.load_model(path, safe_mode=True)
        same[kind] = np.array_equal(model.predict_on_batch(x), loaded.predict_on_batch(x))
    return same


@task
def train_batch_norm(momentum: float | None) -> str:
    """Train torch's aligned batch normalisation on one batch; return why it refuses, or nothing."""
    import torch

    from twotrack.torch_track.layers import BatchNorm2d

    try:
        BatchNorm2d(2, momentum=momentum)(torch.ones(1, 2, 3, 3))
    except ValueError as error:
        return str(error)
    return ""
