"""Where canonical weights live in a torch module: in one parameter, in parts of several, or nowhere."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.weights.bridge.layouts import Layout, Shape
from twotrack.shared.weights.correspondence.rule import WeightRule


class Place(NamedTuple):
    """Where some elements of a canonical weight live."""

    tensor: Tensor
    elements: np.ndarray
    """Which of the weight's elements, canonical and flat."""
    places: np.ndarray
    """Their places in the tensor, flat."""


class Weight(ABC):
    """Where a canonical weight lives in the module."""

    torch_name: str
    """What torch calls it, or the first of what it is made of."""

    @property
    @abstractmethod
    def tensors(self) -> tuple[Tensor, ...]:
        """The module's tensors that hold it, or parts of it."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """The canonical shape."""

    @property
    @abstractmethod
    def whole_layout(self) -> Layout | None:
        """The way to the canonical form, if it is all of one tensor."""

    @abstractmethod
    def own(self) -> np.ndarray:
        """Return it in canonical form, perhaps as a view of the module's."""

    @abstractmethod
    def gradient(self) -> np.ndarray:
        """Return the gradient in canonical form, zeros where the loss does not depend on the weight."""

    @abstractmethod
    def set_gradient(self, canonical: np.ndarray) -> None:
        """Replace the gradient; that of what else the tensors hold stays."""

    @abstractmethod
    def assign(self, canonical: np.ndarray) -> None:
        """Copy a canonical array in, cast to the module's type."""

    def value(self) -> np.ndarray:
        """Return a copy in canonical form."""
        return np.array(self.own(), order="C")

    @property
    def type(self) -> np.dtype:
        """That of its values."""
        return _to_numpy(self.tensors[0].flatten()[:0]).dtype

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those of the tensors that can be trained."""
        return [tensor for tensor in self.tensors if isinstance(tensor, nn.Parameter)]

    @property
    def trainable(self) -> bool:
        """Whether training updates it."""
        return any(tensor.requires_grad for tensor in self.tensors)

    def places(self) -> Iterator[Place]:
        """Yield where every element lives, by tensor."""
        for tensor, numbers in zip(self.tensors, self._numbered(), strict=True):
            elements = np.flatnonzero(numbers >= 0)
            yield Place(tensor, numbers.reshape(-1)[elements], elements)

    @abstractmethod
    def _numbered(self) -> list[np.ndarray]:
        """Return, for each tensor, the number of the canonical element at each place; -1 where there is none."""


def _unnumbered(tensor: Tensor) -> np.ndarray:
    return np.full(tuple(tensor.shape), -1)


@dataclass(frozen=True)
class Entry(Weight):
    """A weight of one parameter, or of some of its rows, in a layout that its layer has."""

    torch_name: str
    parameter: Tensor
    layout: Layout
    """To the canonical form."""
    rows: slice | None = None
    """The part of the parameter that is this weight; None for all of it."""
    added: Tensor | None = None
    """Second bias of an LSTM or RNN. Only the sum counts, which is the canonical bias."""
    stacked: Tensor | None = None
    """Second bias of a GRU: the second row of the canonical bias (2, 3*hidden)."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The parameter, and a second bias that is a row of its own."""
        return (self.parameter,) if self.stacked is None else (self.parameter, self.stacked)

    @property
    def tensor(self) -> Tensor:
        """The parameter, or a view of its rows."""
        return self.parameter if self.rows is None else self.parameter[self.rows]

    @property
    def shape(self) -> Shape:
        """The canonical shape."""
        own = self.tensor.shape if self.stacked is None else (2, *self.tensor.shape)
        return self.layout.canonical_shape(tuple(own))

    @property
    def whole_layout(self) -> Layout | None:
        """The way to the canonical form, but for a part of the rows."""
        return self.layout if self.rows is None else None

    def own(self) -> np.ndarray:
        """Return it in canonical form."""
        if self.added is None or not self.added.any():  # adding 0 would lose the sign of a bias of -0
            return self._canonical(self.tensor, self.stacked)
        return self._canonical(self.tensor + self.added)

    def gradient(self) -> np.ndarray:
        """Return the gradient in canonical form; that of a sum of two biases is that of either one."""
        first = _gradient(self.parameter)
        second = None if self.stacked is None else _gradient(self.stacked)
        return np.array(self._canonical(first if self.rows is None else first[self.rows], second), order="C")

    def set_gradient(self, canonical: np.ndarray) -> None:
        """Replace the gradient of the parameter's rows, and of a second bias."""
        own = _from_numpy(self.layout.from_canonical(canonical))
        for tensor, new in [(self.parameter, own)] if self.stacked is None else zip(self.tensors, own, strict=True):
            if tensor.requires_grad:  # an optimizer would update any other that has a gradient
                tensor.grad = _gradient(tensor)
                (tensor.grad if self.rows is None else tensor.grad[self.rows]).copy_(new)
        if self.added is not None and self.added.requires_grad:
            self.added.grad = own.to(self.added, copy=True)

    def assign(self, canonical: np.ndarray) -> None:
        """Copy a canonical array in; a second bias that is added becomes 0."""
        own = _from_numpy(self.layout.from_canonical(canonical))
        with torch.no_grad():
            self.tensor.copy_(own if self.stacked is None else own[0])
            if self.stacked is not None:
                self.stacked.copy_(own[1])
            if self.added is not None:
                self.added.zero_()

    def _canonical(self, first: Tensor, second: Tensor | None = None) -> np.ndarray:
        own = _to_numpy(first) if second is None else np.stack([_to_numpy(first), _to_numpy(second)])
        return self.layout.to_canonical(own)

    def _numbered(self) -> list[np.ndarray]:
        shape = self.shape
        numbers = self.layout.from_canonical(np.arange(int(np.prod(shape))).reshape(shape))
        if self.stacked is not None:
            return list(numbers)
        found = _unnumbered(self.parameter)
        found[... if self.rows is None else self.rows] = numbers
        return [found]


