"""Families of generated cases: each makes one case of every number, with parameters drawn for it, and has a name."""

import random
from collections.abc import Iterator
from math import exp, log
from typing import Any, Generic, Protocol, TypeVar

Choice = TypeVar("Choice")


class Draw:
    """Parameters of one case: drawn from its name, and remembered by name."""

    def __init__(self, family: str, number: int):
        self._random = random.Random(f"{family} {number}")
        self.values: dict[str, Any] = {}

    def one_of(self, name: str, *choices: Choice) -> Choice:
        """Return one of the choices."""
        return self._keep(name, self._random.choice(choices))

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a whole number, `high` included."""
        return self._keep(name, self._random.randint(low, high))

    def real(self, name: str, low: float, high: float) -> float:
        """Return a number of three digits; its logarithm is uniform."""
        return self._keep(name, float(f"{exp(self._random.uniform(log(low), log(high))):.3g}"))

    def _keep(self, name: str, value: Any) -> Any:
        if name in self.values:
            raise ValueError(f"'{name}' is drawn twice")
        self.values[name] = value
        return value

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items())


class Named(Protocol):
    @property
    def name(self) -> str: ...


Family = TypeVar("Family", bound=Named)


class Families(Generic[Family]):
    """Families by name, in the order in which they are added."""

    def __init__(self) -> None:
        self._by_name: dict[str, Family] = {}

    def __iter__(self) -> Iterator[Family]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> Family:
        return self._by_name[name]

    def keep(self, family: Family) -> None:
        """Add one; ValueError if another has its name."""
        if family.name in self._by_name:
            raise ValueError(f"two families are called '{family.name}'")
        self._by_name[family.name] = family

    def find(self, name: str) -> tuple[Family, int]:
        """Return family and number of FAMILY_NUMBER; KeyError if there is no such family."""
        family, _, number = name.rpartition("_")
        if not number.isdecimal():
            raise KeyError(name)
        return self._by_name[family], int(number)
