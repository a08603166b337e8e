"""What torch's optimizers remember, and what of it their files hold."""

import warnings

import torch
from torch import nn, optim

from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.registry import DEFAULTS


def _stepped(optimizer: optim.Optimizer, parameter: nn.Parameter, gradients: list[float]) -> None:
    for gradient in gradients:
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()


def _weight() -> nn.Parameter:
    return nn.Parameter(torch.zeros(1, dtype=torch.float64))


@DEFAULTS.measures
def state_begins() -> Measured:
    """Arrays of the parameter's shape that Adam holds before its first step."""
    parameter = _weight()
    optimizer = optim.Adam([parameter])
    return Measured({"arrays before the first step": len(optimizer.state.get(parameter, {}))})


@DEFAULTS.measures
def update_count() -> Measured:
    """Adam's count of a parameter that has a gradient from the second step on."""
    first, second = _weight(), _weight()
    optimizer = optim.Adam([first, second], lr=1.0)
    _stepped(optimizer, first, [1.0])
    second.grad = torch.ones_like(second)
    _stepped(optimizer, first, [1.0])
    return Measured({"count of a weight without a gradient in step 1 of 2": int(optimizer.state[second]["step"])})


@DEFAULTS.measures
def velocity_form() -> Measured:
    """The momentum_buffer of SGD."""
    parameter = _weight()
    optimizer = optim.SGD([parameter], lr=0.1, momentum=0.9)
    _stepped(optimizer, parameter, [1.0])
    kept = optimizer.state[parameter]["momentum_buffer"].item()
    return Measured({"after a gradient of 1 at a rate of 0.1": kept})


@DEFAULTS.measures
def rmsprop_step_form() -> Measured:
    """The momentum_buffer of RMSprop at two learning rates."""
    kept = []
    for rate in (0.1, 0.2):
        parameter = _weight()
        optimizer = optim.RMSprop([parameter], lr=rate, momentum=0.9)
        _stepped(optimizer, parameter, [1.0])
        kept.append(optimizer.state[parameter]["momentum_buffer"].item())
    return Measured({"remembered at a rate of 0.1, over 0.2": kept[0] / kept[1]})


@DEFAULTS.measures
def schedule_place() -> Measured:
    """Whether an optimizer with a scheduler that loads another's state goes on with that one's rates."""
    parameter = _weight()
    optimizer = optim.SGD([parameter], lr=1.0)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    for _ in range(2):
        _stepped(optimizer, parameter, [1.0])
        schedule.step()
    other = optim.SGD([_weight()], lr=1.0)
    anew = optim.lr_scheduler.StepLR(other, step_size=3, gamma=0.5)
    other.load_state_dict(optimizer.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the scheduler misses a step of the optimizer before it
        anew.step()
    schedule.step()
    same = other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    return Measured({"optimizer's own state tells the rate to come": same})


@DEFAULTS.measures
def optimizer_class_in_files() -> Measured:
    """Whether Adam's state_dict names its class, or the parameters of a list."""
    state = optim.Adam([_weight()]).state_dict()
    texts = str(state)
    return Measured({"names the class": "Adam" in texts, "names the weights": "param_names" in texts})


@DEFAULTS.measures
def wrong_state_loaded() -> Measured:
    """Whether SGD refuses the state of Adam."""
    parameter = _weight()
    optimizer = optim.Adam([parameter])
    _stepped(optimizer, parameter, [1.0])
    try:
        optim.SGD([parameter], lr=0.1).load_state_dict(optimizer.state_dict())
    except (ValueError, KeyError):
        return Measured({"of Adam into SGD is refused": True})
    return Measured({"of Adam into SGD is refused": False})
