"""What the search asks of a model: its units, its weights, and a run in which every call of a unit can be looked at."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

Arrays = list["np.ndarray"]
Weights = Mapping[str, "np.ndarray"]


@dataclass(frozen=True)
class Unit:
    """A layer with weights of its own, or a part of one that bundles several."""

    path: str
    kind: str
    """The class of the layer."""
    is_leaf: bool
    """Whether all that it computes, it computes by itself. If not, its weights are looked for one by one."""
    weights: Mapping[str, str]
    """Parameter to the name of the weight in the model; layers that share a weight both name it."""


@dataclass
class Call:
    """One call of a unit, while it is being made or afterwards."""

    unit: Unit
    number: int
    """Of this unit's calls in the run, from 0."""
    given: Callable[[], Arrays]
    """Returns what the unit was given, in order."""
    alone: Callable[["np.ndarray | None"], Arrays]
    """Makes the call again with the weights that the model has now, and with another first input if one is given.

    Returns what the unit gives, then what stands before its activation, if it has one of its own."""

    @cached_property
    def inputs(self) -> Arrays:
        """What the unit was given."""
        return self.given()


class Visitor(Protocol):
    """Looks at the calls of a run."""

    wants_operations: bool
    """Whether it looks at the values between layers as well."""

    def enter(self, call: Call) -> "np.ndarray | None":
        """Look at a call that is about to be made; return what takes the place of its first input, if anything."""

    def leave(self, call: Call, outputs: Callable[[], Arrays]) -> "np.ndarray | None":
        """Look at a call that was made; return what takes the place of what it gave, if anything."""

    def passed(self, path: str, outputs: Callable[[], Arrays]) -> "np.ndarray | None":
        """Look at what any layer gave, units too, before `leave`; return what takes the place of it, if anything."""

    def saw(self, value: "np.ndarray") -> None:
        """Look at a value of an operation."""


@dataclass
class Bystander:
    """Looks at nothing."""

    wants_operations: bool = False

    def enter(self, call: Call) -> "np.ndarray | None":
        """Leave the call as it is."""

    def leave(self, call: Call, outputs: Callable[[], Arrays]) -> "np.ndarray | None":
        """Leave what it gave as it is."""

    def passed(self, path: str, outputs: Callable[[], Arrays]) -> "np.ndarray | None":
        """Leave what it gave as it is."""

    def saw(self, value: "np.ndarray") -> None:
        """Look away."""


class Side(ABC):
    """A model in float64 and in inference mode, with a batch of inputs of its own."""

    units: Sequence[Unit]
    """In the order in which the model names them."""
    built: Weights
    """The weights that the model was built with, in its own layout, by name; integers are left out."""
    statistics: frozenset[str] = frozenset()
    """Weights that training does not update by their gradients."""

    @abstractmethod
    def assign(self, weights: Weights) -> None:
        """Replace some weights."""

    @abstractmethod
    def run(self, visitor: Visitor) -> Arrays:
        """Run the model once, show the visitor every call of a unit, and return the outputs."""

    def without_effect(self) -> list[str]:
        """Return the weights that no output depends on, as far as the side can tell."""
        return []
