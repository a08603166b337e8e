"""What an optimizer does beside its formula, as hooks of a torch optimizer; see twotrack.shared.spec.update_options.

All that a step changes is in the optimizer's parameter groups, and so in its `state_dict()`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from twotrack.shared.errors import UserError
from twotrack.shared.spec.optimizers import Adam, Optimizer
from twotrack.shared.spec.update_options import EMA, SWA, ClipGlobalNorm, ClipNorm, ClipValue, Group, groups_of
from twotrack.torch_track.placement import CanonicalView, Placement

ROWS = "rows"
"""Attribute of an optimizer that accumulates: how many rows the batch has whose gradients it is given next."""
RATE = "rate"
"""In a parameter group: the learning rate of a weight of no group."""
STEPS = "twotrack_steps"
"""Attribute of an optimizer of a shared spec: its Steps."""


def grouped(spec: Optimizer, parameters: Sequence[nn.Parameter], placed: Placement | None) -> list[dict[str, Any]]:
    """Return parameter groups with their share of the learning rate, and their weight decay; UserError if none fits.

    They are in the order of the spec's groups, weights of no group first.
    """
    if not spec.groups:
        return [{"params": list(parameters)}]
    if placed is None:
        raise UserError("groups: expected a model, by whose names weights are grouped, found parameters alone.")
    chosen = groups_of(placed.numbers, spec.groups)
    found = [_group(number, names, chosen) for number, names in enumerate(placed.names(len(parameters)))]
    groups = []
    for group in [None, *spec.groups]:
        own = [one for one, other in zip(parameters, found, strict=True) if other is group]
        if own:
            groups.append({"params": own} | ({} if group is None else _settings(spec, group)))
    return groups


def _settings(spec: Optimizer, group: Group) -> dict[str, Any]:
    decay = spec.weight_decay if group.weight_decay is None else group.weight_decay
    return {"share": group.learning_rate, "weight_decay": decay}


def _group(number: int, names: Sequence[str], chosen: dict[str, Group]) -> Group | None:
    """Return the group of a parameter that holds these weights; None for none."""
    groups = {chosen[name] for name in names}
    if len(groups) > 1:
        raise UserError(
            f"Group: {', '.join(names)} are one parameter of torch, which has one learning rate and one decay; "
            "let one group fit all of them."
        )
    found = next(iter(groups), None)
    return found if found is not None and found.weights != ("*",) else None


class Steps:
    """Says before each step what its learning rate is, and does what a spec does beside its formula."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        spec: Optimizer,
        learning_rates: Sequence[float],
        views: Sequence[CanonicalView],
    ):
        self._optimizer, self._spec, self._views = optimizer, spec, views
        self.learning_rates = list(learning_rates)
        """Of every batch; what is changed here counts from the next one on."""
        for group in optimizer.param_groups:
            group.setdefault("share", 1.0)
            group.update(batches_seen=0, steps_done=0)
        setattr(optimizer, ROWS, 1)
        setattr(optimizer, STEPS, self)
        optimizer.register_step_pre_hook(self._before)
        if spec.average:
            optimizer.register_step_post_hook(self._average)

    @property
    def spec(self) -> Optimizer:
        """What the optimizer does."""
        return self._spec

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return self._optimizer.param_groups

    def _before(self, *_: object) -> None:
        batch = self._groups[0]["batches_seen"]
        for group in self._groups:
            group["batches_seen"] = batch + 1
        if self._spec.accumulate > 1:
            self._gather()
        last = (batch // self._spec.accumulate + 1) * self._spec.accumulate - 1
        rate = self.learning_rates[min(last, len(self.learning_rates) - 1)]
        for group in self._groups:
            group[RATE], group["lr"] = rate, rate * group["share"]
        if not self._is_due:
            return
        self._clip()
        for group in self._groups:
            group["steps_done"] += 1
            if isinstance(self._spec, Adam):
                group["eps"] = adam_epsilon(self._spec, group["steps_done"])

    @property
    def _is_due(self) -> bool:
        """Whether the batch that was seen last makes an update."""
        return self._groups[0]["batches_seen"] % self._spec.accumulate == 0

    @torch.no_grad()
    def _gather(self) -> None:
        """Add the gradients up; leave their mean over all rows behind the last batch of an update, and none before."""
        rows = getattr(self._optimizer, ROWS)
        for group in self._groups:
            group["rows_gathered"] = group.get("rows_gathered", 0) + rows
            totals = group.setdefault("gathered", [None] * len(group["params"]))
            for number, parameter in enumerate(group["params"]):
                if parameter.grad is None:
                    continue
                gradient = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
                total = rows * gradient if totals[number] is None else totals[number] + rows * gradient
                totals[number] = None if self._is_due else total
                parameter.grad = total / group["rows_gathered"] if self._is_due else None
            if self._is_due:
                group["rows_gathered"] = 0

    @torch.no_grad()
    def _clip(self) -> None:
        match self._spec.clip:
            case ClipValue(limit):
                for parameter in self._given():
                    parameter.grad = _dense(parameter).clamp(-limit, limit)
            case ClipGlobalNorm(limit, epsilon):
                given = self._given()
                if given:
                    norm = torch.stack([_dense(one).square().sum() for one in given]).sum().sqrt()
                    for parameter in given:
                        parameter.grad = _dense(parameter) * _scale(norm, limit, epsilon)
            case ClipNorm(limit, epsilon):
                for view in self._views:
                    gradient = view.gradient()
                    if gradient is not None:
                        view.set_gradient(gradient * _scale(gradient.square().sum().sqrt(), limit, epsilon))

    def _given(self) -> list[nn.Parameter]:
        return [one for group in self._groups for one in group["params"] if one.grad is not None]

    @torch.no_grad()
    def _average(self, *_: object) -> None:
        if not self._is_due:
            return
        for group in self._groups:
            averages = group.setdefault("averages", [one.detach().clone() for one in group["params"]])
            for average, parameter in zip(averages, group["params"], strict=True):
                self._move(average, parameter, group["steps_done"])

    def _move(self, average: Tensor, weight: nn.Parameter, step: int) -> None:
        match self._spec.average:
            case EMA(momentum, overwrite_every):
                kept = momentum if step > 1 else 0.0
                average.mul_(kept).add_(weight, alpha=1 - kept)
                if overwrite_every and step % overwrite_every == 0:
                    weight.copy_(average)
            case SWA(start, every):
                number, rest = divmod(step - start, every)
                if step <= start:
                    average.copy_(weight)
                elif rest == 0:
                    average.add_(weight - average, alpha=1 / (number + 1))


def _dense(parameter: nn.Parameter) -> Tensor:
    gradient = parameter.grad
    assert gradient is not None
    return gradient.to_dense() if gradient.is_sparse else gradient


def _scale(norm: Tensor, limit: float, epsilon: float) -> Tensor:
    return (limit / (norm + epsilon)).clamp(max=1.0)


def adam_epsilon(spec: Adam, step: int) -> float:
    """Return the eps with which torch's Adam is Keras' at `step` = 1, 2, ...

    Keras divides by sqrt(v) + epsilon, torch by sqrt(v / (1 - beta_2^t)) + eps; the rest is the same.
    """
    return spec.epsilon / sqrt(1 - spec.beta_2**step)


def set_learning_rates(optimizer: torch.optim.Optimizer, learning_rates: Sequence[float]) -> None:
    """Give an optimizer of a shared spec another learning rate for every batch."""
    getattr(optimizer, STEPS).learning_rates = list(learning_rates)


@contextmanager
def averaged(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Let weights be their averages for a while, where the optimizer has any."""
    pairs = [
        (weight, average)
        for group in optimizer.param_groups
        for weight, average in zip(group["params"], group.get("averages", ()), strict=False)
    ]
    before = [weight.detach().clone() for weight, _ in pairs]
    try:
        with torch.no_grad():
            for weight, average in pairs:
                weight.copy_(average)
        yield
    finally:
        with torch.no_grad():
            for (weight, _), value in zip(pairs, before, strict=True):
                weight.copy_(value)
