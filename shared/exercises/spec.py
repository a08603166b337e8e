"""What an exercise is: a title, and the answer that a program can judge, a number or a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twotrack.shared.spec.inputs import InputShape
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.objective import Framework

if TYPE_CHECKING:
    from twotrack.shared.exercises.bench import Bench

Measure = Callable[["Bench"], float]
"""Measures a number on a bench, when it is needed."""


@dataclass(frozen=True)
class Number:
    """A number that a measurement can find again."""

    what: str
    """What to give, as a noun."""
    measure: Measure
    decimals: int = 0
    """So many must be right."""
    mistakes: Mapping[str, Measure] = field(default_factory=dict)
    """Other numbers that one may take for it, by what they are."""

    @property
    def give(self) -> str:
        """What a learner hands in."""
        precisely = f", to {self.decimals} decimal{'s' * (self.decimals > 1)}" if self.decimals else ""
        return f"a number: {self.what}{precisely}"


@dataclass(frozen=True)
class Model:
    """A model in one framework that must be the other framework's; the ladder judges."""

    write: Framework
    reference: str
    """The function of the other track's exercises that builds it."""
    what: str
    """The other framework's model, in words."""
    input_shape: InputShape
    """As Keras gets it."""
    loss: LossName
    optimizer: str = ""
    """The function of the other track's exercises that makes the optimizer, which is then part of the answer."""

    @property
    def asked_of(self) -> Framework:
        """The framework that has the model already."""
        return "keras" if self.write == "torch" else "torch"

    @property
    def until(self) -> str:
        """The last rung to climb."""
        return "training" if self.optimizer else "gradients"

    @property
    def give(self) -> str:
        """What a learner hands in."""
        functions = "build() and optimizer(...)" if self.optimizer else "build()"
        return f"a file with {functions} in {FRAMEWORKS[self.write]}: {self.what}"


FRAMEWORKS: Mapping[Framework, str] = {"keras": "Keras", "torch": "PyTorch"}


@dataclass(frozen=True)
class Exercise:
    """One exercise, as its page has it."""

    title: str
    answer: Number | Model | None = None
    """None for a question to think about: the page has the answer."""

    @property
    def give(self) -> str:
        """What a learner hands in."""
        return self.answer.give if self.answer else "nothing; the answer is on the page"
