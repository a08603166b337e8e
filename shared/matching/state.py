"""How far the search has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from twotrack.shared.matching.fitting import Placed
from twotrack.shared.matching.views import Laid
from twotrack.shared.spec.units import Call

How = Literal["alone", "assignment", "names", "loose", "constant", "nearest", "size"]
"""How a weight was decided: by its unit alone; as one of several that only what follows tells apart; by names, where
nothing tells them apart; as a weight of no layer, by what follows; as a constant; as the nearest of a unit that
differs; as the only one of its size that is left, see sizes.py."""


@dataclass(frozen=True)
class Difference:
    """A place where the models differ although the weights in front of it are the same."""

    after: str
    """The recorded unit that was the last to agree; empty for the inputs."""
    recorded: str
    live: str
    """The two units at which it shows."""
    inside: bool
    """Whether it is in the units themselves, which got the same input; else it is in front of them."""
    size: float
    """The largest difference of their inputs, or of what they give if it is inside, relative to the largest number."""


@dataclass
class State:
    """What has been decided so far."""

    found: dict[str, Laid] = field(default_factory=dict)
    """By live weight."""
    how: dict[str, How] = field(default_factory=dict)
    partners: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Live unit to recorded ones."""
    fed: dict[str, np.ndarray] = field(default_factory=dict)
    """What live units get in place of their first input, behind a difference."""
    given: dict[str, np.ndarray] = field(default_factory=dict)
    """What live units give in place of their output, at a difference."""
    idle: set[str] = field(default_factory=set)
    """Live weights without a counterpart, on which what their unit gives does not depend."""
    differences: tuple[Difference, ...] = ()
    surplus: tuple[str, ...] = ()
    """Recorded weights that the live unit lacks which is else the recorded one."""

    def copy(self) -> "State":
        """Return a state that can be changed by itself."""
        kept = (dict(self.found), dict(self.how), dict(self.partners), dict(self.fed), dict(self.given))
        return State(*kept, set(self.idle), self.differences, self.surplus)

    @property
    def used(self) -> set[str]:
        """The recorded units that have a partner."""
        return {path for paths in self.partners.values() for path in paths}

    @property
    def sources(self) -> set[str]:
        """The recorded weights that were found."""
        return {source for laid in self.found.values() for source in laid.rule.sources}


@dataclass
class Observation:
    """What a run showed of the live units without a partner."""

    calls: dict[str, Call] = field(default_factory=dict)
    """The first call of every unit, in order."""
    fed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Live unit to recorded ones without a partner that get the same input."""
    choices: dict[str, list[Placed]] = field(default_factory=dict)
    """Live unit to the recorded ones that it may be, if they are several."""
    conflicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Live unit to recorded ones with the same input and as large weights, none of which it computes."""
    left: dict[str, np.ndarray | None] = field(default_factory=dict)
    """What each layer gave first, in order, if that was to be kept."""
    outputs: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Guess:
    """Weights that may be right together, which only a run can show."""

    placed: tuple[Placed, ...] = ()
    loose: tuple[tuple[str, Laid], ...] = ()
    """Live weights outside of what a unit alone can show."""

    @property
    def weights(self) -> Mapping[str, Laid]:
        """Everything that it says."""
        return {name: laid for one in self.placed for name, laid in one.weights.items()} | dict(self.loose)

    def and_also(self, other: "Guess") -> "Guess":
        """Return both."""
        return Guess(self.placed + other.placed, self.loose + other.loose)
