"""Learning-rate schedules as PyTorch has them by default."""

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, Exponential, OneCycle, Piecewise, Warm
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


@DEFAULTS.measures
def plateau_cooldown() -> Measured:
    """ReduceLROnPlateau with patience 0, which falls at the first bad epoch, and a loss that stays."""
    optimizer = _optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, cooldown=3)
    falls, before = [], 1.0
    for epoch in range(12):
        schedule.step(1.0)
        if _rate(optimizer) < before:
            falls.append(epoch)
        before = _rate(optimizer)
    return Measured({"epochs between falls, cooldown 3": falls[1] - falls[0]})


def _followed(schedule: lr_scheduler.LRScheduler, optimizer: optim.Optimizer, steps: int) -> list[float]:
    """Return the rate of each of some steps."""
    rates = []
    for _ in range(steps):
        rates.append(_rate(optimizer))
        optimizer.step()
        schedule.step()
    return rates


@DEFAULTS.measures
def piecewise_boundary() -> Measured:
    """MultiStepLR with a milestone of 3; aligned: the rates of twotrack's."""
    optimizer = _optimizer()
    rates = _followed(lr_scheduler.MultiStepLR(optimizer, [3], gamma=0.5), optimizer, 6)
    return Measured({"falls at step, told 3": rates.index(0.5)}, rates, Piecewise((3,), (1.0, 0.5)).factors(6))


@DEFAULTS.measures
def warm_up_start() -> Measured:
    """LinearLR over five steps; aligned: a warm-up from 0."""
    optimizer = _optimizer()
    rates = _followed(lr_scheduler.LinearLR(optimizer, total_iters=5), optimizer, 5)
    return Measured({"first rate of 5 up to 1": rates[0]}, rates, Warm(5, Constant()).factors(5))


@DEFAULTS.measures
def exponential_steps() -> Measured:
    """ExponentialLR of 0.5; aligned: 0.5 over four steps."""
    optimizer = _optimizer()
    rates = _followed(lr_scheduler.ExponentialLR(optimizer, 0.5), optimizer, 4)
    return Measured({"rate after 2 steps of 0.5": rates[2]}, rates, Exponential(0.5, every=4).factors(4))
