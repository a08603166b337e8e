"""Learning-rate schedules as PyTorch has them by default."""

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import OneCycle
from twotrack.torch_track import optimizers
from twotrack.torch_track.defaults.registry import DEFAULTS


def _optimizer() -> optim.Optimizer:
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    return optim.SGD([parameter], lr=1.0)


def _rate(optimizer: optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


@DEFAULTS.measures
def cosine_end() -> Measured:
    """CosineAnnealingLR over 10 steps, at step 15."""
    optimizer = _optimizer()
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    for _ in range(15):
        optimizer.step()
        schedule.step()
    return Measured({"rate at step 15 of 10": _rate(optimizer)}, _rate(optimizer))


@DEFAULTS.measures
def schedule_steps() -> Measured:
    """Whether a step of the optimizer moves the schedule; aligned: the rates that three steps used."""
    optimizer = _optimizer()
    lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    optimizer.step()
    optimizer.step()
    recipe = Recipe(SGD(1.0), OneCycle(0.3, 25.0, 100.0), batch_size=1, epochs=1)
    return Measured({"moves with the optimizer": _rate(optimizer) < 1.0}, aligned=_rates(recipe.learning_rates(3)))


def _rates(rates: list[float]) -> list[float]:
    """Return the rates that the aligned optimizer uses, read from the steps of a weight with gradient 1."""
    parameter, used = nn.Parameter(torch.zeros(1)), []
    optimizer = optimizers.build(SGD(1.0), rates, [parameter])
    for _ in rates:
        before = parameter.item()
        parameter.grad = torch.ones(1)
        optimizer.step()
        used.append(before - parameter.item())
    return used


@DEFAULTS.measures
def plateau() -> Measured:
    """ReduceLROnPlateau with patience 2: steps without improvement up to the fall; what counts as improvement."""
    optimizer = _optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    schedule.step(1.0)
    steps = 0
    while _rate(optimizer) == 1.0:
        schedule.step(1.0)
        steps += 1
    fresh = lr_scheduler.ReduceLROnPlateau(_optimizer())
    fresh.step(1000.0)
    fresh.step(999.95)
    return Measured({"bad epochs, patience 2": steps, "1000 to 999.95 is better": fresh.best < 1000.0})
