"""Random numbers that a model draws: what it asks for, and a source that answers alike in every framework.

A framework's own layers turn the numbers into masks and noise, by their own rate and their own scale: what a layer
does with its numbers stays under test, and only the numbers are the same. They are drawn once, in NumPy, by step and by
place in the order of draws, so a process needs to know nothing of another.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from twotrack.shared.spec.replicas import Share

Base = Literal["uniform", "normal"]
"""Distribution of the numbers: uniform in [0, 1), or normal with mean 0 and variance 1."""
BASES: tuple[Base, ...] = ("uniform", "normal")
SHOWN_EXAMPLES = 2
"""Examples whose values are kept of what a draw is applied to."""
BELOW_ONE = 1 - 2.0**-24
"""The largest number below 1 that is one in float32 too."""


def keeps(uniform: np.ndarray, probability: np.ndarray | float) -> np.ndarray:
    """Return where a draw of 1 with this probability is 1: where a dropout of rate 1 - probability keeps a value.

    Every backend's dropout keeps where its uniform number is at least the rate; so does this.
    """
    return uniform >= 1 - np.asarray(probability, dtype=float)


@dataclass(frozen=True)
class Draw:
    """One request for random numbers in a forward pass."""

    number: int
    """In the order of requests of the pass, from 0."""
    base: Base | None
    """What the numbers are made of; None where they cannot be replaced."""
    shape: tuple[int, ...]
    """Canonical: channels last."""
    function: str
    """What the model called: dropout, normal, rand, lstm."""
    rate: float | None
    """Share of values that a dropout drops; None of other draws."""
    layer: str
    """Canonical path of the innermost layer that called it; empty for the model itself."""
    kind: str
    """That layer's class name."""
    after: str
    """Path of the last layer that had returned by then; empty if none had."""

    @property
    def controlled(self) -> bool:
        """Its numbers can be replaced."""
        return self.base is not None

    @property
    def is_dropout(self) -> bool:
        """It states a rate."""
        return self.rate is not None

    @property
    def size(self) -> int:
        """How many numbers it asks for."""
        return int(np.prod(self.shape))

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        inside = f"in '{self.layer}'" if self.layer else "in the model itself"
        return f"{inside}, behind '{self.after}'" if self.after else inside


@dataclass
class DrawnPass:
    """One forward pass: its draws, and what it computed with them."""

    draws: list[Draw]
    values: list[np.ndarray | None]
    """What each draw is applied to, of the first examples, channels last; None where that is not known."""
    outputs: list[np.ndarray]


@dataclass(frozen=True)
class Counterpart:
    """Which numbers of the other side a draw gets."""

    number: int
    """Of the other side's draw."""
    axes: tuple[int, ...] | None = None
    """Own axes in the order that the other side has; None where it is the same."""
    mirrored: bool = False
    """The distribution is symmetric: u becomes 1 - u, and a normal number changes its sign."""


Alignment = Mapping[int, Counterpart]
"""By number of the own draw; a draw that is not in it has the numbers of its own."""
AS_COUNTED: Alignment = MappingProxyType({})
"""Every draw has the numbers of its own."""


class DrawSource(ABC):
    """Where the numbers of a model's draws come from."""

    def __init__(self) -> None:
        self._next = 0

    def begin_pass(self) -> None:
        """Count draws from 0 again: a forward pass begins, or is compiled."""
        self._next = 0

    def count(self) -> int:
        """Return the number of the next draw of this pass."""
        self._next += 1
        return self._next - 1

    @abstractmethod
    def numbers(self, base: Base, shape: tuple[int, ...], number: int, state: bytes = b"") -> np.ndarray:
        """Return float64 numbers for the draw `number`.

        `state` stands for the framework's own generator before the draw: a model that draws the same numbers
        twice, from a seed that it sets itself, gets the same numbers twice here. Empty: every draw is fresh.
        """

    @abstractmethod
    def advance(self) -> None:
        """A training step was done."""

    @abstractmethod
    def mark(self) -> object:
        """Return the place that training has come to, for `go_back`."""

    @abstractmethod
    def go_back(self, mark: object) -> None:
        """Draw from a marked place on again."""


@dataclass
class _Place:
    step: int = 0
    first_use: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """By state of the framework's generator, the step and number of the draw that met it first."""


