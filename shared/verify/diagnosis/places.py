"""The places of a tensor at which two sides differ, in words."""

from collections.abc import Sequence

import numpy as np

NOUNS = {0: (), 1: ("feature",), 2: ("step", "feature"), 3: ("row", "column", "channel")}
"""Of the axes without the batch, by their number."""
LISTED = 6
"""Numbers in a sentence."""


def places_in_words(differs: np.ndarray) -> str:
    """Say where a mask (batch, ...) is True: "the difference is in the last row and the last column only"."""
    count, of = int(differs.sum()), differs.size
    if count == 0:
        return "no value differs by more than rounding"
    at = _any(differs, 0)
    told = [*(_whole_lines(at) or _block(at)), *_chosen(_any(differs.reshape(len(differs), -1), 1), "example")]
    if not told:
        return f"all {of:,} values differ" if count == of else f"{count:,} of {of:,} values differ, all over the tensor"
    sentence = f"the difference is in {', '.join(told)} only"
    return f"{sentence} (counted from 0)" if any(letter.isdigit() for letter in sentence) else sentence


def _any(mask: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    return np.asarray(mask.any(axis=axis))


def _nouns(rank: int) -> Sequence[str]:
    return NOUNS.get(rank, (*(f"axis-{axis} place" for axis in range(1, rank)), "channel"))


def _whole_lines(at: np.ndarray) -> list[str]:
    """Name rows and columns that differ as a whole, if they are all that differs: a border, the last of each."""
    if at.ndim not in (2, 3):
        return []
    places, nouns = at.reshape(*at.shape[:2], -1), _nouns(at.ndim)
    seen = _any(places, -1)
    rows, columns = ~_any(~seen, 1), ~_any(~seen, 0)
    if rows.all() or not (rows.any() and columns.any()) or not (seen == (rows[:, None] | columns[None])).all():
        return []
    channels = _chosen(_any(places, (0, 1)), nouns[2]) if at.ndim == 3 else []
    return [" and ".join([*_chosen(rows, nouns[0]), *_chosen(columns, nouns[1])]), *channels]


def _block(at: np.ndarray) -> list[str]:
    """Name the indices of every axis of which some do not differ."""
    axes = range(at.ndim)
    chosen = [_any(at, tuple(other for other in axes if other != axis)) for axis in axes]
    return [told for some, noun in zip(chosen, _nouns(at.ndim), strict=True) for told in _chosen(some, noun)]


def _chosen(some: np.ndarray, noun: str) -> list[str]:
    """Name the indices that are True; nothing if all are."""
    size, indices = len(some), np.flatnonzero(some).tolist()
    if len(indices) == size:
        return []
    ends = {(0,): f"the first {noun}", (size - 1,): f"the last {noun}", (0, size - 1): f"the first and last {noun}"}
    if tuple(indices) in ends:
        return [ends[tuple(indices)]]
    steps = set(np.diff(indices).tolist())
    if len(indices) > 2 and steps == {1}:
        return [f"{noun}s {indices[0]} to {indices[-1]} of {size}"]
    if len(indices) > 3 and steps == {2}:
        return [f"every other {noun}, {indices[0]} to {indices[-1]} of {size}"]
    if len(indices) <= LISTED:
        return [f"{noun}{'s' if len(indices) > 1 else ''} {', '.join(map(str, indices))} of {size}"]
    return [f"{len(indices):,} of {size:,} {noun}s"]
