"""Optimizers as PyTorch has them by default, on three weights and given gradients."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn, optim

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.update_options import EMA
from twotrack.torch_track import optimizers
from twotrack.torch_track.defaults.registry import DEFAULTS, HOOKS, OPTIMIZERS, SPECS
from twotrack.torch_track.update_options import averaged

Make = Callable[..., optim.Optimizer]
"""An optimizer's class, which takes parameters and hyperparameters by name."""
_ZERO, _ONE = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)


def _run(make: Make, gradients: Iterable[np.ndarray], **options: float) -> np.ndarray:
    """Return the weights after a step for every gradient."""
    parameter = nn.Parameter(torch.from_numpy(samples.WEIGHTS.copy()))
    return _steps(make([parameter], **options), parameter, gradients)


def _run_shared(spec: specs.Optimizer, gradients: np.ndarray, rates: list[float] | None = None) -> np.ndarray:
    """Return the weights after steps of the optimizer that the aligned profile has for a shared spec."""
    parameter = nn.Parameter(torch.from_numpy(samples.WEIGHTS.copy()))
    optimizer = optimizers.build(spec, rates or [spec.learning_rate] * len(gradients), [parameter])
    return _steps(optimizer, parameter, gradients)


def _steps(optimizer: optim.Optimizer, parameter: nn.Parameter, gradients: Iterable[np.ndarray]) -> np.ndarray:
    for gradient in gradients:
        parameter.grad = torch.from_numpy(np.array(gradient))
        optimizer.step()
    return parameter.detach().numpy()


def _default(make: Make, name: str) -> float:
    """Return a hyperparameter of an optimizer that is told none."""
    return make([nn.Parameter(torch.zeros(2, 2))]).defaults[name]


def _moved(after: np.ndarray) -> float:
    """Return how far the first weight moved down."""
    return float(samples.WEIGHTS[0] - after[0])


@DEFAULTS.measures
def learning_rate() -> Measured:
    """SGD, Adam and AdamW; one step of SGD."""
    values = {make.__name__: _default(make, "lr") for make in (optim.SGD, optim.Adam, optim.AdamW)}
    return Measured(values, _run(optim.SGD, _ONE), _run_shared(specs.SGD(0.01), _ONE))


@DEFAULTS.measures
def momentum() -> Measured:
    """SGD and RMSprop."""
    values = {make.__name__: _default(make, "momentum") for make in (optim.SGD, optim.RMSprop)}
    return Measured(values, _run(optim.SGD, samples.GRADIENTS, lr=0.01))


@DEFAULTS.measures
def adam_epsilon() -> Measured:
    """Adam with gradients near 1e-7."""
    gradients = samples.GRADIENTS * np.float32(1e-7)
    aligned = _run_shared(specs.Adam(1e-3), gradients)
    return Measured({"epsilon": _default(optim.Adam, "eps")}, _run(optim.Adam, gradients), aligned)


@SPECS.switches(adam_epsilon)
def switch_adam_epsilon(spec: specs.Optimizer) -> specs.Optimizer:
    """Return Adam with torch's epsilon."""
    default = inspect.signature(optim.Adam).parameters["eps"].default
    return replace(spec, epsilon=default) if isinstance(spec, specs.Adam) and spec.epsilon != default else spec


@DEFAULTS.measures
def adam_epsilon_place() -> Measured:
    """Adam with an epsilon of 1e-7: its first step for a gradient as large, and 20 steps."""
    tiny, gradients = _ONE * np.float32(1e-7), samples.GRADIENTS * np.float32(1e-7)
    step = _moved(_run(optim.Adam, tiny, eps=1e-7, lr=1e-3)) / 1e-3
    aligned = _run_shared(specs.Adam(1e-3, epsilon=1e-7), gradients)
    return Measured({"step over rate at g = epsilon": step}, _run(optim.Adam, gradients, eps=1e-7, lr=1e-3), aligned)


