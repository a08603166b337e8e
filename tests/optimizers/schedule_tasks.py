"""Worker tasks that ask the frameworks' own schedules for their learning rates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.optimizers.schedule_cases import LOSSES, PLATEAUS, RATE, STEPS
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Rates:
    """By case, of every step, or behind every epoch."""

    by_steps: dict[str, list[float]]
    by_losses: dict[str, list[float]]


@task
def of_torch(_: None) -> Rates:
    """Step torch's schedulers behind every step of the optimizer."""
    from torch.optim import lr_scheduler as own

    made: dict[str, Callable[[Any], Any]] = {
        "step": lambda o: own.StepLR(o, 7, 0.5),
        "exponential": lambda o: own.ExponentialLR(o, 0.9),
        "cosine": lambda o: own.CosineAnnealingLR(o, STEPS),
        "cosine with restarts": lambda o: own.CosineAnnealingWarmRestarts(o, 10),
        "cosine with longer restarts": lambda o: own.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.05 * RATE),
        "linear": lambda o: own.LinearLR(o, 0.2, 1.0, 20),
        "polynomial": lambda o: own.PolynomialLR(o, 50, 2.0),
        "piecewise": lambda o: own.LambdaLR(o, lambda step: 1.0 if step < 10 else 0.5 if step < 25 else 0.1),
        "warm-up from a third": lambda o: own.SequentialLR(
            o, [own.LinearLR(o, 1 / 3, 1.0, 9), own.ExponentialLR(o, 0.9)], [9]
        ),
        "one cycle": lambda o: own.OneCycleLR(o, RATE, total_steps=STEPS, cycle_momentum=False),
    }
    return Rates({name: _stepped(make) for name, make in made.items()}, {name: _plateau(name) for name in PLATEAUS})


def _optimizer() -> Any:
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    return torch.optim.SGD([parameter], lr=RATE)


def _stepped(make: Callable[[Any], Any]) -> list[float]:
    optimizer, rates = _optimizer(), []
    schedule = make(optimizer)
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def _plateau(name: str) -> list[float]:
    """As the docstring of Plateau says: patience and cooldown are one less."""
    from torch.optim import lr_scheduler

    spec, optimizer, rates = PLATEAUS[name], _optimizer(), []
    schedule = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=spec.decay,
        patience=spec.patience - 1,
        threshold=spec.threshold,
        threshold_mode="rel" if spec.relative else "abs",
        cooldown=max(spec.cooldown - 1, 0),
        min_lr=spec.lowest * RATE,
    )
    for loss in LOSSES:
        schedule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@task
def of_keras(_: None) -> Rates:
    """Ask Keras' schedules in float64."""
    import keras
    from keras.optimizers import schedules as own

    from tests.optimizers.tasks import keras_float64

    made = {
        "step": own.ExponentialDecay(RATE, 7, 0.5, staircase=True),
        "exponential": own.ExponentialDecay(RATE, 1, 0.9),
        "exponential over steps": own.ExponentialDecay(RATE, 7, 0.5),
        "cosine": own.CosineDecay(RATE, STEPS),
        "cosine to a floor": own.CosineDecay(RATE, 40, alpha=0.1),
        "cosine with restarts": own.CosineDecayRestarts(RATE, 10, t_mul=1.0),
        "cosine with longer restarts": own.CosineDecayRestarts(RATE, 5, alpha=0.05),
        "cosine with lower restarts": own.CosineDecayRestarts(RATE, 5, m_mul=0.5),
        "polynomial to a floor": own.PolynomialDecay(RATE, 50, 0.1 * RATE, power=2.0),
        "piecewise": own.PiecewiseConstantDecay([9, 24], [RATE, 0.5 * RATE, 0.1 * RATE]),  # one step later than torch
        "warm-up and cosine": own.CosineDecay(0.0, STEPS - 10, warmup_target=RATE, warmup_steps=10),
    }
    with keras_float64():
        rates = {name: [float(one(step)) for step in range(STEPS)] for name, one in made.items()}
        return Rates(rates, {name: _keras_plateau(keras, name) for name in PLATEAUS if not PLATEAUS[name].relative})


def _keras_plateau(keras: Any, name: str) -> list[float]:
    spec, rates = PLATEAUS[name], []
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(
        factor=spec.decay,
        patience=spec.patience,
        min_delta=spec.threshold,
        cooldown=spec.cooldown,
        min_lr=spec.lowest * RATE,
    )
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(LOSSES):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    return rates


@task
def at_the_end(_: None) -> list[float]:
    """Give Keras' optimizer other rates behind its last step, as a plateau does; return the rate before and behind."""
    import keras

    from twotrack.keras_track.optimizers import build, set_learning_rates

    weight = keras.Variable([1.0])
    optimizer = build(SGD(RATE), [RATE, 0.5 * RATE])
    optimizer.build([weight])
    for _ in range(2):
        optimizer.iterations.assign_add(1)
    before = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    set_learning_rates(optimizer, [0.5 * RATE, 0.25 * RATE])
    return [before, float(keras.ops.convert_to_numpy(optimizer.learning_rate))]
