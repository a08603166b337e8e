"""What else than one recorded unit a live unit may be: several in a row, a part of a fused one, several joined."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise, permutations

import numpy as np

from twotrack.shared.matching.fitting import ROLES, Piece, piece
from twotrack.shared.matching.recording import RecordedCall, RecordedUnit, Recording
from twotrack.shared.matching.signature import Signatures, signature
from twotrack.shared.matching.views import View, parted, stacked


def chained(
    fed: Sequence[RecordedUnit],
    sizes: Sequence[int],
    leaves: Sequence[RecordedUnit],
    sizes_of: dict[str, list[int]],
    recording: Recording,
    used: set[str],
) -> list[Piece]:
    """Return pairs of units, one fed by the other, with weights of these sizes together: a separable convolution."""
    found = []
    for first in fed:
        rest = _without(sizes, sizes_of[first.path])
        if not rest or not first.calls:
            continue
        given = Signatures([signature(output) for call in first.calls for output in call.outputs])
        for second in leaves:
            follows = second.path not in used and second is not first and sizes_of[second.path] == rest
            if follows and any(signature(call.inputs[0]) in given for call in second.calls if call.inputs):
                found.append(_in_a_row(first, second, recording))
    return found


def _in_a_row(first: RecordedUnit, second: RecordedUnit, recording: Recording) -> Piece:
    own, other = piece(first, recording), piece(second, recording)
    views = {f"0.{name}": view for name, view in own.views.items()} | {f"1.{n}": v for n, v in other.views.items()}
    return Piece((*own.units, *other.units), views, other.calls)


SCALES, SHIFTS = ROLES[:2]
"""What a vector is called that is the last to be multiplied with what a unit gives, and to be added to it."""


def without_vectors(candidate: Piece, sizes: Sequence[int]) -> Iterator[Piece]:
    """Yield a unit as if it lacked a bias or a scale, or both, so that weights of these sizes are left."""
    vectors = [name for name, view in candidate.views.items() if view.array.ndim == 1 and _role(name)]
    for number in (1, 2):
        for left_out in combinations(vectors, number):
            kept = {name: view for name, view in candidate.views.items() if name not in left_out}
            if kept and sorted(view.size for view in kept.values()) == sorted(sizes):
                yield from _as_if_without(candidate, kept, left_out)


def _role(parameter: str) -> str:
    last = parameter.rpartition(".")[2]
    return "scale" if last in SCALES else "shift" if last in SHIFTS else ""


def _as_if_without(candidate: Piece, kept: dict[str, View], left_out: Sequence[str]) -> Iterator[Piece]:
    """Yield the unit without vectors, for each axis that they may lie on."""
    surplus = tuple(source for name in left_out for source in candidate.views[name].sources)
    first = candidate.calls[0].outputs[0]
    size = candidate.views[left_out[0]].size
    for axis in (axis for axis in range(1, first.ndim) if first.shape[axis] == size):
        calls = [
            RecordedCall(call.inputs, [_taken_out(call.outputs[0], candidate.views, left_out, axis)])
            for call in candidate.calls
        ]
        yield replace(candidate, views=kept, calls=calls, surplus=surplus, whole=candidate.calls)


def _taken_out(output: np.ndarray, views: Mapping[str, View], left_out: Sequence[str], axis: int) -> np.ndarray:
    """Return what a unit gave, without vectors that it was multiplied with and that were added, in this order."""
    shape = [-1 if number == axis else 1 for number in range(output.ndim)]
    vectors = {_role(name): (name, view.array.reshape(shape)) for name, view in views.items() if view.array.ndim == 1}
    for role in ("shift", "scale"):
        name, vector = vectors.get(role, ("", np.zeros(())))
        if name and (name in left_out or "scale" in map(_role, left_out)):
            output = output - vector if role == "shift" else output / vector
    if "scale" in map(_role, left_out) and "shift" in vectors and vectors["shift"][0] not in left_out:
        output = output + vectors["shift"][1]
    return output


def _without(sizes: Sequence[int], taken: Sequence[int]) -> list[int]:
    """Return the sizes that are left; none if those taken are not among them."""
    rest = list(sizes)
    for size in taken:
        if size not in rest:
            return []
        rest.remove(size)
    return rest


def split(fused: Piece, shares: Sequence[int], head_counts: Sequence[int]) -> Iterator[list[Piece]]:
    """Yield the ways in which a fused unit may be several: in blocks of these shares, or one of each in every head.

    `shares` are proportional to the parts' weights; `head_counts` are numbers of heads that the live model suggests.
    """
    output = fused.calls[0].outputs[0]
    width, number, total = output.shape[-1], len(shares), sum(shares)
    widths = [width * share // total for share in shares]
    if sum(widths) != width:
        return
    axes = {name: _output_axis(view, width) for name, view in fused.views.items()}
    if any(axis is None for axis in axes.values()):
        return
    if len(set(widths)) > 1:
        yield from _unequal(fused, widths, axes)
        return
    for heads in [1, *_head_counts(width // number, head_counts)]:
        parts = {name: parted(view, axes[name] or 0, heads, number) for name, view in fused.views.items()}
        yield [
            Piece(fused.units, {name: views[p] for name, views in parts.items()}, _part_of(fused, p, number, heads))
            for p in range(number)
        ]


def _unequal(fused: Piece, widths: Sequence[int], axes: dict[str, int | None]) -> Iterator[list[Piece]]:
    """Yield blocks of unequal widths, which are rows of the weights."""
    if any(axis != 0 for axis in axes.values()):
        return
    starts = [0, *(int(stop) for stop in np.cumsum(widths))]
    yield [
        Piece(
            fused.units,
            {name: view.rows_from(start, stop) for name, view in fused.views.items()},
            [RecordedCall(c.inputs, [c.outputs[0][..., start:stop]]) for c in fused.calls],
        )
        for start, stop in pairwise(starts)
    ]


def _head_counts(width: int, suggested: Sequence[int]) -> list[int]:
    """Return the numbers of heads that a width can be cut into, those that the live model suggests first."""
    likely = [heads for heads in suggested if 1 < heads < width and width % heads == 0]
    return list(dict.fromkeys([*likely, *(heads for heads in range(2, min(width, 65)) if width % heads == 0)]))


def _output_axis(view: View, width: int) -> int | None:
    """Return the axis of a weight that counts the outputs: the first that is as wide, as in nn.Linear, or the last."""
    shape = view.array.shape
    return next((axis for axis in (0, len(shape) - 1) if shape and shape[axis] == width), None)


def _part_of(fused: Piece, part: int, number: int, heads: int) -> list[RecordedCall]:
    return [RecordedCall(call.inputs, [_features(call.outputs[0], part, number, heads)]) for call in fused.calls]


def _features(output: np.ndarray, part: int, number: int, heads: int) -> np.ndarray:
    grid = output.reshape(*output.shape[:-1], heads, number, -1)
    return grid[..., part, :].reshape(*output.shape[:-1], -1)


def joined(units: Sequence[RecordedUnit], recording: Recording, head_counts: Sequence[int]) -> Iterator[Piece]:
    """Yield the units as one whose output holds theirs in blocks, or one of each in every head; in every order."""
    outputs = [unit.calls[0].outputs[0] for unit in units]
    if len({output.shape for output in outputs}) > 1 or len({frozenset(unit.weights) for unit in units}) > 1:
        return
    width = outputs[0].shape[-1]
    counts = _head_counts(width, head_counts)
    for order in permutations(units):
        for heads in [1, *counts]:
            found = _joined(order, recording, heads, width)
            if found is not None:
                yield found


def _joined(units: Sequence[RecordedUnit], recording: Recording, heads: int, width: int) -> Piece | None:
    views = {}
    for parameter in units[0].weights:
        names = [unit.weights[parameter] for unit in units]
        arrays = [recording.weights[name] for name in names]
        if len({array.shape for array in arrays}) > 1:
            return None
        view = stacked(names, arrays)
        axis = next((a for a in (0, arrays[0].ndim - 1) if arrays[0].shape[a] == width), None)
        if axis is None:
            return None
        views[parameter] = view.split(1 + axis, (heads, width // heads)) if heads > 1 else view
    calls = [_joined_call([unit.calls[0] for unit in units], heads)]
    return Piece(tuple(unit.path for unit in units), views, calls)


def _joined_call(calls: Sequence[RecordedCall], heads: int) -> RecordedCall:
    outputs = [call.outputs[0] for call in calls]
    grids = [output.reshape(*output.shape[:-1], heads, -1) for output in outputs]
    together = np.stack(grids, axis=-2)
    return RecordedCall(calls[0].inputs, [together.reshape(*outputs[0].shape[:-1], -1)])


def head_counts(shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Return the numbers of heads that weights of these shapes suggest, the likeliest first."""
    found = [shape[axis] for shape in shapes if len(shape) >= 2 for axis in (len(shape) - 2, 0)]
    return [count for count in dict.fromkeys(found) if count > 1]