@HOOKS.switches(adam_epsilon_place)
def switch_adam_epsilon_place(optimizer: optim.Optimizer, spec: specs.Optimizer) -> bool:
    """Leave epsilon where torch adds it: the same at every step."""
    if not isinstance(spec, specs.Adam):
        return False

    def set_epsilon(optimizer: optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            group["eps"] = spec.epsilon

    optimizer.register_step_pre_hook(set_epsilon)
    return True


@DEFAULTS.measures
def rmsprop_epsilon() -> Measured:
    """RMSprop's epsilon, and whether a root is taken of it: then a gradient of 1e-7 hardly moves."""
    gradients = samples.GRADIENTS * np.float32(1e-4)
    tiny = _moved(_run(optim.RMSprop, _ONE * np.float32(1e-7), eps=1e-7, lr=1e-3)) / 1e-3
    values = {"epsilon": _default(optim.RMSprop, "eps"), "inside the root": tiny < 0.1}
    default = _run(optim.RMSprop, gradients, lr=1e-3, alpha=0.9)
    return Measured(values, default, _run_shared(specs.RMSprop(1e-3), gradients))


@OPTIMIZERS.switches(rmsprop_epsilon)
def switch_rmsprop_epsilon(optimizer: optim.Optimizer) -> optim.Optimizer:
    """Return RMSprop with torch's epsilon outside the root."""
    if not isinstance(optimizer, optimizers.RootEpsilonRMSprop):
        return optimizer
    default = inspect.signature(optim.RMSprop).parameters["eps"].default
    return _as(OutsideEpsilonRMSprop, optimizer, eps=default)


class OutsideEpsilonRMSprop(optimizers.RootEpsilonRMSprop):
    """The root of torch.optim.RMSprop, decay apart."""

    def _root(self, v: Tensor, epsilon: float) -> Tensor:
        return v.sqrt().add_(epsilon)


def _as(kind: type[optim.Optimizer], optimizer: optim.Optimizer, **changes: float) -> optim.Optimizer:
    """Return an optimizer of another class with the same parameters and settings."""
    kept = ("params", "share", "weight_decay")
    groups = [{name: group[name] for name in kept if name in group} for group in optimizer.param_groups]
    return kind(groups, **optimizer.defaults | changes)


@DEFAULTS.measures
def rmsprop_defaults() -> Measured:
    """RMSprop's learning rate and rho."""
    values = {"learning rate": _default(optim.RMSprop, "lr"), "rho": _default(optim.RMSprop, "alpha")}
    aligned = _run_shared(specs.RMSprop(1e-3), samples.GRADIENTS)
    return Measured(values, _run(optim.RMSprop, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adagrad_defaults() -> Measured:
    """Adagrad's learning rate, start and epsilon."""
    names = {"learning rate": "lr", "start of the sum": "initial_accumulator_value", "epsilon": "eps"}
    values = {label: _default(optim.Adagrad, name) for label, name in names.items()}
    tiny = _moved(_run(optim.Adagrad, _ONE * np.float32(1e-7), eps=1e-7, lr=1e-3)) / 1e-3
    aligned = _run_shared(specs.Adagrad(0.01), samples.GRADIENTS)
    return Measured(values | {"inside the root": tiny < 0.1}, _run(optim.Adagrad, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adadelta_defaults() -> Measured:
    """Adadelta's learning rate, rho and epsilon."""
    names = {"learning rate": "lr", "rho": "rho", "epsilon": "eps"}
    values = {label: _default(optim.Adadelta, name) for label, name in names.items()}
    aligned = _run_shared(specs.Adadelta(1.0), samples.GRADIENTS)
    return Measured(values, _run(optim.Adadelta, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adamax_and_nadam() -> Measured:
    """Learning rates of Adamax and NAdam."""
    values = {"Adamax": _default(optim.Adamax, "lr"), "Nadam": _default(optim.NAdam, "lr")}
    runs = [_run(make, samples.GRADIENTS) for make in (optim.Adamax, optim.NAdam)]
    aligned = [_run_shared(make(1e-3), samples.GRADIENTS) for make in (specs.Adamax, specs.Nadam)]
    return Measured(values, runs, aligned)


@DEFAULTS.measures
def nadam_schedule() -> Measured:
    """NAdam at one learning rate: 20 steps, and the first for a gradient of 1."""
    step = _moved(_run(optim.NAdam, _ONE, lr=1e-3)) / 1e-3
    aligned = _run_shared(specs.Nadam(1e-3), samples.GRADIENTS)
    return Measured({"first step over rate": step}, _run(optim.NAdam, samples.GRADIENTS, lr=1e-3), aligned)


@DEFAULTS.measures
def muon_decay() -> Measured:
    """Muon's weight decay."""
    values = {"weight decay": _default(optim.Muon, "weight_decay"), "learning rate": _default(optim.Muon, "lr")}
    return Measured(values)


@DEFAULTS.measures
def lion() -> Measured:
    """torch has none; the aligned profile has its own."""
    aligned = _run_shared(specs.Lion(1e-3, weight_decay=0.1), samples.GRADIENTS)
    return Measured({"exists": hasattr(optim, "Lion")}, aligned=aligned)


@DEFAULTS.measures
def sophia() -> Measured:
    """torch has none; the aligned profile has its own, here without estimates."""
    aligned = _run_shared(specs.Sophia(1e-3), samples.GRADIENTS)
    return Measured({"exists": any("sophia" in name.lower() for name in dir(optim))}, aligned=aligned)


@DEFAULTS.measures
def weight_decay() -> Measured:
    """What a decay of 0.1 takes from a weight without a gradient, over rate * decay * weight."""
    options = {"lr": 1e-3, "weight_decay": 0.1}
    makes = {"Adam": optim.Adam, "RMSprop": optim.RMSprop, "AdamW": optim.AdamW}
    values = {name: _moved(_run(make, _ZERO, **options)) / 1e-4 for name, make in makes.items()}
    default = _run(optim.Adam, samples.GRADIENTS, **options)
    return Measured(values, default, _run_shared(specs.Adam(1e-3, weight_decay=0.1), samples.GRADIENTS))


@HOOKS.switches(weight_decay)
def switch_weight_decay(optimizer: optim.Optimizer, spec: specs.Optimizer) -> bool:
    """Add decay to the gradient, where torch's optimizer of that name does."""
    coupled = (isinstance(spec, specs.SGD | specs.RMSprop) or type(spec) is specs.Adam) and spec.weight_decay
    if not coupled:
        return False
    for group in optimizer.param_groups:
        group["coupled"], group["weight_decay"] = group["weight_decay"], 0.0

    @torch.no_grad()
    def decay(optimizer: optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.add_(parameter, alpha=group["coupled"])

    optimizer.register_step_pre_hook(decay)
    return True


@DEFAULTS.measures
def weight_decay_size() -> Measured:
    """AdamW's decay."""
    aligned = _run_shared(specs.AdamW(1e-3, weight_decay=0.01), samples.GRADIENTS)
    return Measured({"AdamW": _default(optim.AdamW, "weight_decay")}, _run(optim.AdamW, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def decay_exclusion() -> Measured:
    """Whether a bias without a gradient decays."""
    layer = nn.Linear(2, 2)
    layer.bias.data, layer.bias.grad = torch.ones(2), torch.zeros(2)
    optim.AdamW([layer.bias], lr=1e-3, weight_decay=0.1).step()
    return Measured({"biases decay": bool((layer.bias < 1).all())})


@DEFAULTS.measures
def momentum_under_schedule() -> Measured:
    """SGD with momentum 0.9: the first step at a tenth of the rate, without a gradient, over the step before."""
    rates, gradients = [0.1] * 5 + [0.01], np.array([np.ones(3)] * 5 + [np.zeros(3)], np.float32)
    path = [_scheduled(rates[:steps], gradients) for steps in (4, 5, 6)]
    ratio = (path[2] - path[1])[0] / (path[1] - path[0])[0]
    aligned = _run_shared(specs.SGD(0.1, momentum=0.9), gradients, rates)
    return Measured({"step over the one before": ratio}, path[2], aligned)


def _scheduled(rates: list[float], gradients: np.ndarray) -> np.ndarray:
    parameter = nn.Parameter(torch.from_numpy(samples.WEIGHTS.copy()))
    optimizer = optim.SGD([parameter], lr=rates[0], momentum=0.9)
    for rate, gradient in zip(rates, gradients, strict=False):
        optimizer.param_groups[0]["lr"] = rate
        _steps(optimizer, parameter, [gradient])
    return parameter.detach().numpy().copy()


@OPTIMIZERS.switches(momentum_under_schedule)
def switch_momentum_under_schedule(optimizer: optim.Optimizer) -> optim.Optimizer:
    """Return SGD whose velocity holds gradients, and not steps."""
    return _as(LateRateSGD, optimizer) if isinstance(optimizer, optimizers.MomentumSGD) else optimizer


class LateRateSGD(optimizers.MomentumSGD):
    """The velocity of torch.optim.SGD, decay apart."""

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict) -> None:
        velocity = self._slot(parameter, "velocity").mul_(group["momentum"]).add_(gradient)
        step = gradient.add(velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
        parameter.add_(step, alpha=-group["lr"])


@DEFAULTS.measures
def sparse_embedding_gradients() -> Measured:
    """Adam's first step of a row that was looked up twice, over the learning rate."""
    table = nn.Embedding(3, 1)
    before = table.weight.detach().clone()
    table(torch.tensor([0, 0])).sum().backward()
    optim.Adam(table.parameters(), lr=1e-3).step()
    step = ((before - table.weight.detach())[0, 0] / 1e-3).item()
    return Measured({"first step over rate": step}, step)


@DEFAULTS.measures
def adamax_epsilon() -> Measured:
    """Adamax with gradients near 1e-7; the norm behind gradients of 1 and 1e-3, epsilon 0.1."""
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = optim.Adamax([parameter], lr=1.0, betas=(0.0, 0.5), eps=0.1)
    path = []
    for gradient in (1.0, 1e-3):
        parameter.grad = torch.full((1,), gradient)
        before = float(parameter.detach())
        optimizer.step()
        path.append(before - float(parameter.detach()))
    gradients = samples.GRADIENTS * np.float32(1e-7)
    values = {"epsilon": _default(optim.Adamax, "eps"), _ADAMAX_NORM: 1e-3 / path[1]}
    return Measured(values, _run(optim.Adamax, gradients, lr=1e-3), _run_shared(specs.Adamax(1e-3), gradients))


_ADAMAX_NORM = "norm behind gradients of 1 and 1e-3, epsilon 0.1"


@DEFAULTS.measures
def sgd_dampening() -> Measured:
    """SGD's dampening, and 20 steps of it."""
    aligned = _run_shared(specs.SGD(0.01, momentum=0.9, dampening=0.3), samples.GRADIENTS)
    default = _run(optim.SGD, samples.GRADIENTS, lr=0.01, momentum=0.9, dampening=0.3)
    return Measured({"exists": True, "default": _default(optim.SGD, "dampening")}, default, aligned)


@DEFAULTS.measures
def lamb() -> Measured:
    """torch has none; the aligned profile has its own."""
    return Measured({"exists": hasattr(optim, "Lamb")}, aligned=_run_shared(specs.Lamb(1e-3), samples.GRADIENTS))


@DEFAULTS.measures
def adafactor_defaults() -> Measured:
    """Adafactor's learning rate; whether a gradient of 0 moves the estimate."""
    values = {"learning rate": _default(optim.Adafactor, "lr"), "added to the square": _adafactor_moves()}
    aligned = _run_shared(specs.Adafactor(0.01), samples.GRADIENTS)
    return Measured(values, _run(optim.Adafactor, samples.GRADIENTS), aligned)


def _adafactor_moves() -> bool:
    parameter = nn.Parameter(torch.ones(3))
    optimizer = optim.Adafactor([parameter])
    _steps(optimizer, parameter, np.zeros((1, 3), np.float32))
    return bool((optimizer.state[parameter]["variance"] > 0).any())


@DEFAULTS.measures
def adafactor_axes() -> Measured:
    """How many numbers Adafactor keeps of rows and columns of a kernel."""
    parameter = nn.Parameter(torch.ones(4, 2, 3, 3))
    optimizer = optim.Adafactor([parameter])
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = optimizer.state[parameter]
    return Measured({"state of a 3 x 3 kernel, 2 to 4 channels": state["row_var"].numel() + state["col_var"].numel()})


@DEFAULTS.measures
def muon_update() -> Measured:
    """Muon's first step for a gradient that is a diagonal, over the rate; whether it takes a vector."""
    try:
        optim.Muon([nn.Parameter(torch.zeros(2))])
        takes = True
    except ValueError:
        takes = False
    parameter = nn.Parameter(torch.zeros(2, 4))
    parameter.grad = torch.eye(2, 4)
    optim.Muon([parameter], lr=1.0, weight_decay=0.0).step()
    return Measured({"takes biases": takes, "step over rate of a diagonal, 4 x 2": -float(parameter.detach()[0, 0])})


@DEFAULTS.measures
def rates_by_layer() -> Measured:
    """Whether parameter groups have rates of their own."""
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.ones(1), torch.ones(1)
    groups: list[dict] = [{"params": [first]}, {"params": [second], "lr": 0.1}]
    optim.SGD(groups, lr=1.0).step()
    return Measured({"has several rates": bool(first.item() != second.item())})


@DEFAULTS.measures
def gradient_accumulation() -> Measured:
    """Backward twice, with gradients 1 and 3, then a step at the second of two rates."""
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = optim.SGD([parameter], lr=0.2)
    for gradient in (1.0, 3.0):
        (gradient * parameter).sum().backward()
    assert parameter.grad is not None
    given = float(parameter.grad)
    optimizer.step()
    moved = -float(parameter.detach())
    aligned = nn.Parameter(torch.zeros(1))
    ours = optimizers.build(specs.SGD(0.2, accumulate=2), [0.1, 0.2], [aligned])
    _steps(ours, aligned, np.array([[1.0], [3.0]], np.float32))
    values = {"1 and 3 become": given, "rate of update 1": moved / given}
    return Measured(values, moved, -float(aligned.detach()))


@DEFAULTS.measures
def weight_averages() -> Measured:
    """AveragedModel of a weight that is 1, 2 and 3; aligned: an EMA with a momentum of 0.99."""
    layer = nn.Linear(1, 1, bias=False)
    average, path = optim.swa_utils.AveragedModel(layer), []
    for value in (1.0, 2.0, 3.0):
        layer.weight.data.fill_(value)
        average.update_parameters(layer)
        path.append(float(next(average.module.parameters())))
    values = {"of 1, 2 and 3": path[-1], "first average is the weight": path[0] == 1.0}
    return Measured(values | {"replaces the weights": float(layer.weight) != 3.0}, path[-1], _aligned_average())


def _aligned_average() -> float:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = optimizers.build(specs.SGD(1.0, average=EMA(0.99)), [1.0] * 3, [weight])
    _steps(optimizer, weight, np.full((3, 1), -1.0, np.float32))
    with averaged(optimizer):
        return float(weight.detach())
