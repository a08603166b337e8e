"""Families of faults: each makes, of every number, what is planted into a network, with parameters drawn for it.

A pair is named FAMILY_NUMBER, in tests.conformance.faults.pairs, so that any of them can be verified again:
`twotrack verify tests.conformance.faults.pairs:layer_norm_epsilon_0`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.faults.signs import Sign
from tests.support.families import Draw, Families

KINDS = ("dense", "sequence", "image")
"""Of networks: (batch, width); (batch, time, width); (batch, height, width of the image, width)."""
BEHIND = "(the next layer)"
"""Place of what is no layer on both sides: the first layer behind it."""
LAST = "last"
"""The layer at the end of every network."""
ANYWHERE = "*"


class Part:
    """One layer or function of a network; None where a side has nothing."""

    def __init__(
        self,
        name: str,
        keras: Callable[[Any, str], Callable] | None,
        torch: Callable[[Any], Any] | None,
        takes: Sequence[str] = ("x",),
        gives: str = "x",
        paired: bool = True,
    ):
        self.name, self.keras, self.torch = name, keras, torch
        self.takes, self.gives = tuple(takes), gives
        self.paired = paired and keras is not None and torch is not None
        """Both sides have a layer by this name."""


@dataclass(frozen=True)
class Called:
    """A module of torch with the function by which the network calls it."""

    module: Any
    function: Callable[..., Any]


@dataclass(frozen=True)
class Spot:
    """Where something is planted."""

    kind: str
    width: int
    """Features or channels."""
    sizes: tuple[int, ...]
    """Of the other axes but the batch."""
    before: str
    """The last layer in front that both sides have."""
    number: int = 0
    """Among those planted into one network."""

    def called(self, name: str) -> str:
        """Return a name for a layer that no other has."""
        return f"{name}_{self.number + 1}" if self.number else name


@dataclass(frozen=True)
class Truth:
    """What the ladder must say of a fault."""

    rung: str
    """One, or several with | between."""
    where: str
    """Likewise."""
    told: tuple[str, ...] = ()
    """Patterns that are found in what is said of the cause."""
    signs: tuple[Sign, ...] = ()
    """Every change of the cause is one of these."""


@dataclass(frozen=True)
class Plant:
    """What is planted: parts that differ, or other settings of the pair."""

    truth: Truth
    parts: Sequence[Part] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    width: int | None = None
    """Of what the parts give, where that is another one."""
    sizes: tuple[int, ...] | None = None
    end: Sequence[Part] = ()
    """What stands behind the last layer."""


Planter = Callable[[Draw, Spot], Plant]


@dataclass(frozen=True)
class Family:
    """Faults of one sort."""

    name: str
    group: str
    text: str
    """What differs."""
    plant: Planter
    kinds: Sequence[str]
    hosts: Sequence[str]
    """Networks that it can stand in; all if empty."""
    place: int | None
    """Which of a network's two places it needs."""
    count: int
    """Faults that are looked at."""
    alone: bool
    """It stands with no other fault in one network."""


class FaultFamilies(Families[Family]):
    """Families of faults, each added where its function stands."""

    def add(
        self,
        group: str,
        text: str,
        kinds: Sequence[str] = KINDS,
        hosts: Sequence[str] = (),
        place: int | None = None,
        count: int = 1,
        alone: bool = False,
    ) -> Callable[[Planter], Planter]:
        """Let a function be the family of its name."""

        def keep(plant: Planter) -> Planter:
            self.keep(Family(plant.__name__, group, text, plant, kinds, hosts, place, count, alone))
            return plant

        return keep


FAULTS = FaultFamilies()
