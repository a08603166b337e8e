"""Worker tasks that train a case in float64. Arrays travel as JSON lists, which keep every bit."""

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers.cases import CASES, HIDDEN, INPUTS, OUTPUTS, Case, batches, initial_weights
from twotrack.shared.spec.optimizers import Adam, RMSprop
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Trained:
    losses: list[float]
    weights: list[list[Any]]


@contextmanager
def keras_float64() -> Iterator[None]:
    """Leave the worker as it was found: other tests share it."""
    from twotrack.keras_track.precision import set_precision

    set_precision("float64")
    try:
        yield
    finally:
        set_precision("float32")


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Threads wait for each other longer than this small model takes: 6 times as long on 2 busy cores."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@task
def train_keras(name: str) -> Trained:
    from twotrack.keras_track import optimizers

    case = CASES[name]
    return _train_keras(case, lambda: optimizers.build(case.optimizer, case.learning_rates))


@task
def train_stock_keras_lion(name: str) -> Trained:
    """keras.optimizers.Lion as it comes, with the case's hyperparameters and constant learning rate."""
    import keras

    case = CASES[name]
    spec = case.optimizer
    return _train_keras(
        case,
        lambda: keras.optimizers.Lion(
            spec.learning_rate, spec.beta_1, spec.beta_2, weight_decay=spec.weight_decay or None
        ),
    )


def _train_keras(case: Case, make: Callable[[], Any]) -> Trained:
    import keras

    from twotrack.keras_track import losses
    from twotrack.keras_track.curvature import Curvature

    with keras_float64(), one_torch_thread():
        model = keras.Sequential(
            [
                keras.Input((INPUTS,)),
                keras.layers.Dense(HIDDEN, activation="tanh"),
                keras.layers.Dense(OUTPUTS[case.loss]),
            ]
        )
        model.set_weights(initial_weights(case.loss))
        mean_loss = losses.build(case.loss)
        model.compile(optimizer=make(), loss=lambda targets, outputs: case.loss_scale * mean_loss(targets, outputs))
        model.optimizer.build(model.trainable_variables)
        curvature, values = Curvature(model, case.loss), []
        for inputs, targets in batches(case.loss):
            curvature.update_if_due(inputs)
            model.reset_metrics()
            values.append(float(model.train_on_batch(inputs, targets)))
        return Trained(values, [weight.tolist() for weight in model.get_weights()])


@task
def train_torch(name: str) -> Trained:
    return _train_own_torch(name, warm_up=False)


@task
def train_torch_after_a_warm_up(name: str) -> Trained:
    return _train_own_torch(name, warm_up=True)


def _train_own_torch(name: str, warm_up: bool) -> Trained:
    from twotrack.torch_track import optimizers

    case = CASES[name]

    def make(parameters: Any) -> Any:
        return optimizers.build(case.optimizer, case.learning_rates, parameters)

    return _train_torch(case, make, warm_up)


@task
def train_stock_torch(name: str) -> Trained:
    """torch's own optimizer with the same hyperparameters, and the same learning rates."""
    case = CASES[name]

    def make(parameters: Any) -> Any:
        import torch

        optimizer = _stock_torch(case, parameters)
        peak = case.optimizer.learning_rate
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (*case.learning_rates, 0.0)[step] / peak)
        optimizer.register_step_post_hook(lambda *_: schedule.step())
        return optimizer

    return _train_torch(case, make, warm_up=False)


def _stock_torch(case: Case, parameters: Any) -> Any:
    from torch import optim

    spec = case.optimizer
    common = {"lr": spec.learning_rate, "weight_decay": spec.weight_decay}
    if isinstance(spec, Adam):
        make = getattr(optim, type(spec).__name__)
        return make(parameters, betas=(spec.beta_1, spec.beta_2), eps=spec.epsilon, **common)
    if isinstance(spec, RMSprop):
        return optim.RMSprop(parameters, alpha=spec.rho, eps=spec.epsilon, momentum=spec.momentum, **common)
    return optim.SGD(parameters, momentum=spec.momentum, nesterov=spec.nesterov, **common)


def _train_torch(case: Case, make: Callable[[Any], Any], warm_up: bool) -> Trained:
    import torch
    from torch import nn

    from twotrack.torch_track.curvature import Curvature
    from twotrack.torch_track.losses import LOSSES

    model = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, OUTPUTS[case.loss])).double()
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), initial_weights(case.loss), strict=True):
            parameter.copy_(torch.from_numpy(weight.T))
    optimizer = make(model.parameters())
    curvature = Curvature(model, optimizer, case.loss)

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        x, y = torch.from_numpy(inputs), torch.from_numpy(targets)
        curvature.update_if_due(lambda: [model(x)])
        optimizer.zero_grad()
        loss = case.loss_scale * LOSSES[case.loss](model(x), y.long() if case.loss == "cross_entropy" else y)
        loss.backward()
        optimizer.step()
        return loss.item()

    if warm_up:
        state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        step(*batches(case.loss)[-1])
        model.load_state_dict(state[0])
        optimizer.load_state_dict(state[1])
    with one_torch_thread():
        losses = [step(*batch) for batch in batches(case.loss)]
    return Trained(losses, [parameter.detach().numpy().T.tolist() for parameter in model.parameters()])
