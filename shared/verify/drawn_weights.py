"""What a framework drew as initial weights, as far as it is compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS

MOST = 5000
"""Numbers of a weight that are kept."""
FEW, LONG = 16, 8
"""Runs of equal numbers in a weight that is filled and not drawn; and numbers that tell so if there are two of them."""
Run = tuple[float, int]
"""A number, and how often it stands in a row."""


@with_config(WITH_ARRAYS)
@dataclass
class Start:
    """What one weight was drawn as, in canonical form, in one draw or in several."""

    sample: np.ndarray
    """Sorted, at most MOST of its numbers."""
    shape: tuple[int, ...]
    drawn: int
    """Numbers, of all draws."""
    gain: float = 0.0
    """Of the orthonormal rows or columns that it has, or each of its blocks; 0 for none."""
    blocks: int = 1
    """Along the last axis, each orthonormal: the gates of a recurrent layer."""
    runs: tuple[Run, ...] = ()
    """All numbers in their order, where they are filled in; empty where they are drawn."""
    claimed: bool = False
    """The pair says that both sides draw it by one law."""

    @property
    def is_orthogonal(self) -> bool:
        """Its rows or columns are orthonormal but for a gain, or those of its blocks."""
        return self.gain > 0


def start_of(*draws: np.ndarray, claimed: bool = False) -> Start:
    """Return what there is to say of a weight that was drawn once, or several times."""
    arrays = [np.asarray(one, float) for one in draws]
    flat = np.sort(np.concatenate([one.reshape(-1) for one in arrays]))
    places = np.linspace(0, flat.size - 1, min(flat.size, MOST)).astype(int)
    found = [_orthogonal(one) for one in arrays]
    gain, blocks = found[0] if len({part for _, part in found}) == 1 and all(own for own, _ in found) else (0.0, 1)
    return Start(flat[places], arrays[0].shape, flat.size, gain, blocks, _runs(arrays), claimed)


def _runs(draws: Sequence[np.ndarray]) -> tuple[Run, ...]:
    """Return the runs of a weight that is the same in every draw; of one draw, only what cannot well be drawn."""
    flat = draws[0].reshape(-1)
    values = np.unique(flat)
    if any(not np.array_equal(one, draws[0]) for one in draws[1:]):
        return ()
    is_certain = len(draws) > 1 or (len(values) == 2 and flat.size >= LONG)
    if not is_certain and not (len(values) == 1 and (flat.size > 1 or values[0] in (0, 1))):
        return ()
    begins = np.flatnonzero(np.diff(flat, prepend=np.nan) != 0)
    lengths = np.diff([*begins, flat.size])
    return tuple(zip(flat[begins].tolist(), lengths.tolist(), strict=True)) if len(begins) <= FEW else ()


def _orthogonal(weight: np.ndarray) -> tuple[float, int]:
    """Return the gain of orthonormal rows or columns and of how many blocks (units, units); 0 and 1 for none."""
    if weight.ndim < 2 or weight.shape[-1] < 2:
        return 0.0, 1
    matrix = weight.reshape(-1, weight.shape[-1])
    rows, columns = matrix.shape
    for blocks in dict.fromkeys((columns // rows if columns % rows == 0 else 1, 1)):
        gains = [_gain(part) for part in np.split(matrix, blocks, axis=1)]
        if all(gains) and max(gains) - min(gains) < 1e-4 * max(gains):
            return gains[0], blocks
    return 0.0, 1


def _gain(part: np.ndarray) -> float:
    product = part.T @ part if part.shape[0] >= part.shape[1] else part @ part.T
    size = float(product[0, 0])
    if len(product) < 2 or size <= 0 or not np.allclose(product / size, np.eye(len(product)), atol=1e-4):
        return 0.0
    return sqrt(size)
