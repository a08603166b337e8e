"""The pairs that a hunt goes after: by name, or so many of every family in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tests.hunt.family import Family, PairFamilies
from twotrack.shared.errors import UserError

KEPT_BYTES = 3 * 2**30
"""What the workers of a hunt may hold before they are ended: they keep what was compiled for earlier pairs."""


@dataclass(frozen=True)
class Quarry:
    """One pair to look at."""

    package: str
    """With the modules `wrong` and `honest`, in which pairs are found by their names."""
    family: Family
    number: int
    wrong: bool

    @property
    def name(self) -> str:
        """FAMILY_NUMBER."""
        return f"{self.family.name}_{self.number}"

    @property
    def kind(self) -> str:
        """In a word."""
        return "wrong" if self.wrong else "honest"

    @property
    def reference(self) -> str:
        """As `twotrack verify` takes it."""
        return f"{self.package}.{self.kind}:{self.name}"


@dataclass(frozen=True)
class Ground:
    """Where a hunt finds its pairs."""

    package: str
    wrong: PairFamilies
    honest: PairFamilies
    honest_of_ten: int
    """Of ten pairs that are chosen, so many are honest."""

    def quarry(self, family: Family, number: int) -> Quarry:
        """Return one pair of a family."""
        return Quarry(self.package, family, number, any(family is one for one in self.wrong))

    def find(self, name: str) -> Quarry:
        """Return the pair of a name; UserError if there is none."""
        for families in (self.wrong, self.honest):
            try:
                return self.quarry(*families.find(name.rpartition(":")[2]))
            except KeyError:
                continue
        raise UserError(f"expected FAMILY_NUMBER of a family of {self.package}, found '{name}'.")

    def choose(self, count: int, seed: int, kinds: Sequence[str] = ()) -> list[Quarry]:
        """Return `count` different pairs, every family in turn; of some `kinds` (or families) only, maybe fewer.

        Those of another seed are different again.
        """
        honest = count * self.honest_of_ten // 10
        wrong_ones = islice(self._different(self.wrong, seed, kinds), count - honest)
        return [*wrong_ones, *islice(self._different(self.honest, seed, kinds), honest)]

    def _different(self, families: PairFamilies, seed: int, kinds: Sequence[str]) -> Iterator[Quarry]:
        """Yield pairs of every family in turn; a family whose parameters come again is passed over."""
        chosen = [family for family in families if not kinds or family.kind in kinds or family.name in kinds]
        seen: set[tuple[str, str]] = set()
        for number in range(seed * 1000, (seed + 1) * 1000):
            for family in chosen:
                key = family.name, family.parameters(number)
                if key not in seen:
                    seen.add(key)
                    yield self.quarry(family, number)
