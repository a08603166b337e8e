"""An optimizer of torch on stand-ins for a module's parameters."""

from collections.abc import Iterator, Mapping, Sequence
from math import isclose, prod

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.weights.bridge.layouts import Layout, Shape
from twotrack.torch_track.entries import Entry, Weight
from twotrack.torch_track.placement import Part, Placement
from twotrack.torch_track.terms import Spot, Spots
from twotrack.torch_track.update_options import RATE

SAME = 1e-12
"""Relative, between shares of a learning rate that are one."""


class StandIns:
    """A parameter for each of a module's, in its order, of which some stand for canonical weights.

    A weight whose stand-in has its own shape lives where it lives in the module. The others have small parameters with
    as many axes. What stands for nothing is zero, and has no gradient.
    """

    def __init__(self, module: nn.Module, table: Mapping[str, Weight], shapes: Mapping[str, Shape]):
        own = list(module.parameters())
        self._numbers = {id(parameter): number for number, parameter in enumerate(own)}
        self._shapes = shapes
        resized = {
            id(one) for name, shape in shapes.items() if table[name].shape != shape for one in table[name].tensors
        }
        small = [name for name in shapes if not resized.isdisjoint(map(id, table[name].tensors))]
        sizes = self._small_sizes(own, table, small)
        self.parameters = [_empty(parameter, sizes.get(number)) for number, parameter in enumerate(own)]
        self._parts = {name: list(self._live(table[name], name, name in small)) for name in shapes}

    @property
    def placed(self) -> Placement:
        """Where the canonical weights live among the stand-ins."""
        numbers = {name: [part.number for part in parts] for name, parts in self._parts.items()}
        return Placement(self._shapes, numbers, self._parts.__getitem__)

    def _small_sizes(
        self, own: Sequence[Tensor], table: Mapping[str, Weight], small: Sequence[str]
    ) -> dict[int, Shape]:
        """Return the shapes of parameters with small stand-ins; `_free` says up to where each is taken."""
        self._free: dict[int, int] = {}
        inside: dict[int, list[tuple[Layout | None, Shape]]] = {}
        for name in small:
            for number, elements in self._shared(table[name], name):
                is_whole = len(elements) == prod(self._shapes[name])
                shape = self._shapes[name] if is_whole else (len(elements),)
                inside.setdefault(number, []).append((_way(table[name]) if is_whole else None, shape))
        return {number: _small_shape(own[number], found) for number, found in inside.items()}

    def _shared(self, entry: Weight, name: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the parameters that a small weight lives in, with its elements there: about as many in each."""
        tensors = entry.tensors[:1] if isinstance(entry, Entry) else entry.tensors
        elements = np.array_split(np.arange(prod(self._shapes[name])), len(tensors))
        yield from ((self._numbers[id(tensor)], part) for tensor, part in zip(tensors, elements, strict=True))

    def _live(self, entry: Weight, name: str, small: bool) -> Iterator[Part]:
        if not small:
            yield from (Part(self._numbers[id(one)], elements, places) for one, elements, places in entry.places())
            return
        for number, elements in self._shared(entry, name):
            start = self._free.get(number, 0)
            self._free[number] = start + len(elements)
            is_whole = len(elements) == prod(self._shapes[name])
            places = _small_places(self.parameters[number], _way(entry), self._shapes[name]) if is_whole else None
            yield Part(number, elements, start + (np.arange(len(elements)) if places is None else places))

    def spots(self, name: str) -> Spots:
        """Return where a weight lives, as a tensor."""
        parts = self._parts[name]
        return Spots(self._shapes[name], [Spot(self.parameters[one.number], one.elements, one.places) for one in parts])

    def assign(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Give the stand-ins values."""
        with torch.no_grad():
            for name, parts in self._parts.items():
                for part in parts:
                    flat = self.parameters[part.number].view(-1)
                    values = canonical[name].reshape(-1)[part.elements]
                    flat[torch.from_numpy(part.places).to(flat.device)] = torch.from_numpy(values).to(flat)

    def values(self) -> dict[str, np.ndarray]:
        """Return copies of the values, in canonical form."""
        values = {name: np.empty(prod(shape)) for name, shape in self._shapes.items()}
        for name, parts in self._parts.items():
            for part in parts:
                values[name][part.elements] = (
                    self.parameters[part.number].detach().cpu().numpy().reshape(-1)[part.places]
                )
        return {name: value.reshape(self._shapes[name]) for name, value in values.items()}

    def gradients(self, canonical: Mapping[str, np.ndarray]) -> dict[int, Tensor]:
        """Return gradients (steps, ...) as the parameters have them, by number."""
        stacked: dict[int, np.ndarray] = {}
        for name, parts in self._parts.items():
            for part in parts:
                size, flat = self.parameters[part.number].numel(), canonical[name].reshape(len(canonical[name]), -1)
                own = stacked.setdefault(part.number, np.zeros((len(flat), size)))
                own[:, part.places] = flat[:, part.elements]
        return {
            number: torch.from_numpy(own).to(self.parameters[number]).reshape(-1, *self.parameters[number].shape)
            for number, own in stacked.items()
        }


SMALL = 4
"""The longest axis of a large parameter that stands for nothing."""


def _empty(parameter: Tensor, shape: Shape | None) -> nn.Parameter:
    """Return a parameter of zeros in a shape, or in the parameter's own unless that is large."""
    if shape is None:
        large = parameter.numel() > SMALL**6
        shape = tuple(min(SMALL, size) for size in parameter.shape) if large else tuple(parameter.shape)
    zeros = torch.zeros(shape, dtype=parameter.dtype, device=parameter.device)
    return nn.Parameter(zeros, requires_grad=parameter.requires_grad)


def _way(entry: Weight) -> Layout | None:
    """Return the way to the canonical form, of some rows too."""
    return entry.layout if isinstance(entry, Entry) else entry.whole_layout


def _small_shape(own: Tensor, inside: Sequence[tuple[Layout | None, Shape]]) -> Shape:
    """Return torch's shape of a small weight; several in one parameter, and what only fits large ones, are flat."""
    if len(inside) == 1:
        (layout, shape) = inside[0]
        arranged = _arranged(layout, shape, own.ndim)
        if arranged is not None:
            return arranged.shape
    return (sum(prod(shape) for _, shape in inside), *(1 for _ in own.shape[1:]))


def _small_places(parameter: Tensor, layout: Layout | None, shape: Shape) -> np.ndarray:
    """Return where the elements of a small weight live in its parameter, counted from its first place."""
    arranged = _arranged(layout, shape, parameter.ndim)
    if arranged is None or arranged.shape != tuple(parameter.shape):
        return np.arange(prod(shape))
    return np.argsort(arranged.reshape(-1))


def _arranged(layout: Layout | None, shape: Shape, axes: int) -> np.ndarray | None:
    """Return the numbers of a weight's elements as torch lays them out; None for a layout of another size."""
    if layout is None:
        return None
    try:
        own = layout.from_canonical(np.arange(prod(shape)).reshape(shape))
    except ValueError:
        return None
    return own if own.ndim == axes else None


def run(
    optimizer: torch.optim.Optimizer,
    stand_ins: StandIns,
    gradients: Mapping[str, np.ndarray],
    checkpoints: Sequence[int],
) -> tuple[list[dict[str, np.ndarray]], list[float]]:
    """Take gradients (steps, ...) by name; return the values at checkpoints, and every step's learning rate.

    No learning rates if the optimizer's groups have several.
    """
    rates, kept, stacked = record_rates(optimizer), [], stand_ins.gradients(gradients)
    for step in range(checkpoints[-1]):
        for number, own in stacked.items():
            stand_ins.parameters[number].grad = own[step].clone()  # a step may change it in place
        optimizer.step()
        if step + 1 in checkpoints:
            kept.append(stand_ins.values())
    return kept, _single(rates)


def learning_rates(optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    """Return the rate of each of `steps` steps, which find no gradient and move nothing."""
    rates = record_rates(optimizer)
    with torch._C.DisableTorchFunction():  # nothing is computed that could be widened, and a look at it takes the time
        for _ in range(steps):
            optimizer.step()
    return _single(rates)


def record_rates(optimizer: torch.optim.Optimizer) -> list[list[float]]:
    """Return a list that gets, at every step, the learning rates of all groups, after the hooks that set them.

    Those of an optimizer of twotrack are without the groups' own shares.
    """
    rates: list[list[float]] = []

    def record(optimizer: torch.optim.Optimizer, *_: object) -> None:
        rates.append([float(group.get(RATE, group["lr"])) for group in optimizer.param_groups])

    optimizer.register_step_pre_hook(record)
    return rates


def _single(rates: Sequence[Sequence[float]]) -> list[float]:
    """Return the rates of the first group; empty where those of another are not a constant share of them."""
    shares = [rate / rates[0][0] if rates[0][0] else 1.0 for rate in rates[0]] if rates else []
    constant = all(
        isclose(one, share * of[0], rel_tol=SAME) for of in rates for one, share in zip(of, shares, strict=True)
    )
    return [of[0] for of in rates] if constant else []