class SharedDraws(DrawSource):
    """Numbers that every process draws alike, from seed, step and number of the draw."""

    def __init__(self, seed: int, alignment: Alignment = AS_COUNTED):
        super().__init__()
        self._seed, self._alignment, self._place = seed, alignment, _Place()
        self.repeats: dict[int, tuple[int, int]] = {}
        """By number of a draw that got the numbers of an earlier one last time: that one's step and number."""

    def numbers(self, base: Base, shape: tuple[int, ...], number: int, state: bytes = b"") -> np.ndarray:
        """Return the numbers of this step, or those of the step at which the framework would have drawn them first."""
        counterpart = self._alignment.get(number, Counterpart(number))
        now = (self._place.step, counterpart.number)
        origin = self._place.first_use.setdefault(state, now) if state else now
        self.repeats.pop(number, None)
        if origin != now:
            self.repeats[number] = origin
        drawn = _arranged(draw_numbers(base, int(np.prod(shape)), self._seed, *origin), shape, counterpart.axes)
        return _mirror(base, drawn) if counterpart.mirrored else drawn

    def advance(self) -> None:
        """Go to the next step."""
        self._place.step += 1

    def mark(self) -> _Place:
        """Return step and states met."""
        return _Place(self._place.step, dict(self._place.first_use))

    def go_back(self, mark: object) -> None:
        """Go back to a step, and forget the states met since."""
        if not isinstance(mark, _Place):
            raise TypeError(f"expected a mark of SharedDraws, found {type(mark).__name__}.")
        self._place = _Place(mark.step, dict(mark.first_use))

    @property
    def step(self) -> int:
        """Of the training, 0-based."""
        return self._place.step

    def restart(self, step: int = 0) -> None:
        """Go to the first step, or to a later one (0-based) of a training that began elsewhere."""
        self._place = _Place(step)


class ConstantDraws(DrawSource):
    """One number for every draw, so that values behind it do not depend on which draw it was."""

    def numbers(self, base: Base, shape: tuple[int, ...], number: int, state: bytes = b"") -> np.ndarray:
        """Return a number that a dropout keeps up to a rate of 0.75, or a small noise."""
        return np.full(shape, 0.75 if base == "uniform" else 0.5)

    def advance(self) -> None:
        """Nothing changes from step to step."""

    def mark(self) -> None:
        """Return nothing: every place is the same."""

    def go_back(self, mark: object) -> None:
        """Stay."""


def draw_numbers(base: Base, size: int, seed: int, step: int, number: int) -> np.ndarray:
    """Return `size` float64 numbers of a stream of their own."""
    generator = np.random.default_rng([seed, step, number, BASES.index(base)])
    return np.minimum(generator.random(size), BELOW_ONE) if base == "uniform" else generator.standard_normal(size)


def _arranged(numbers: np.ndarray, shape: tuple[int, ...], axes: tuple[int, ...] | None) -> np.ndarray:
    """Give numbers in the other side's order of axes the own one: other axis i is own axis axes[i]."""
    if axes is None:
        return numbers.reshape(shape)
    return numbers.reshape([shape[axis] for axis in axes]).transpose(np.argsort(axes))


def _mirror(base: Base, numbers: np.ndarray) -> np.ndarray:
    return np.minimum(1 - numbers, BELOW_ONE) if base == "uniform" else -numbers


class DrawsWithin(DrawSource):
    """What is drawn from another source, whose steps and place it has."""

    def __init__(self, source: DrawSource):
        super().__init__()
        self._source = source

    def advance(self) -> None:
        """Go to the next step."""
        self._source.advance()

    def mark(self) -> object:
        """Return the place of that source."""
        return self._source.mark()

    def go_back(self, mark: object) -> None:
        """Go back to it."""
        self._source.go_back(mark)


class DrawsOfShare(DrawsWithin):
    """What a replica draws for its share of a batch: its rows of what one replica would draw for the whole batch."""

    def __init__(self, source: DrawSource, share: Share, rows: int):
        super().__init__(source)
        self._share, self._rows = share, rows

    def numbers(self, base: Base, shape: tuple[int, ...], number: int, state: bytes = b"") -> np.ndarray:
        """Return the share's rows; a draw that has no row for every example is the same in all replicas."""
        own = self._share.end - self._share.begin
        if not shape or shape[0] % own:
            return self._source.numbers(base, shape, number, state)
        per_row = shape[0] // own
        whole = self._source.numbers(base, (per_row * self._rows, *shape[1:]), number, state)
        return whole[per_row * self._share.begin : per_row * self._share.end]
