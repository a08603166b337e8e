"""What a rule does to arrays, by einops: the numbers of a weight moved to their canonical places, and back."""

from collections.abc import Mapping, Sequence
from types import EllipsisType

import numpy as np
from einops import EinopsError, rearrange
from einops.parsing import ParsedExpression

from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.correspondence.rule import Shape, WeightRule


def canonical_shape(rule: WeightRule, shapes: Sequence[Shape]) -> Shape:
    """Return the canonical shape of sources of `shapes`, in the rule's order; BridgeError if they do not fit."""
    if rule.constant is not None:
        if rule.shape is None:
            raise BridgeError(f"{rule}: the shape of a constant is not known")
        return rule.shape
    return to_canonical(rule, [np.broadcast_to(np.bool_(0), shape) for shape in shapes]).shape


def to_canonical(rule: WeightRule, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the canonical array of the sources' arrays, in the rule's order; it may be a view of one.

    BridgeError if their shapes do not fit.
    """
    if rule.constant is not None:
        return np.full(canonical_shape(rule, []), rule.constant)
    whole = _stacked(rule, arrays)
    if not rule.layout:
        return whole
    left, right = sides(rule.layout)
    moved = _rearranged(rule, whole, f"{left} -> {' '.join(_fixed(rule))} {right}")
    return moved[rule.part[0]] if rule.part else moved


def from_canonical(rule: WeightRule, canonical: np.ndarray) -> np.ndarray:
    """Return the only source of a rule that takes all of it; of another size too where the layout allows any.

    BridgeError where the rule or the array's shape does not tell the source.
    """
    if rule.constant is not None or len(rule.sources) > 1 or rule.part or rule.rows:
        raise BridgeError(f"{rule}: the weight does not tell its source")
    if not rule.layout:
        return canonical
    left, right = sides(rule.layout)
    needed = {axis: size for axis, size in rule.sizes.items() if _is_joined(axis, right)}
    try:
        return rearrange(canonical, f"{right} -> {left}", **needed)
    except EinopsError as error:
        raise BridgeError(f"{rule}: does not fit shape {canonical.shape} in canonical form") from error


def scatter(rule: WeightRule, canonical: np.ndarray, arrays: Sequence[np.ndarray]) -> None:
    """Write a canonical array into the sources' arrays, in the rule's order; the inverse of `to_canonical`.

    What the weight is not made of stays. BridgeError if shapes do not fit.
    """
    if rule.constant is not None:
        return
    expected = canonical_shape(rule, [array.shape for array in arrays])
    if canonical.shape != expected:
        raise BridgeError(f"{rule}: expected {expected} in canonical form, found {canonical.shape}")
    whole = _written(rule, canonical, arrays)
    for array, own in zip(arrays, whole if len(arrays) > 1 else [whole], strict=True):
        array[_chosen(rule)] = own


def _written(rule: WeightRule, canonical: np.ndarray, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return what `_stacked` is to be, with the canonical array in it."""
    if not rule.layout:
        return canonical
    left, right = sides(rule.layout)
    if not rule.part:
        return _rearranged(rule, canonical, f"{right} -> {left}", _stacked(rule, arrays).shape)
    whole = _stacked(rule, arrays)
    fixed = _fixed(rule)[0]
    parts = np.array(_rearranged(rule, whole, f"{left} -> {fixed} {right}"))
    parts[rule.part[0]] = canonical
    return _rearranged(rule, parts, f"{fixed} {right} -> {left}", whole.shape)


def _fixed(rule: WeightRule) -> list[str]:
    """The axis that `part` fixes, if there is one."""
    left, right = (axes(rule.layout, side) for side in sides(rule.layout))
    return sorted(left - right)


def _chosen(rule: WeightRule) -> slice | EllipsisType:
    return slice(*rule.rows) if rule.rows else ...


def _stacked(rule: WeightRule, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sources' rows, stacked if they are several."""
    if len(arrays) != len(rule.sources):
        raise BridgeError(f"{rule}: expected {len(rule.sources)} arrays, found {len(arrays)}")
    for name, array in zip(rule.sources, arrays, strict=True):
        if rule.rows and (not array.ndim or rule.rows[1] > len(array)):
            raise BridgeError(f"{rule}: expected more rows in '{name}', found shape {array.shape}")
    chosen = [array[_chosen(rule)] for array in arrays]
    if len({array.shape for array in chosen}) > 1:
        raise BridgeError(f"{rule}: expected sources of one shape, found {', '.join(str(a.shape) for a in chosen)}")
    return chosen[0] if len(chosen) == 1 else np.stack(chosen)


def _rearranged(rule: WeightRule, array: np.ndarray, pattern: str, whole: Shape | None = None) -> np.ndarray:
    """Return the array by a pattern, which is the layout's or, to a source of shape `whole`, its inverse."""
    sizes = dict(rule.sizes) | ({_fixed(rule)[0]: rule.part[1]} if rule.part else {})
    if whole is not None:
        sizes = _all_sizes(rule, whole, sizes)
    try:
        return rearrange(array, pattern, **sizes)
    except EinopsError as error:
        reason = str(error).splitlines()[-1].strip()
        raise BridgeError(f"{rule}: does not fit shape {array.shape}: {reason}") from error


def _all_sizes(rule: WeightRule, whole: Shape, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the size of every axis of the layout, as sources of shape `whole` have it."""
    found = dict(sizes)
    for group, size in zip(ParsedExpression(sides(rule.layout)[0]).composition, whole, strict=True):
        unknown = [axis for axis in group if axis not in found]
        if len(unknown) == 1:
            known = np.prod([found[axis] for axis in group if axis in found], dtype=int)
            found[unknown[0]] = size // int(known)
    return found


def sides(layout: str) -> tuple[str, str]:
    """Return what stands left and right of the arrow."""
    left, arrow, right = layout.partition("->")
    if not arrow or "->" in right:
        raise BridgeError(f"expected a layout such as 'o i -> i o', found '{layout}'")
    return left.strip(), right.strip()


def _is_joined(axis: str, side: str) -> bool:
    """Tell whether an axis is one of several in brackets, so that a shape does not tell its size."""
    return any(axis in group and len(group) > 1 for group in ParsedExpression(side).composition)


def axes(layout: str, side: str) -> set[str]:
    """Return the names of the axes on one side of a layout; BridgeError if that is no pattern of einops."""
    try:
        parsed = ParsedExpression(side)
    except EinopsError as error:
        raise BridgeError(f"expected a layout such as '(h d) i -> i h d', found '{layout}': {error}") from error
    if parsed.has_non_unitary_anonymous_axes or parsed.has_ellipsis:
        raise BridgeError(f"expected a name, or 1, for every axis in a layout, found '{layout}'")
    return set(parsed.identifiers)
