"""Shared optimizer specs as torch optimizers that compute what the Keras ones compute.

Everything that a step changes is in `state_dict()`: the step count, and through it the place in the
table of learning rates, is an entry of every parameter group.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn

from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import SGD, Adam, Optimizer, RMSprop
from twotrack.shared.spec.update_options import ClipNorm
from twotrack.torch_track.placement import Placement, views
from twotrack.torch_track.update_options import Steps, grouped

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


def build(
    spec: Optimizer,
    learning_rates: Sequence[float],
    parameters: Iterable[nn.Parameter],
    placed: Placement | None = None,
) -> torch.optim.Optimizer:
    """Return the torch optimizer for `spec`, with a learning rate for every batch.

    `placed` says which canonical weights the parameters hold; without, each is one as torch has it.
    """
    given = list(parameters)
    optimizer = make(spec, given, placed)
    follow(optimizer, spec, learning_rates, given, placed)
    return optimizer


def follow(
    optimizer: torch.optim.Optimizer,
    spec: Optimizer,
    learning_rates: Sequence[float],
    parameters: Sequence[nn.Parameter],
    placed: Placement | None = None,
) -> None:
    """Let the optimizer do at every step what is no part of its formula: its learning rate, Adam's eps, options."""
    of_weights = views(parameters, placed) if isinstance(spec.clip, ClipNorm) else []
    Steps(optimizer, spec, learning_rates, of_weights)


def make(spec: Optimizer, parameters: Sequence[nn.Parameter], placed: Placement | None = None) -> torch.optim.Optimizer:
    """Return the torch optimizer for `spec`, with its learning rate at every step."""
    if isinstance(spec, specs.Lamb | specs.Adafactor | specs.Muon):
        from twotrack.torch_track import matrix_optimizers

        return matrix_optimizers.make(spec, parameters, placed)
    if type(spec) not in _MAKES:
        raise TypeError(f"no torch optimizer for {type(spec).__name__}")
    return _MAKES[type(spec)](spec, grouped(spec, parameters, placed))


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
        updates = any(parameter.grad is not None for group in self.param_groups for parameter in group["params"])
        for group in self.param_groups:
            group["updates"] = group.get("updates", 0) + updates
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    self._update(parameter, parameter.grad, group)
            self._end(group, updates)
        return loss

    def _end(self, group: dict, updated: bool) -> None:
        """Do what is left once the group's parameters were updated; `updated` if any parameter was."""

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        raise NotImplementedError

    def _slot(self, parameter: nn.Parameter, name: str, first: float = 0.0) -> Tensor:
        """Return the parameter's state of that name, with one value everywhere at first."""
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.full_like(parameter, first)
        return state[name]


class MomentumSGD(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.SGD. torch.optim.SGD has the rate outside the velocity, and couples decay."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        dampening: float = 0.0,
    ):
        settings = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(parameters, settings | {"dampening": dampening})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        velocity = self._slot(parameter, "velocity")
        kept = 1 - group["dampening"] if group["updates"] > 1 else 1.0
        velocity.mul_(group["momentum"]).add_(gradient, alpha=-group["lr"] * kept)
        if group["nesterov"]:
            parameter.add_(velocity, alpha=group["momentum"]).add_(gradient, alpha=-group["lr"])
        else:
            parameter.add_(velocity)


class RootEpsilonRMSprop(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.RMSprop. torch.optim.RMSprop adds epsilon to the root and couples decay."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float,
        rho: float,
        momentum: float,
        eps: float,
        weight_decay: float,
        centered: bool = False,
    ):
        settings = {"lr": lr, "rho": rho, "momentum": momentum, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, settings | {"centered": centered})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        v = self._slot(parameter, "square_average")
        v.mul_(group["rho"]).addcmul_(gradient, gradient, value=1 - group["rho"])
        if group["centered"]:
            mean = self._slot(parameter, "average").mul_(group["rho"]).add_(gradient, alpha=1 - group["rho"])
            v = v.addcmul(mean, mean, value=-1)
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


