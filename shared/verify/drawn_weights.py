"""What a framework drew as initial weights, as far as it is compared."""

from dataclasses import dataclass

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS

MOST = 5000
"""Numbers of a weight that are kept."""


@with_config(WITH_ARRAYS)
@dataclass
class Start:
    """What one weight was drawn as, in canonical form."""

    sample: np.ndarray
    """Sorted, at most MOST of its numbers."""
    shape: tuple[int, ...]
    orthogonal: bool
    """Its columns, or its rows, are orthonormal, gate by gate."""


def start_of(weight: np.ndarray) -> Start:
    """Return what there is to say of a weight."""
    flat = np.sort(np.asarray(weight, float).reshape(-1))
    places = np.linspace(0, flat.size - 1, min(flat.size, MOST)).astype(int)
    return Start(flat[places], weight.shape, _is_orthogonal(np.asarray(weight, float)))


def _is_orthogonal(weight: np.ndarray) -> bool:
    """Return whether a matrix, or each square part of one (units, gates * units), has orthonormal rows or columns."""
    if weight.ndim < 2 or weight.shape[-1] < 2:
        return False
    matrix = weight.reshape(-1, weight.shape[-1])
    rows, columns = matrix.shape
    gates = np.split(matrix, columns // rows, axis=1) if columns % rows == 0 else [matrix]
    return any(all(map(_is_orthonormal, parts)) for parts in ([matrix], gates))


def _is_orthonormal(part: np.ndarray) -> bool:
    return _is_identity(part.T @ part if part.shape[0] >= part.shape[1] else part @ part.T)


def _is_identity(product: np.ndarray) -> bool:
    return len(product) > 1 and np.allclose(product, np.eye(len(product)) * product[0, 0], atol=1e-4)
