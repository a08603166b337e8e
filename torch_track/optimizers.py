"""Shared optimizer specs as torch optimizers that compute what the Keras ones compute.

Everything that a step changes is in `state_dict()`: the step count, and through it the place in the
table of learning rates, is an entry of every parameter group.
"""

from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from typing import overload

import torch
from torch import Tensor, nn

from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import SGD, Adam, Optimizer, RMSprop

Parameters = Iterable[nn.Parameter]


def build(spec: Optimizer, learning_rates: Sequence[float], parameters: Parameters) -> torch.optim.Optimizer:
    """Return the torch optimizer for `spec`, with a learning rate for every step."""
    optimizer = make(spec, parameters)
    follow(optimizer, spec, learning_rates)
    return optimizer


def follow(optimizer: torch.optim.Optimizer, spec: Optimizer, learning_rates: Sequence[float]) -> None:
    """Give every step of the optimizer its learning rate, and Adam's its eps."""
    for group in optimizer.param_groups:
        group["steps_done"] = 0

    def set_step(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            group["lr"] = learning_rates[group["steps_done"]]
            group["steps_done"] += 1
            if isinstance(spec, Adam):
                group["eps"] = _adam_epsilon(spec, group["steps_done"])

    optimizer.register_step_pre_hook(set_step)


def make(spec: Optimizer, parameters: Parameters) -> torch.optim.Optimizer:
    """Return the torch optimizer for `spec`, with its learning rate at every step."""
    rate, decay = spec.learning_rate, spec.weight_decay
    match spec:
        case SGD(momentum=0):
            # Without momentum, torch's decay inside the gradient is the decoupled one.
            return torch.optim.SGD(parameters, rate, momentum=0.0, nesterov=False, weight_decay=decay)
        case SGD():
            return MomentumSGD(parameters, rate, spec.momentum, spec.nesterov, decay)
        case RMSprop():
            return RootEpsilonRMSprop(parameters, rate, spec.rho, spec.momentum, spec.epsilon, decay)
        case Adam():
            betas = (spec.beta_1, spec.beta_2)
            return torch.optim.AdamW(parameters, rate, betas, spec.epsilon, weight_decay=decay, amsgrad=False)
        case specs.Lion():
            return Lion(parameters, rate, (spec.beta_1, spec.beta_2), decay)
        case specs.Sophia():
            betas = (spec.beta_1, spec.beta_2)
            return Sophia(parameters, rate, betas, spec.gamma, spec.epsilon, spec.interval, decay)
    raise TypeError(f"no torch optimizer for {type(spec).__name__}")


def _adam_epsilon(spec: Adam, step: int) -> float:
    """Return the eps with which torch's Adam is Keras' at `step` = 1, 2, ...

    Keras divides by sqrt(v) + epsilon, torch by sqrt(v / (1 - beta_2^t)) + eps; the rest is the same.
    """
    return spec.epsilon / sqrt(1 - spec.beta_2**step)


class DecoupledOptimizer(torch.optim.Optimizer):
    """Shrinks each weight by lr * weight_decay of itself, then leaves it to `_update`."""

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient once; return the loss of `closure`, if it is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    self._update(parameter, parameter.grad, group)
            self._end(group)
        return loss

    def _end(self, group: dict) -> None:
        """Do what is left once the group's parameters were updated."""

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        raise NotImplementedError

    def _slot(self, parameter: nn.Parameter, name: str) -> Tensor:
        """Return the parameter's state of that name, zeros at first."""
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter)
        return state[name]


class MomentumSGD(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.SGD. torch.optim.SGD has the rate outside the velocity, and couples decay."""

    def __init__(self, parameters: Parameters, lr: float, momentum: float, nesterov: bool, weight_decay: float):
        settings = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(parameters, settings)

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        velocity = self._slot(parameter, "velocity")
        velocity.mul_(group["momentum"]).add_(gradient, alpha=-group["lr"])
        if group["nesterov"]:
            parameter.add_(velocity, alpha=group["momentum"]).add_(gradient, alpha=-group["lr"])
        else:
            parameter.add_(velocity)


class RootEpsilonRMSprop(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.RMSprop. torch.optim.RMSprop adds epsilon to the root and couples decay."""

    def __init__(self, parameters: Parameters, lr: float, rho: float, momentum: float, eps: float, weight_decay: float):
        settings = {"lr": lr, "rho": rho, "momentum": momentum, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, settings)

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        v = self._slot(parameter, "square_average")
        v.mul_(group["rho"]).addcmul_(gradient, gradient, value=1 - group["rho"])
        step = group["lr"] * gradient / self._root(v, group["eps"])
        if group["momentum"]:
            step = self._slot(parameter, "step_average").mul_(group["momentum"]).add_(step)
        parameter.sub_(step)

    def _root(self, v: Tensor, epsilon: float) -> Tensor:
        return (v + epsilon).sqrt()


class Lion(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.Lion, which torch lacks."""

    def __init__(
        self, parameters: Parameters, lr: float, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
    ):
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        m, (beta_1, beta_2) = self._slot(parameter, "momentum"), group["betas"]
        direction = (beta_1 * m).add_(gradient, alpha=1 - beta_1).sign_()
        parameter.add_(direction, alpha=-group["lr"])
        m.mul_(beta_2).add_(gradient, alpha=1 - beta_2)


class Sophia(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.Sophia, which torch lacks.

    It needs an estimate of the curvature before every step where `estimate_due`, which twotrack.torch_track.curvature
    takes. Without, h stays zero, and a step is lr * sign(m).
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float,
        betas: tuple[float, float] = (0.96, 0.99),
        gamma: float = 0.05,
        eps: float = 1e-12,
        interval: int = 10,
        weight_decay: float = 0.2,
    ):
        settings = {"lr": lr, "betas": betas, "gamma": gamma, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, settings | {"interval": interval, "iterations": 0})

    @property
    def iterations(self) -> int:
        """Steps done."""
        return self.param_groups[0]["iterations"]

    @property
    def estimate_due(self) -> bool:
        """Whether the curvature is to be estimated before the next step."""
        return self.iterations % self.param_groups[0]["interval"] == 0

    @torch.no_grad()
    def update_curvature(self) -> None:
        """h = beta_2 * h + (1 - beta_2) * b^2, with the parameters' gradients for b."""
        for group in self.param_groups:
            beta_2 = group["betas"][1]
            for parameter in group["params"]:
                if (b := parameter.grad) is not None:
                    self._slot(parameter, "curvature").mul_(beta_2).addcmul_(b, b, value=1 - beta_2)

    def _end(self, group: dict) -> None:
        group["iterations"] += 1

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        m, h = self._slot(parameter, "momentum"), self._slot(parameter, "curvature")
        m.mul_(group["betas"][0]).add_(gradient, alpha=1 - group["betas"][0])
        clipped = (m / (group["gamma"] * h).clamp(min=group["eps"])).clamp(-1, 1)
        parameter.add_(clipped, alpha=-group["lr"])