class RootEpsilonAdagrad(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.Adagrad. torch.optim.Adagrad adds epsilon to the root and couples decay."""

    def __init__(self, parameters: Parameters, lr: float, initial: float, eps: float, weight_decay: float):
        super().__init__(parameters, {"lr": lr, "initial": initial, "eps": eps, "weight_decay": weight_decay})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        v = self._slot(parameter, "square_sum", group["initial"]).addcmul_(gradient, gradient)
        parameter.sub_(group["lr"] * gradient / (v + group["eps"]).sqrt())


class Adadelta(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.Adadelta. torch.optim.Adadelta couples decay."""

    def __init__(self, parameters: Parameters, lr: float, rho: float, eps: float, weight_decay: float):
        super().__init__(parameters, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        v, moved, rho = self._slot(parameter, "square_average"), self._slot(parameter, "square_moved"), group["rho"]
        v.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
        delta = (moved + group["eps"]).sqrt() / (v + group["eps"]).sqrt() * gradient
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        parameter.add_(delta, alpha=-group["lr"])


class OutsideEpsilonAdamax(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.Adamax. torch.optim.Adamax has epsilon inside the maximum, and couples decay."""

    def __init__(self, parameters: Parameters, lr: float, betas: tuple[float, float], eps: float, weight_decay: float):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        m, u, (beta_1, beta_2) = self._slot(parameter, "momentum"), self._slot(parameter, "norm"), group["betas"]
        m.mul_(beta_1).add_(gradient, alpha=1 - beta_1)
        torch.maximum(beta_2 * u, gradient.abs(), out=u)
        parameter.sub_(group["lr"] / (1 - beta_1 ** group["updates"]) * m / (u + group["eps"]))


class Nadam(DecoupledOptimizer):
    """twotrack.shared.spec.optimizers.Nadam. torch.optim.NAdam rounds the product of momenta to float32."""

    def __init__(self, parameters: Parameters, lr: float, betas: tuple[float, float], eps: float, weight_decay: float):
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, settings | {"product": 1.0})

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        m, v, (beta_1, beta_2) = self._slot(parameter, "momentum"), self._slot(parameter, "velocity"), group["betas"]
        step = group["updates"]
        mu, coming = (beta_1 * (1 - 0.5 * 0.96**t) for t in (step, step + 1))
        product = group["product"] * mu
        m.mul_(beta_1).add_(gradient, alpha=1 - beta_1)
        v.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
        mean = coming * m / (1 - product * coming) + (1 - mu) * gradient / (1 - product)
        parameter.sub_(group["lr"] * mean / ((v / (1 - beta_2**step)).sqrt() + group["eps"]))

    def _end(self, group: dict, updated: bool) -> None:
        if updated:
            group["product"] *= group["betas"][0] * (1 - 0.5 * 0.96 ** group["updates"])


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

    def _end(self, group: dict, updated: bool) -> None:
        group["iterations"] += 1

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        m, h = self._slot(parameter, "momentum"), self._slot(parameter, "curvature")
        m.mul_(group["betas"][0]).add_(gradient, alpha=1 - group["betas"][0])
        clipped = (m / (group["gamma"] * h).clamp(min=group["eps"])).clamp(-1, 1)
        parameter.add_(clipped, alpha=-group["lr"])


Groups = list[dict[str, Any]]


def _sgd(spec: SGD, groups: Groups) -> torch.optim.Optimizer:
    rate, decay = spec.learning_rate, spec.weight_decay
    if spec.momentum:
        return MomentumSGD(groups, rate, spec.momentum, spec.nesterov, decay, spec.dampening)
    # Without momentum, torch's decay inside the gradient is the decoupled one.
    return torch.optim.SGD(groups, rate, momentum=0.0, nesterov=False, weight_decay=decay)


def _adam(spec: Adam, groups: Groups) -> torch.optim.Optimizer:
    betas, decay = (spec.beta_1, spec.beta_2), spec.weight_decay
    return torch.optim.AdamW(groups, spec.learning_rate, betas, spec.epsilon, weight_decay=decay, amsgrad=spec.amsgrad)


def _rmsprop(spec: RMSprop, groups: Groups) -> torch.optim.Optimizer:
    return RootEpsilonRMSprop(
        groups, spec.learning_rate, spec.rho, spec.momentum, spec.epsilon, spec.weight_decay, spec.centered
    )


def _lion(spec: specs.Lion, groups: Groups) -> torch.optim.Optimizer:
    return Lion(groups, spec.learning_rate, (spec.beta_1, spec.beta_2), spec.weight_decay)


def _sophia(spec: specs.Sophia, groups: Groups) -> torch.optim.Optimizer:
    betas = (spec.beta_1, spec.beta_2)
    return Sophia(groups, spec.learning_rate, betas, spec.gamma, spec.epsilon, spec.interval, spec.weight_decay)


def _adagrad(spec: specs.Adagrad, groups: Groups) -> torch.optim.Optimizer:
    return RootEpsilonAdagrad(groups, spec.learning_rate, spec.initial, spec.epsilon, spec.weight_decay)


def _adadelta(spec: specs.Adadelta, groups: Groups) -> torch.optim.Optimizer:
    return Adadelta(groups, spec.learning_rate, spec.rho, spec.epsilon, spec.weight_decay)


def _adamax(spec: specs.Adamax, groups: Groups) -> torch.optim.Optimizer:
    betas = (spec.beta_1, spec.beta_2)
    return OutsideEpsilonAdamax(groups, spec.learning_rate, betas, spec.epsilon, spec.weight_decay)


def _nadam(spec: specs.Nadam, groups: Groups) -> torch.optim.Optimizer:
    return Nadam(groups, spec.learning_rate, (spec.beta_1, spec.beta_2), spec.epsilon, spec.weight_decay)


_MAKES: dict[type, Callable[[Any, Groups], torch.optim.Optimizer]] = {
    SGD: _sgd,
    RMSprop: _rmsprop,
    Adam: _adam,
    specs.AdamW: _adam,
    specs.Lion: _lion,
    specs.Sophia: _sophia,
    specs.Adagrad: _adagrad,
    specs.Adadelta: _adadelta,
    specs.Adamax: _adamax,
    specs.Nadam: _nadam,
}
"""Those of formulas that update each number by itself."""
