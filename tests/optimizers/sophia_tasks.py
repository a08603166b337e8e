"""Worker tasks on Sophia and its estimate of the curvature."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers.networks import (
    output_shapes,
    perceptron_batches,
    token_pair,
    track_model,
)
from tests.optimizers.tasks import keras_float64, one_torch_thread
from twotrack.shared.spec import plain
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.objective import CustomLoss
from twotrack.shared.spec.optimizers import Sophia
from twotrack.shared.verify.material import PairBatches, draw_weights
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Step:
    track: str
    spec: Sophia
    weights: list[float]
    gradients: list[float]
    b: list[float]


@dataclass(frozen=True)
class Training:
    track: str
    warm_up: bool


@dataclass(frozen=True)
class Steps:
    track: str
    steps: int


@dataclass(frozen=True)
class TwoOutputs:
    inputs: list[list[list[float]]]
    kernel: list[list[float]]
    steps: int


@dataclass(frozen=True)
class OfPair:
    track: str
    loss: LossName


@dataclass(frozen=True)
class Trained:
    losses: list[float]
    weights: dict[str, Any]
    """By name, as lists."""


@dataclass(frozen=True)
class Estimate:
    before: dict[str, Any]
    """Weights and running statistics, as lists."""
    after: dict[str, Any]
    curvature: list[Any]


SPEC = Sophia(0.01, beta_2=0.7, gamma=20.0, epsilon=1e-4, interval=3)
"""Few weights reach the clipping, so that h shows."""


@contextmanager
def _float64(track: str) -> Iterator[None]:
    if track == "torch":
        yield
    else:
        with keras_float64():
            yield


def _lists(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    return {name: array.tolist() for name, array in arrays.items()}


@task
def one_step(asked: Step) -> list[float]:
    """Return the weights after a step on given gradients, and gradients b of the estimate, in float64."""
    weights, gradients, b = (np.array(values) for values in (asked.weights, asked.gradients, asked.b))
    with _float64(asked.track):
        return (_torch_step if asked.track == "torch" else _keras_step)(asked.spec, weights, gradients, b).tolist()


def _torch_step(spec: Sophia, weights: np.ndarray, gradients: np.ndarray, b: np.ndarray) -> np.ndarray:
    import torch

    from twotrack.torch_track import optimizers

    parameter = torch.nn.Parameter(torch.from_numpy(weights))
    optimizer = optimizers.build(spec, [spec.learning_rate], [parameter])
    parameter.grad = torch.from_numpy(b)
    optimizer.update_curvature()
    parameter.grad = torch.from_numpy(gradients)
    optimizer.step()
    return parameter.detach().numpy()


def _keras_step(spec: Sophia, weights: np.ndarray, gradients: np.ndarray, b: np.ndarray) -> np.ndarray:
    import keras

    from twotrack.keras_track import optimizers

    variable = keras.Variable(weights)
    optimizer = optimizers.build(spec, [spec.learning_rate])
    optimizer.build([variable])
    optimizer.update_curvature([keras.ops.convert_to_tensor(b)])
    optimizer.apply([keras.ops.convert_to_tensor(gradients)], [variable])
    return np.array(keras.ops.convert_to_numpy(variable))


@task
def defaults(track: str) -> dict[str, dict[str, float]]:
    """Return the hyperparameters that Lion and Sophia have when only the learning rate is given."""
    if track == "torch":
        import torch

        from twotrack.torch_track.optimizers import Lion
        from twotrack.torch_track.optimizers import Sophia as Own

        groups = {make.__name__: make([torch.zeros(1)], 0.5).defaults for make in (Lion, Own)}
        return {name: _under_shared_names(group) for name, group in groups.items()}
    from twotrack.keras_track.optimizers import Sophia as Own

    config = Own(0.5).get_config()
    return {"Sophia": {name: config[name] for name in plain.plain(Sophia(0.5)) if name != "name"}}


def _under_shared_names(group: Mapping[str, Any]) -> dict[str, float]:
    names = {"lr": "learning_rate", "eps": "epsilon"}
    renamed = {
        names.get(name, name): group[name]
        for name in ("lr", "gamma", "eps", "interval", "weight_decay")
        if name in group
    }
    return renamed | {"beta_1": group["betas"][0], "beta_2": group["betas"][1]}


@task
def config_round_trip(_: None) -> list[dict[str, Any]]:
    """Return the serialised optimizers of keras_track, once as built and once after a round trip."""
    import keras

    from twotrack.keras_track import optimizers

    spec = Sophia(0.5, 0.1, 0.2, 0.3, 0.4, 7, 0.6)
    built = keras.optimizers.serialize(optimizers.build(spec, [0.5, 0.25]))
    again = keras.optimizers.deserialize(copy.deepcopy(built))  # which changes what it is given
    return [built, keras.optimizers.serialize(again)]


# === Models of the tracks ===


@task
def train(asked: Training) -> Trained:
    """Train a track's model, after a warm-up if asked; return losses and weights."""
    model, steps = track_model(asked.track, SPEC, 5), perceptron_batches(5)
    if asked.warm_up:
        model.warm_up(steps[-1].inputs, steps[-1].targets)
    losses = [model.train_step(batch.inputs, batch.targets) for batch in steps]
    return Trained(losses, _lists(model.weights()))


