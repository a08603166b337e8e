"""What torch's training holds to weights beside the loss: penalties, which are added to it, and constraints."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from math import prod
from operator import add
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.errors import as_user_error
from twotrack.shared.spec.regularisation import (
    Activity,
    Constraint,
    CustomPenalty,
    Penalty,
    WeightPenalty,
    activity_value,
    by_weight,
    constrained,
    penalty_value,
)
from twotrack.torch_track import loss_operations
from twotrack.torch_track.entries import Weight


class Spot(NamedTuple):
    """Where some elements of a canonical weight live."""

    tensor: Tensor
    elements: np.ndarray
    places: np.ndarray
    """Both flat."""


class Spots:
    """A canonical weight, wherever it lives, as a tensor that gradients go through."""

    def __init__(self, shape: Sequence[int], spots: Sequence[Spot]):
        self._shape = tuple(shape)
        self._spots = [
            (one.tensor, *(torch.from_numpy(part).to(one.tensor.device) for part in one[1:])) for one in spots
        ]

    def value(self) -> Tensor:
        """Return it in canonical form."""
        first = self._spots[0][0]
        flat = torch.zeros(prod(self._shape), dtype=first.dtype, device=first.device)
        for tensor, elements, places in self._spots:
            flat = flat.index_copy(0, elements, tensor.reshape(-1)[places])
        return flat.reshape(self._shape)

    def assign(self, value: Tensor) -> None:
        """Replace it in place."""
        with torch.no_grad():
            for tensor, elements, places in self._spots:
                tensor.view(-1)[places] = value.reshape(-1)[elements]


Find = Callable[[str], Spots]
"""Returns where a weight lives, by its canonical name."""


def in_table(table: Mapping[str, Weight]) -> tuple[list[str], Find]:
    """Return the names of a module's weights that training updates, and what finds each."""
    names = [name for name, entry in table.items() if entry.trainable]
    return names, lambda name: Spots(table[name].shape, [Spot(*place) for place in table[name].places()])


def _of(held: Mapping[str, list[Any]], names: Collection[str]) -> dict[str, list[Any]]:
    return {name: own for name, own in held.items() if name in names}


class Terms:
    """Penalties and constraints of a module, or of stand-ins of its parameters."""

    def __init__(
        self,
        penalties: Sequence[Penalty],
        constraints: Sequence[Constraint],
        names: Sequence[str],
        find: Find,
        module: nn.Module,
        there: Collection[str] | None = None,
    ):
        """Take the names of what is trained; of stand-ins, those that are there."""
        kept = names if there is None else there
        self._module = module
        self._penalised: Mapping[str, list[WeightPenalty]] = _of(by_weight(penalties, True, names), kept)
        self._constrained: Mapping[str, list[Constraint]] = _of(by_weight(constraints, True, names), kept)
        self._weights = {name: find(name) for name in {*self._penalised, *self._constrained}}
        self._custom = [one for one in penalties if isinstance(one, CustomPenalty)]

    @property
    def penalises(self) -> bool:
        """Any penalty is added."""
        return bool(self._penalised or self._custom)

    def penalty(self) -> Tensor:
        """Return the sum of all penalties."""
        values = [
            penalty_value(one, loss_operations, self._weights[name].value())
            for name, held in self._penalised.items()
            for one in held
        ]
        for one in self._custom:
            with as_user_error("the torch penalty function failed"):
                values.append(one.torch(self._module))
        return reduce(add, values)

    def constrain(self) -> None:
        """Let the constraints act."""
        for name, held in self._constrained.items():
            for one in held:
                spots = self._weights[name]
                spots.assign(constrained(one, loss_operations, spots.value().detach()))

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Let the constraints act after every step of an optimizer."""
        if self._constrained:
            optimizer.register_step_post_hook(lambda *_: self.constrain())

    def attach_penalty(self, optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> None:
        """Let the gradients of penalties be added before every step: to stand-ins, which no loss sees."""
        if self.penalises:
            optimizer.register_step_pre_hook(lambda *_: self._add_gradients(parameters))

    def _add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        own = [one for one in parameters if one.requires_grad and one.grad is not None]
        with torch.enable_grad():
            found = torch.autograd.grad(self._of(parameters), own, allow_unused=True, materialize_grads=True)
        for parameter, gradient in zip(own, found, strict=True):
            assert parameter.grad is not None
            parameter.grad = parameter.grad + gradient

    def _of(self, parameters: Sequence[nn.Parameter]) -> Tensor:
        """Return the penalty of stand-ins, which a function of the user's finds in the module."""
        if not self._custom:
            return self.penalty()
        asked = _Asked(self._module, self.penalty)
        names = [name for name, _ in asked.named_parameters()]
        found: Tensor = torch.func.functional_call(asked, dict(zip(names, parameters, strict=True)), ())
        return found


class _Asked(nn.Module):
    """A module as a part of one whose forward pass is a function."""

    def __init__(self, module: nn.Module, function: Callable[[], Tensor]):
        super().__init__()
        self.module, self._function = module, function

    def forward(self) -> Tensor:
        """Call the function."""
        return self._function()


@contextmanager
def activities(penalties: Sequence[Penalty], layer: Callable[[str], nn.Module]) -> Iterator[Callable[[], list[Tensor]]]:
    """Watch what layers give; yield what returns the penalties of it. KeyError if there is no such layer."""
    given: list[tuple[Activity, Tensor]] = []
    handles = []
    for one in penalties:
        if isinstance(one, Activity) and one.on(is_torch=True):
            watch = lambda _, args, output, one=one: given.append((one, output))  # noqa: E731
            handles.append(layer(one.path(is_torch=True)).register_forward_hook(watch))
    try:
        yield lambda: [activity_value(one, loss_operations, values) for one, values in given]
    finally:
        for handle in handles:
            handle.remove()
