"""What torch does by default, switched on again one difference at a time.

Functions are called as the ledger's entries. Each changes what it is given, to the default of the installed torch,
and tells whether there was anything to change, or returns what it was given if there was not. Where the aligned value
is torch's own, there is no function.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from types import MappingProxyType

import torch
from torch import Tensor, nn

from twotrack.shared.profiles import Switches
from twotrack.shared.training import SGD, Adam, Optimizer, RMSprop
from twotrack.torch_track import optimizers
from twotrack.torch_track.layers import LSTM, RNN, BatchNorm2d
from twotrack.torch_track.optimizers import MomentumSGD, Parameters, RootEpsilonRMSprop

# === Layers ===


def batch_norm_variance(module: nn.Module) -> bool:
    """Average the unbiased variance: nn.BatchNorm2d in the place of twotrack.torch_track.layers.BatchNorm2d."""
    found = [(path, one) for path, one in module.named_modules() if type(one) is BatchNorm2d]
    for path, ours in found:
        plain = nn.BatchNorm2d(ours.num_features, eps=ours.eps, momentum=ours.momentum).to(ours.weight.device)
        plain.load_state_dict(ours.state_dict())
        module.set_submodule(path, plain)
    return bool(found)


def second_recurrent_bias(module: nn.Module) -> bool:
    """Train the second bias too, from its own start where the layer has its own."""
    found = [one for one in module.modules() if isinstance(one, LSTM | RNN)]
    for layer in found:
        generator = torch.Generator(layer.bias_hh_l0.device).manual_seed(torch.initial_seed())  # dropout's goes on
        limit = 1 / sqrt(layer.hidden_size)
        with torch.no_grad():
            layer.bias_hh_l0.uniform_(-limit, limit, generator=generator)
        layer.bias_hh_l0.requires_grad_(True)
    return bool(found)


# === Optimizers ===


def adam_epsilon(spec: Optimizer) -> Optimizer:
    """Return Adam with torch's epsilon."""
    default = inspect.signature(torch.optim.Adam).parameters["eps"].default
    return replace(spec, epsilon=default) if isinstance(spec, Adam) and spec.epsilon != default else spec


def momentum_under_schedule(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return SGD whose velocity holds gradients, and not steps."""
    return _as(LateRateSGD, optimizer) if isinstance(optimizer, MomentumSGD) else optimizer


class LateRateSGD(MomentumSGD):
    """The velocity of torch.optim.SGD, decay apart."""

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        velocity = self._slot(parameter, "velocity").mul_(group["momentum"]).add_(gradient)
        step = gradient.add(velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
        parameter.add_(step, alpha=-group["lr"])


def rmsprop_epsilon(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return RMSprop with torch's epsilon outside the root."""
    if not isinstance(optimizer, RootEpsilonRMSprop):
        return optimizer
    default = inspect.signature(torch.optim.RMSprop).parameters["eps"].default
    return _as(OutsideEpsilonRMSprop, optimizer, eps=default)


class OutsideEpsilonRMSprop(RootEpsilonRMSprop):
    """The root of torch.optim.RMSprop, decay apart."""

    def _root(self, v: Tensor, epsilon: float) -> Tensor:
        return v.sqrt().add_(epsilon)


def _as(kind: type[torch.optim.Optimizer], optimizer: torch.optim.Optimizer, **changes: float) -> torch.optim.Optimizer:
    """Return an optimizer of another class with the same parameters and settings."""
    (group,) = optimizer.param_groups
    return kind(group["params"], **optimizer.defaults | changes)


def adam_epsilon_place(optimizer: torch.optim.Optimizer, spec: Optimizer) -> bool:
    """Leave epsilon where torch adds it: the same at every step."""
    if not isinstance(spec, Adam):
        return False

    def set_epsilon(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            group["eps"] = spec.epsilon

    optimizer.register_step_pre_hook(set_epsilon)
    return True


def weight_decay(optimizer: torch.optim.Optimizer, spec: Optimizer) -> bool:
    """Add decay to the gradient, where torch's optimizer of that name does."""
    coupled = (isinstance(spec, SGD | RMSprop) or type(spec) is Adam) and spec.weight_decay
    if not coupled:
        return False
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0

    @torch.no_grad()
    def decay(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.add_(parameter, alpha=spec.weight_decay)

    optimizer.register_step_pre_hook(decay)
    return True


def optimizer(
    spec: Optimizer, learning_rates: Sequence[float], parameters: Parameters, switches: Switches
) -> torch.optim.Optimizer:
    """Return the optimizer for `spec`, aligned but for the switches."""
    spec = switches.fold(SPECS, spec)
    made = switches.fold(OPTIMIZERS, optimizers.make(spec, parameters))
    optimizers.follow(made, spec, learning_rates)
    switches.apply(HOOKS, made, spec)
    return made


LAYERS: Mapping[str, Callable[[nn.Module], bool]] = MappingProxyType(
    {switch.__name__: switch for switch in (batch_norm_variance, second_recurrent_bias)}
)
"""Before training, of a module."""
SPECS: Mapping[str, Callable[[Optimizer], Optimizer]] = MappingProxyType({adam_epsilon.__name__: adam_epsilon})
"""Of an optimizer as data."""
OPTIMIZERS: Mapping[str, Callable[[torch.optim.Optimizer], torch.optim.Optimizer]] = MappingProxyType(
    {switch.__name__: switch for switch in (momentum_under_schedule, rmsprop_epsilon)}
)
"""Of an aligned optimizer that has not yet its learning rates."""
HOOKS: Mapping[str, Callable[[torch.optim.Optimizer, Optimizer], bool]] = MappingProxyType(
    {switch.__name__: switch for switch in (adam_epsilon_place, weight_decay)}
)
"""Of an optimizer and its data; what they add to a step comes last."""