@task
def train_twice_from_a_snapshot(track: str) -> list[Trained]:
    """Train two steps, keep the state, and go on from there twice, an estimate included."""
    model, steps = track_model(track, SPEC, 5), perceptron_batches(5)
    for batch in steps[:2]:
        model.train_step(batch.inputs, batch.targets)
    state, runs = model.snapshot(), []
    for _ in range(2):
        losses = [model.train_step(batch.inputs, batch.targets) for batch in steps[2:]]
        runs.append(Trained(losses, _lists(model.weights())))
        model.restore(state)
    return runs


@task
def steps_with_an_estimate(asked: Steps) -> list[int]:
    """Return the numbers, from 1, of the steps that changed h."""
    model, changed, before = track_model(asked.track, SPEC, asked.steps), [], None
    for number, batch in enumerate(perceptron_batches(asked.steps), start=1):
        model.train_step(batch.inputs, batch.targets)
        if (after := _curvatures(model, asked.track)) != before:
            changed.append(number)
        before = after
    return changed


def _curvatures(model: Any, track: str) -> list[list]:
    if track == "torch":
        return [state["curvature"].tolist() for state in model.snapshot()["optimizer"]["state"].values()]
    return [np.array(h).tolist() for h in model.model.optimizer.curvatures]


@task
def estimate_once(track: str) -> Estimate:
    """Return weights and running statistics before and after an estimate, and h."""
    model, inputs = track_model(track, SPEC, 1), perceptron_batches(1)[0].inputs[ONLY]
    before = _lists(model.weights())
    curvatures = (_torch_estimate if track == "torch" else _keras_estimate)(model, inputs)
    return Estimate(before, _lists(model.weights()), [np.array(h).tolist() for h in curvatures])


def _torch_estimate(model: Any, inputs: np.ndarray) -> list:
    import torch

    from twotrack.torch_track import optimizers
    from twotrack.torch_track.curvature import Curvature

    module = model.module.train()
    optimizer = optimizers.build(SPEC, [SPEC.learning_rate], module.parameters())
    Curvature(module, optimizer, "cross_entropy").update_if_due(lambda: [module(torch.from_numpy(inputs))])
    return [state["curvature"] for state in optimizer.state.values()]


def _keras_estimate(model: Any, inputs: np.ndarray) -> list:
    from twotrack.keras_track.curvature import Curvature

    Curvature(model.model, "cross_entropy").update_if_due(inputs)
    return model.model.optimizer.curvatures


@task
def estimates_of_two_outputs(asked: TwoOutputs) -> list:
    """Return torch's estimates at many steps for x @ kernel and mean over time of x @ kernel, in float64."""
    import torch

    from twotrack.torch_track.curvature import Curvature
    from twotrack.torch_track.optimizers import Sophia as Own

    x = torch.tensor(asked.inputs, dtype=torch.float64)
    module = torch.nn.Linear(x.shape[-1], len(asked.kernel[0]), bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor(asked.kernel).T)
    optimizer = Own(module.parameters(), lr=0.0, betas=(0.9, 0.0), interval=1)
    curvature, estimates = Curvature(module, optimizer, "cross_entropy"), []
    with one_torch_thread():
        for _ in range(asked.steps):
            curvature.update_if_due(lambda: [module(x), module(x.mean(dim=1))])
            optimizer.step()
            estimates.append(optimizer.state[module.weight]["curvature"].T.tolist())
    return estimates


# === Pairs ===


@task
def train_pair(asked: OfPair) -> Trained:
    """Train in float64 with three estimates; return losses and canonical weights."""
    pair, steps = token_pair(asked.loss, SPEC), 8
    with _float64(asked.track), one_torch_thread():
        model = open_track(asked.track, "cpu").build(pair, 0, "float64")
        model.load_weights(draw_weights({name: array.shape for name, array in model.weights().items()}))
        model.compile(pair.optimizer, pair.learning_rates(steps))
        batches = PairBatches(pair, output_shapes(asked.loss), steps).epoch(0)
        losses = [model.train_step(batch.inputs, batch.targets) for batch in batches]
        return Trained(losses, _lists(model.weights()))


@task
def refusal(track: str) -> None:
    """Raise the UserError for Sophia with a loss that has no name."""
    with _float64(track):
        pair = token_pair(CustomLoss(_keras_loss, _torch_loss, "real"), SPEC)
        open_track(track, "cpu").build(pair, 0, "float64").compile(SPEC, pair.learning_rates(1))


def _keras_loss() -> Any:
    import keras

    return keras.losses.MeanAbsoluteError()


def _torch_loss() -> Any:
    from torch import nn

    return nn.L1Loss()
