"""Canonical weights as views of an optimizer's parameters: for formulas that need names, norms, rows or columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.weights.bridge.layouts import Shape

if TYPE_CHECKING:
    from twotrack.torch_track.entries import Weight


@dataclass(frozen=True)
class Part:
    """Where some elements of a canonical weight live among parameters."""

    number: int
    """Of the parameter, in the module's order."""
    elements: np.ndarray
    """Which of the weight's elements, canonical and flat."""
    places: np.ndarray
    """Their places in the parameter, flat."""


@dataclass(frozen=True)
class Placement:
    """Where the canonical weights of some parameters live."""

    shapes: Mapping[str, Shape]
    """Canonical, by name."""
    numbers: Mapping[str, Sequence[int]]
    """Of the parameters that hold each weight, or a part of it."""
    locate: Callable[[str], Sequence[Part]]
    """Says where each element of a weight lives, which takes as much memory as several weights."""

    def names(self, count: int) -> list[list[str]]:
        """Return what each of `count` parameters holds."""
        held: list[list[str]] = [[] for _ in range(count)]
        for name, numbers in self.numbers.items():
            for number in numbers:
                held[number].append(name)
        return held


def placement(module: nn.Module, table: "Mapping[str, Weight]") -> Placement:
    """Return where the trained weights of a module live among its parameters."""
    own = {id(parameter): number for number, parameter in enumerate(module.parameters())}
    trained = {name: entry for name, entry in table.items() if entry.trainable}

    def locate(name: str) -> list[Part]:
        return [Part(own[id(one)], elements, places) for one, elements, places in trained[name].places()]

    numbers = {name: [own[id(one)] for one in entry.tensors] for name, entry in trained.items()}
    return Placement({name: entry.shape for name, entry in trained.items()}, numbers, locate)


class CanonicalView:
    """One canonical weight, or a parameter that is none, of an optimizer's parameters."""

    def __init__(self, name: str, shape: Shape, parts: Sequence[tuple[nn.Parameter, Tensor, Tensor]]):
        self.name, self._shape, self._parts = name, shape, parts

    @property
    def home(self) -> nn.Parameter:
        """The parameter with which an optimizer keeps its state."""
        return self._parts[0][0]

    @property
    def axes(self) -> int:
        """How many the canonical form has."""
        return len(self._shape)

    def shape_of(self, slot: str) -> Shape:
        """Return the shape of what an optimizer keeps of it: of all, or of its rows or columns."""
        shape = self._shape
        return {"row": shape[:-1], "column": (*shape[:-2], *shape[-1:])}.get(slot, shape)

    def weight(self) -> Tensor:
        """Return a copy in canonical form."""
        return self._gathered([parameter for parameter, _, _ in self._parts])

    def gradient(self) -> Tensor | None:
        """Return a copy in canonical form; None where a parameter has none."""
        found = [parameter.grad for parameter, _, _ in self._parts]
        given = [one.to_dense() if one.is_sparse else one for one in found if one is not None]
        return self._gathered(given) if len(given) == len(found) else None

    def _gathered(self, tensors: Sequence[Tensor]) -> Tensor:
        flat = tensors[0].new_empty(prod(self._shape))
        for tensor, (_, elements, places) in zip(tensors, self._parts, strict=True):
            flat[elements] = tensor.detach().reshape(-1)[places]
        return flat.reshape(self._shape)

    def assign(self, canonical: Tensor) -> None:
        """Copy a canonical tensor in."""
        self._scatter([parameter for parameter, _, _ in self._parts], canonical)

    def set_gradient(self, canonical: Tensor) -> None:
        """Replace the gradient."""
        self._scatter([parameter.grad for parameter, _, _ in self._parts if parameter.grad is not None], canonical)

    def _scatter(self, tensors: Sequence[Tensor], canonical: Tensor) -> None:
        flat = canonical.reshape(-1)
        for tensor, (_, elements, places) in zip(tensors, self._parts, strict=True):
            # a copy: with the channels last in memory, a view in the order of places may overlap the tensor in part
            own = tensor.detach().clone(memory_format=torch.contiguous_format).reshape(-1)
            own[places] = flat[elements]
            tensor.copy_(own.reshape(tensor.shape))


def views(parameters: Sequence[nn.Parameter], placed: Placement | None) -> list[CanonicalView]:
    """Return all canonical weights of parameters, and each parameter that holds none as one by itself."""
    held = placed.names(len(parameters)) if placed else [[] for _ in parameters]
    alone = [_alone(str(number), one) for number, one in enumerate(parameters) if not held[number]]
    return [*_placed(parameters, placed), *alone] if placed else alone


def _placed(parameters: Sequence[nn.Parameter], placed: Placement) -> Iterator[CanonicalView]:
    for name in placed.numbers:
        parts = placed.locate(name)
        tensors = [parameters[part.number] for part in parts]
        indices = [(torch.from_numpy(part.elements), torch.from_numpy(part.places)) for part in parts]
        yield CanonicalView(
            name,
            placed.shapes[name],
            [
                (tensor, elements.to(tensor.device), places.to(tensor.device))
                for tensor, (elements, places) in zip(tensors, indices, strict=True)
            ],
        )


def _alone(name: str, parameter: nn.Parameter) -> CanonicalView:
    every = torch.arange(parameter.numel(), device=parameter.device)
    return CanonicalView(name, tuple(parameter.shape), [(parameter, every, every)])
