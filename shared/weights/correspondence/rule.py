"""How a canonical weight is made of another model's: a pattern of einops, a part, some rows, several joined.

A rule moves numbers and changes none, so a gradient travels by the same rule as its weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType

import numpy as np
from einops import EinopsError, rearrange
from einops.parsing import ParsedExpression

from twotrack.shared.weights.bridge import BridgeError

Shape = tuple[int, ...]


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
        elif self.sources or self.layout or self.sizes or self.part or self.rows:
            raise BridgeError(f"{self}: a constant has no sources, no layout, no part and no rows")

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
        left, right = (_axes(self.layout, side) for side in _sides(self.layout))
        repeated, dropped = right - left, left - right
        if repeated:
            raise BridgeError(f"{self}: axis '{min(repeated)}' stands on the right of '->' only")
        if len(dropped) != (self.part is not None):
            expected = "the one axis that part fixes" if self.part else "no axis"
            found = ", ".join(f"'{axis}'" for axis in sorted(dropped)) or "none"
            raise BridgeError(f"{self}: expected {expected} on the left of '->' only, found {found}")
        unknown = set(self.sizes) - left
        if unknown or min(self.sizes.values(), default=1) < 1:
            raise BridgeError(f"{self}: expected sizes above 0 of axes in the layout, found {dict(self.sizes)}")

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
        if self.constant is not None:
            if self.shape is None:
                raise BridgeError(f"{self}: the shape of a constant is not known")
            return self.shape
        return self.to_canonical([np.broadcast_to(np.bool_(0), shape) for shape in shapes]).shape

    def to_canonical(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Return the canonical array of the sources' arrays, in the rule's order; it may be a view of one.

        BridgeError if their shapes do not fit.
        """
        if self.constant is not None:
            return np.full(self.canonical_shape([]), self.constant)
        whole = self._stacked(arrays)
        if not self.layout:
            return whole
        left, right = _sides(self.layout)
        moved = self._rearranged(whole, f"{left} -> {' '.join(self._fixed)} {right}")
        return moved[self.part[0]] if self.part else moved

    def scatter(self, canonical: np.ndarray, arrays: Sequence[np.ndarray]) -> None:
        """Write a canonical array into the sources' arrays, in the rule's order; the inverse of `to_canonical`.

        What the weight is not made of stays. BridgeError if shapes do not fit.
        """
        if self.constant is not None:
            return
        expected = self.canonical_shape([array.shape for array in arrays])
        if canonical.shape != expected:
            raise BridgeError(f"{self}: expected {expected} in canonical form, found {canonical.shape}")
        whole = self._written(canonical, arrays)
        for array, own in zip(arrays, whole if len(arrays) > 1 else [whole], strict=True):
            array[self._chosen] = own

    def _written(self, canonical: np.ndarray, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Return what `_stacked` is to be, with the canonical array in it."""
        if not self.layout:
            return canonical
        left, right = _sides(self.layout)
        if not self.part:
            return self._rearranged(canonical, f"{right} -> {left}", self._stacked(arrays).shape)
        whole = self._stacked(arrays)
        fixed = self._fixed[0]
        parts = np.array(self._rearranged(whole, f"{left} -> {fixed} {right}"))
        parts[self.part[0]] = canonical
        return self._rearranged(parts, f"{fixed} {right} -> {left}", whole.shape)

    @property
    def _fixed(self) -> list[str]:
        """The axis that `part` fixes, if there is one."""
        left, right = (_axes(self.layout, side) for side in _sides(self.layout))
        return sorted(left - right)

    @property
    def _chosen(self) -> slice | EllipsisType:
        return slice(*self.rows) if self.rows else ...

    def _stacked(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Return the sources' rows, stacked if they are several."""
        if len(arrays) != len(self.sources):
            raise BridgeError(f"{self}: expected {len(self.sources)} arrays, found {len(arrays)}")
        for name, array in zip(self.sources, arrays, strict=True):
            if self.rows and (not array.ndim or self.rows[1] > len(array)):
                raise BridgeError(f"{self}: expected more rows in '{name}', found shape {array.shape}")
        chosen = [array[self._chosen] for array in arrays]
        if len({array.shape for array in chosen}) > 1:
            raise BridgeError(f"{self}: expected sources of one shape, found {', '.join(str(a.shape) for a in chosen)}")
        return chosen[0] if len(chosen) == 1 else np.stack(chosen)

    def _rearranged(self, array: np.ndarray, pattern: str, whole: Shape | None = None) -> np.ndarray:
        """Return the array by a pattern, which is the layout's or, to a source of shape `whole`, its inverse."""
        sizes = dict(self.sizes) | ({self._fixed[0]: self.part[1]} if self.part else {})
        if whole is not None:
            sizes = self._all_sizes(whole, sizes)
        try:
            return rearrange(array, pattern, **sizes)
        except EinopsError as error:
            reason = str(error).splitlines()[-1].strip()
            raise BridgeError(f"{self}: does not fit shape {array.shape}: {reason}") from error

    def _all_sizes(self, whole: Shape, sizes: Mapping[str, int]) -> dict[str, int]:
        """Return the size of every axis of the layout, as sources of shape `whole` have it."""
        found = dict(sizes)
        for group, size in zip(ParsedExpression(_sides(self.layout)[0]).composition, whole, strict=True):
            unknown = [axis for axis in group if axis not in found]
            if len(unknown) == 1:
                known = np.prod([found[axis] for axis in group if axis in found], dtype=int)
                found[unknown[0]] = size // int(known)
        return found


def _sides(layout: str) -> tuple[str, str]:
    """Return what stands left and right of the arrow."""
    left, arrow, right = layout.partition("->")
    if not arrow or "->" in right:
        raise BridgeError(f"expected a layout such as 'o i -> i o', found '{layout}'")
    return left.strip(), right.strip()


def _axes(layout: str, side: str) -> set[str]:
    """Return the names of the axes on one side of a layout; BridgeError if that is no pattern of einops."""
    try:
        parsed = ParsedExpression(side)
    except EinopsError as error:
        raise BridgeError(f"expected a layout such as '(h d) i -> i h d', found '{layout}': {error}") from error
    if parsed.has_non_unitary_anonymous_axes or parsed.has_ellipsis:
        raise BridgeError(f"expected a name, or 1, for every axis in a layout, found '{layout}'")
    return set(parsed.identifiers)
