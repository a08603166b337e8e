"""Steps by settings in the place of those that the optimizers of a training function of the user's own do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from twotrack.shared.spec.changes import SetUpdate
from twotrack.torch_track.changes.ruled import Ruled
from twotrack.torch_track.changes.updates import UNMOVED, held_by, settings_of
from twotrack.torch_track.placement import placement

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel


class LoopUpdates:
    """Updates all parameters of a module by what the user's optimizer states at each step, with changes."""

    def __init__(self, model: "TorchModel", changes: Sequence[SetUpdate], begins: Sequence[float] | None):
        """The state begins anew at the steps `begins` (0-based), or with every optimizer of the user's for None."""
        self._parameters = list(model.module.parameters())
        self._placed = placement(model.module, model.table())
        self._held, self._changes, self._begins = list(held_by(model)), changes, begins
        self._steps = 0
        self._optimizer: torch.optim.Optimizer | None = None
        self._ruled: Ruled | None = None
        self._gradients: list[tuple[nn.Parameter, Tensor | None]] = []

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Step, and leave the optimizer nothing to do: it has no gradients until `end`."""
        if self._ruled is None or self._begins_anew(optimizer):
            self._ruled = self._made(optimizer)
        self._optimizer = optimizer
        self._ruled.step()
        self._steps += 1
        given = {id(one) for group in optimizer.param_groups for one in group["params"]}
        self._gradients = [(one, one.grad if id(one) in given else None) for one in self._parameters]
        for one in self._parameters:
            one.grad = None

    def end(self) -> None:
        """Give gradients back, as the optimizer's own step would have left them."""
        for one, gradient in self._gradients:
            one.grad = gradient
        self._gradients = []

    def _begins_anew(self, optimizer: torch.optim.Optimizer) -> bool:
        return optimizer is not self._optimizer if self._begins is None else self._steps in self._begins

    def _made(self, optimizer: torch.optim.Optimizer) -> Ruled:
        self._optimizer = optimizer
        settings = self._now()
        for own in settings:
            own["moving"] = tuple(own.keys() - UNMOVED)
        for change in self._changes:
            for own, (names, _) in zip(settings, self._held, strict=True):
                if not change.weights or not set(names).isdisjoint(change.weights):
                    self._set(own, change)
        layouts = [layout for _, layout in self._held]
        ones = [1.0] * len(settings)
        return Ruled(self._parameters, settings, layouts, self._rates, ones, self._placed, self._now)

    def _set(self, own: dict[str, Any], change: SetUpdate) -> None:
        value = change.value
        if change.setting == "rate" and isinstance(value, tuple):  # of all steps, of which some may be over
            value = value[min(self._steps, len(value) - 1) :]
        own[change.setting] = value
        own["moving"] = tuple(name for name in own["moving"] if name != change.setting)

    def _rates(self) -> list[float]:
        assert self._optimizer is not None
        found = {id(one): float(group["lr"]) for group in self._optimizer.param_groups for one in group["params"]}
        return [found.get(id(one), 0.0) for one in self._parameters]

    def _now(self) -> list[dict[str, Any]]:
        """Return the settings of every parameter, whose rate is its own and no share of another."""
        assert self._optimizer is not None
        return [own | {"share": 1.0} for own in settings_of(self._optimizer, self._parameters, self._placed)]
