"""How a canonical weight is made of another model's: a pattern of einops, a part, some rows, several joined.

A rule moves numbers and changes none, so a gradient travels by the same rule as its weight. NumPy and einops are
imported when a rule is used, so that a pair is made without them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from twotrack.shared.weights.bridge import BridgeError

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int, ...]
RESERVED = frozenset({"from", "layout", "rows", "constant", "shape", "note"})
"""What a line of a map's file says beside sizes; no axis is called that."""


@dataclass(frozen=True)
class WeightRule:
    """One canonical weight, made of the weights `sources` of the other model.

    Raises BridgeError for what is no rule: a pattern that is none, that repeats or drops an axis, or that does not
    belong to what else the rule says.

    >>> WeightRule(("attn.c_attn.weight",), "i (part h d) -> i h d", {"h": 2}, part=(0, 3)).canonical_shape([(8, 24)])
    (8, 2, 4)
    """

    sources: tuple[str, ...] = ()
    """Names in the other model; several are stacked on a new first axis."""
    layout: str = ""
    """From the sources' axes to the canonical ones, as einops writes it; empty where they are the same."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Of axes in the pattern whose size the shapes do not tell."""
    part: tuple[int, int] | None = None
    """Index and size of the axis on the pattern's left that its right lacks: the weight is one part of the source."""
    rows: tuple[int, int] | None = None
    """First row and the row after the last one of the sources' first axis, that the weight is made of."""
    constant: float | None = None
    """In place of sources: the value that every element has and keeps."""
    shape: Shape | None = None
    """Of a constant, canonical."""

    def __post_init__(self) -> None:
        """Check what can be checked without shapes."""
        if self.constant is None:
            self._check_sources()
        elif not isfinite(self.constant) or self.sources or self.layout or self.sizes or self.part or self.rows:
            raise BridgeError(f"{self}: a constant is a finite number and has no sources, layout, part or rows")

    def _check_sources(self) -> None:
        if not self.sources:
            raise BridgeError("a rule has at least one source, or is a constant; found neither")
        if len(set(self.sources)) < len(self.sources):
            raise BridgeError(f"{self}: a source is named twice")
        if self.shape is not None:
            raise BridgeError(f"{self}: only a constant has a shape of its own")
        if self.rows and not 0 <= self.rows[0] < self.rows[1]:
            raise BridgeError(f"{self}: expected rows from a first to a later one, found {list(self.rows)}")
        if self.part and not 0 <= self.part[0] < self.part[1]:
            raise BridgeError(f"{self}: expected a part of those that there are")
        self._check_layout()

    def _check_layout(self) -> None:
        if not self.layout:
            if self.part or self.sizes or len(self.sources) > 1:
                raise BridgeError(f"{self}: a part, sizes and several sources need a layout")
            return
        from twotrack.shared.weights.correspondence.arranging import axes, sides

        left, right = (axes(self.layout, side) for side in sides(self.layout))
        repeated, dropped = right - left, left - right
        if repeated:
            raise BridgeError(f"{self}: axis '{min(repeated)}' stands on the right of '->' only")
        if len(dropped) != (self.part is not None):
            expected = "the one axis that part fixes" if self.part else "no axis"
            found = ", ".join(f"'{axis}'" for axis in sorted(dropped)) or "none"
            raise BridgeError(f"{self}: expected {expected} on the left of '->' only, found {found}")
        unknown = set(self.sizes) - left | (left & RESERVED)
        if unknown or min(self.sizes.values(), default=1) < 1:
            raise BridgeError(
                f"{self}: expected sizes above 0 of axes in the layout, which are not called "
                f"{', '.join(sorted(RESERVED))}, found {dict(self.sizes)}"
            )

    def __str__(self) -> str:
        """Return the rule in one line."""
        if self.constant is not None:
            return f"constant {self.constant:g}"
        parts = [" + ".join(self.sources)]
        parts += [f"rows {self.rows[0]} to {self.rows[1]}"] if self.rows else []
        parts += [f"'{self.layout}'"] if self.layout else []
        parts += [", ".join(f"{axis} = {size}" for axis, size in self.sizes.items())] if self.sizes else []
        parts += [f"part {self.part[0]} of {self.part[1]}"] if self.part else []
        return ", ".join(parts)

    def canonical_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the canonical shape of sources of `shapes`, in the rule's order; BridgeError if they do not fit."""
        from twotrack.shared.weights.correspondence import arranging

        return arranging.canonical_shape(self, shapes)

    def to_canonical(self, arrays: "Sequence[np.ndarray]") -> "np.ndarray":
        """Return the canonical array of the sources' arrays, in the rule's order; it may be a view of one.

        BridgeError if their shapes do not fit.
        """
        from twotrack.shared.weights.correspondence import arranging

        return arranging.to_canonical(self, arrays)

    def from_canonical(self, canonical: "np.ndarray") -> "np.ndarray":
        """Return the only source of a rule that takes all of it; of another size too where the layout allows any.

        BridgeError where the rule or the array's shape does not tell the source.
        """
        from twotrack.shared.weights.correspondence import arranging

        return arranging.from_canonical(self, canonical)

    def scatter(self, canonical: "np.ndarray", arrays: "Sequence[np.ndarray]") -> None:
        """Write a canonical array into the sources' arrays, in the rule's order; the inverse of `to_canonical`.

        What the weight is not made of stays. BridgeError if shapes do not fit.
        """
        from twotrack.shared.weights.correspondence import arranging

        arranging.scatter(self, canonical, arrays)
