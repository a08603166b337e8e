"""Every planted pair by its name: tests.conformance.faults.pairs:FAMILY_NUMBER, and of two faults FAMILY_and_FAMILY."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tests.conformance.faults import (  # noqa: F401 - each adds its families
    attention,
    chance,
    functions,
    losses,
    norms,
    orders,
    sequences,
    training,
    values,
    windows,
)
from tests.conformance.faults.family import FAULTS, KINDS, Family, Plant, Spot, Truth
from tests.conformance.faults.hosts import HOSTS
from tests.conformance.faults.network import Sown
from tests.support.families import Draw
from twotrack import Pair
from twotrack.shared.verify.request import RUNGS

AND = "_and_"
TRIED = 40
"""Numbers of which a family's faults are chosen."""
STRIDE = 7
"""Between the families that faults of two are made of."""
TWO = 55
"""Faults of two."""
FEW = 6
"""Of them, by default."""


@dataclass(frozen=True)
class Fault:
    """A pair with one planted fault or two."""

    families: Sequence[Family]
    number: int

    @property
    def name(self) -> str:
        return f"{AND.join(family.name for family in self.families)}_{self.number}"

    @property
    def reference(self) -> str:
        """As `twotrack verify` takes it."""
        return f"{__name__}:{self.name}"

    def made(self) -> "Made":
        """Make the pair."""
        draws = [Draw(family.name, self.number) for family in self.families]
        draw, hosts = Draw(self.name, self.number), shared_hosts(self.families)
        kind = draw.one_of("kind", *hosts)
        chosen = draw.one_of("network", *hosts[kind])
        host = next(one for one in HOSTS[kind] if one.__name__ == chosen)
        planters = [partial(_planted, family, own) for family, own in zip(self.families, draws, strict=True)]
        at = _places(draw, self.families)
        sown = host(draw, *(planters[at.index(place)] if place in at else None for place in (0, 1)))
        return Made(sown, [draw, *draws])


def _planted(family: Family, draw: Draw, spot: Spot) -> Plant:
    return family.plant(draw, spot)


def shared_hosts(families: Sequence[Family]) -> dict[str, list[str]]:
    """Return the networks by kind in which all of some families can stand, side by side."""
    places = [family.place for family in families if family.place is not None]
    if len(set(places)) < len(places):
        return {}
    found = {
        kind: [
            host.__name__
            for host in HOSTS[kind]
            if all(kind in family.kinds and (not family.hosts or host.__name__ in family.hosts) for family in families)
        ]
        for kind in KINDS
    }
    return {kind: hosts for kind, hosts in found.items() if hosts}


def _places(draw: Draw, families: Sequence[Family]) -> list[int]:
    """Return where each family stands."""
    if len(families) == 1:
        own = families[0].place
        return [draw.one_of("place", 0, 1) if own is None else own]
    fixed = [family.place for family in families]
    if fixed == [None, None]:
        return [0, 1]
    return [1 - fixed[1] if place is None else place for place in fixed[:1]] + [
        1 - fixed[0] if place is None else place for place in fixed[1:]
    ]


@dataclass(frozen=True)
class Made:
    """A pair as it was drawn."""

    sown: Sown
    draws: Sequence[Draw]

    @property
    def pair(self) -> Pair:
        settings: dict[str, Any] = {}
        for plant in self.sown.plants:
            settings |= plant.settings
        return Pair(self.sown.keras(), self.sown.torch(), self.sown.inputs, **settings)

    @property
    def truths(self) -> list[Truth]:
        """In the order in which the ladder meets them."""
        return sorted(self.sown.truths, key=lambda truth: RUNGS.index(truth.rung.partition("|")[0]))

    @property
    def parameters(self) -> str:
        return ", ".join(str(draw) for draw in self.draws if draw.values)


def find(name: str) -> Fault:
    """Return the fault of a name; KeyError if there is none."""
    families, _, number = name.rpartition("_")
    if not number.isdecimal():
        raise KeyError(name)
    return Fault([FAULTS[one] for one in families.split(AND)], int(number))


@cache
def singles(family: Family) -> Sequence[Fault]:
    """Return as many faults as the family counts: they differ in what the family draws, if it draws enough."""
    found: dict[str, Fault] = {}
    for number in range(TRIED):
        fault = Fault([family], number)
        own = str(fault.made().draws[1])
        found.setdefault(own if number < TRIED // 2 else f"{own}, {number}", fault)
    return list(found.values())[: family.count]


@cache
def doubles(count: int) -> Sequence[Fault]:
    """Return pairs with two faults that can stand in one network, each family in turn with one that is drawn."""
    families, found = [family for family in FAULTS if not family.alone], []
    for number in range(count):
        first = families[number * STRIDE % len(families)]
        others = [other for other in families if other.group != first.group and shared_hosts([first, other])]
        second = Draw("second of two", number).one_of("family", *others)
        found.append(Fault([first, second], number))
    return found


def chosen(groups: Sequence[str] = (), few: bool = False) -> list[Fault]:
    """Return all faults, or those of some groups or families only, or one of every family and a few of two."""
    found = [fault for family in FAULTS for fault in singles(family)[: 1 if few else None]]
    found += doubles(FEW if few else TWO)
    return [
        fault
        for fault in found
        if not groups or any(one in (family.group, family.name) for one in groups for family in fault.families)
    ]


def __getattr__(name: str) -> Any:
    try:
        return find(name).made().pair
    except KeyError as error:
        raise AttributeError(f"no family of '{name}'") from error