@dataclass(frozen=True)
class Mapped(Weight):
    """A weight that a rule makes of others of the module's."""

    rule: WeightRule
    sources: tuple[Entry, ...]
    """In the rule's order."""

    @property
    def torch_name(self) -> str:  # type: ignore[override]  # a field of the other kinds
        """The rule, in a line."""
        return str(self.rule)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those of all sources."""
        return tuple(tensor for source in self.sources for tensor in source.tensors)

    @property
    def shape(self) -> Shape:
        """The canonical shape."""
        return self.rule.canonical_shape([source.shape for source in self.sources])

    @property
    def whole_layout(self) -> Layout | None:
        """The rule, if it takes all of one source."""
        is_whole = len(self.sources) == 1 and not (self.rule.part or self.rule.rows or self.sources[0].rows)
        return _AsLayout(self.rule, self.sources[0]) if is_whole else None

    def own(self) -> np.ndarray:
        """Return it in canonical form."""
        return self.rule.to_canonical([source.own() for source in self.sources])

    def gradient(self) -> np.ndarray:
        """Return the gradient in canonical form."""
        return np.array(self.rule.to_canonical([source.gradient() for source in self.sources]), order="C")

    def set_gradient(self, canonical: np.ndarray) -> None:
        """Replace that part of the sources' gradients."""
        arrays = [source.gradient() for source in self.sources]
        self.rule.scatter(canonical, arrays)
        for source, array in zip(self.sources, arrays, strict=True):
            source.set_gradient(array)

    def assign(self, canonical: np.ndarray) -> None:
        """Copy a canonical array into its part of the sources."""
        arrays = [source.value() for source in self.sources]
        self.rule.scatter(canonical, arrays)
        for source, array in zip(self.sources, arrays, strict=True):
            source.assign(array)

    def _numbered(self) -> list[np.ndarray]:
        shape = self.shape
        arrays = [np.full(source.shape, -1) for source in self.sources]
        self.rule.scatter(np.arange(int(np.prod(shape))).reshape(shape), arrays)
        return [numbers for source, own in zip(self.sources, arrays, strict=True) for numbers in _inside(source, own)]


def _inside(source: Entry, canonical: np.ndarray) -> list[np.ndarray]:
    """Return, for each tensor of a source, what of an array in its canonical form lies where."""
    return [np.where(own >= 0, canonical.reshape(-1)[np.maximum(own, 0)], -1) for own in source._numbered()]


@dataclass(frozen=True)
class _AsLayout(Layout):
    """A rule of one whole source, after the source's own way to its canonical form."""

    rule: WeightRule
    source: Entry

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Go both ways."""
        return self.rule.to_canonical([self.source.layout.to_canonical(array)])

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Go both ways back, from another size too where the rule leaves that open; else ValueError."""
        return self.source.layout.from_canonical(self.rule.from_canonical(array))


@dataclass(frozen=True)
class Constant(Weight):
    """A weight that the module does not have: every element has one value, which stays."""

    rule: WeightRule
    module_type: np.dtype
    torch_name = "a constant"

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """None."""
        return ()

    @property
    def type(self) -> np.dtype:
        """The module's."""
        return self.module_type

    @property
    def shape(self) -> Shape:
        """The canonical shape."""
        return self.rule.canonical_shape([])

    @property
    def whole_layout(self) -> None:
        """There is none."""
        return None

    def own(self) -> np.ndarray:
        """Return the constant."""
        return self.rule.to_canonical([]).astype(self.module_type)

    def gradient(self) -> np.ndarray:
        """Return zeros: nothing in the module depends on it."""
        return np.zeros(self.shape, self.module_type)

    def set_gradient(self, canonical: np.ndarray) -> None:
        """Do nothing: it has none."""

    def assign(self, canonical: np.ndarray) -> None:
        """Do nothing: the module has no place for it, so it stays what it is."""

    def _numbered(self) -> list[np.ndarray]:
        return []


def _from_numpy(array: np.ndarray) -> Tensor:
    """Return a tensor to read, which shares the array's memory where torch can: a weight may be most of a model."""
    is_taken = array.flags.writeable and all(stride >= 0 for stride in array.strides)
    return torch.from_numpy(array if is_taken else np.array(array, order="C"))


def _to_numpy(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    # NumPy has no bfloat16; float32 holds each of its values exactly.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        return torch.zeros_like(parameter)
    return parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
