"""Families of pairs: each makes one pair of every number, with parameters drawn for it.

A pair is named FAMILY_NUMBER, in tests.hunt.wrong or tests.hunt.honest, so that any of them can be verified again:
`twotrack verify tests.hunt.wrong:relu6_17`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.families import Draw, Families
from twotrack import Pair


@dataclass(frozen=True)
class Reveal:
    """Where two sides of a wrong pair are seen to differ, or what else an honest one is looked at with."""

    by: str = "outputs"
    """outputs: of the model in inference mode. training: in training mode, for what has no randomness. trained: the
    weights after `steps` steps. draws: mean and covariance of the outputs in training mode over many draws. loss: of
    the loss alone. optimizer: weights after `steps` updates of the optimizer alone. after: outputs after `steps`."""
    scale: float = 1.0
    """Of normal inputs; of outputs and targets of a loss; of the gradients of an optimizer."""
    offset: float = 0.0
    """Added to inputs."""
    shrinks: bool = False
    """The gradients become smaller by the step."""
    zeros: bool = False
    """Half of the gradients of every step are zero."""
    batch_size: int = 32
    weight_scale: float = 1.0
    steps: int = 20
    calls: int = 1
    """The outputs are those of the last of so many calls."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Arrays (batch, ...) by name, as nested lists, in place of normal ones; a number fills all."""
    length: int | None = None
    """Of every open axis."""
    least: float = 1e-9
    """The relative difference that there is at least."""


@dataclass(frozen=True)
class Case:
    """One pair of a family."""

    pair: Pair
    reveal: Reveal = Reveal()
    places: tuple[str, ...] = ()
    """Names of the layers in question, one of which an exception must name to count as a warning."""
    flattened: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Height, width and channels of the images that were flattened in front of a dense layer, by its name."""


@dataclass(frozen=True)
class Family:
    """Pairs that differ, or look different, in one way."""

    name: str
    kind: str
    """Group in the table of misses."""
    text: str
    """What differs, or what only looks different."""
    make: Callable[[Draw], Case]

    def case(self, number: int) -> Case:
        """Return the pair of a number."""
        return self.make(Draw(self.name, number))

    def parameters(self, number: int) -> str:
        """Return what is drawn for a number."""
        draw = Draw(self.name, number)
        self.make(draw)
        return str(draw)


class PairFamilies(Families[Family]):
    """Families of pairs, each added where its function stands."""

    def add(self, kind: str, text: str) -> Callable[[Callable[[Draw], Case]], Callable[[Draw], Case]]:
        """Let a function be the family of its name."""

        def keep(make: Callable[[Draw], Case]) -> Callable[[Draw], Case]:
            self.keep(Family(make.__name__, kind, text, make))
            return make

        return keep

    def pair(self, name: str) -> Pair:
        """Return the pair of FAMILY_NUMBER; AttributeError if there is none, as of a module."""
        try:
            family, number = self.find(name)
        except KeyError as error:
            raise AttributeError(f"no family of '{name}'") from error
        return family.case(number).pair


WRONG, HONEST = PairFamilies(), PairFamilies()
