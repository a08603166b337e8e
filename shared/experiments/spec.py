"""What an experiment is, and what it finds on one track: claims with numbers, tables and pictures, as plain data."""

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord


class Claim(FrozenRecord):
    """A sentence about a number, and the bound that makes it true."""

    text: str
    value: float
    relation: Literal["below", "above"]
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the number is on the claimed side of the bound; NaN is on neither."""
        return self.value < self.bound if self.relation == "below" else self.value > self.bound


class Table(FrozenRecord):
    """Rows of text or numbers."""

    title: str
    columns: list[str]
    rows: list[list[str | float]]


class Curves(FrozenRecord):
    """One plot: lines of (x, y) by label."""

    name: str
    """Part of a file name."""
    title: str
    x_label: str
    y_label: str
    log_x: bool = False
    log_y: bool = False
    lines: dict[str, tuple[list[float], list[float]]]


class Heatmaps(FrozenRecord):
    """One picture: matrices of shares, from 0 to 1, by label."""

    name: str
    """Part of a file name."""
    title: str
    x_label: str
    y_label: str
    columns: int
    """Matrices side by side."""
    maps: dict[str, list[list[float]]]
    """Rows, the first of them at the top."""


class Finding(FrozenRecord):
    """What one track showed."""

    claims: list[Claim]
    tables: list[Table] = Field(default_factory=list)
    curves: list[Curves] = Field(default_factory=list)
    heatmaps: list[Heatmaps] = Field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all(claim.holds for claim in self.claims)


Progress = Callable[[str], None]
"""Shows what an experiment is at."""
