"""What is kept of values that one side computes: all of them, or of a large model digests, and how two sides compare.

A digest of a weight or a gradient has a row for each stretch of its last axes. Its products with random vectors say
whether two are the same as surely as all the numbers do: one number that differs shows in a product in full, and what
rounding does to n numbers adds up to the square root of n.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from twotrack.shared.base.sizes import PART
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.digests import (
    COUNT,
    LARGEST,
    PATTERN,
    PROJECTIONS,
    SIZE,
    SMALLEST,
    Digests,
    differences,
    digest,
)
from twotrack.shared.verify.result import relative

ROW = 512
"""Numbers of a weight in one row of its digest, at least, if it has as many."""


def in_full(call: LayerTrace) -> LayerTrace:
    """Keep all values."""
    return call


class Digesting:
    """Keeps a digest of each value, with a row for each example."""

    def __init__(self) -> None:
        self._taken = Digests()

    def __call__(self, call: LayerTrace) -> LayerTrace:
        """Return the call with digests in place of its values."""
        return replace(call, inputs=self._of(call.inputs), outputs=self._of(call.outputs), digested=True)

    def _of(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        found = [self._taken.of(one, one.shape[0]) if one.ndim else digest(one[None], 1) for one in arrays]
        return [each for each in found if each is not None]


def digested_weights(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return digests of weights, or of gradients."""
    return {name: _in_rows(array) for name, array in arrays.items() if array.size}


def _in_rows(array: np.ndarray) -> np.ndarray:
    axis = array.ndim
    while axis and np.prod(array.shape[axis:]) < ROW:
        axis -= 1
    blocks = _blocks(array) if axis else [array]
    return np.concatenate([_digested(block, int(np.prod(block.shape[:axis]))) for block in blocks])


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield stretches of the first axis: what is not in order in memory is copied for a digest."""
    at_once = max(1, PART * len(array) // array.size)
    yield from (array[first : first + at_once] for first in range(0, len(array), at_once))


def _digested(array: np.ndarray, rows: int) -> np.ndarray:
    found = digest(array.reshape(rows, -1), rows)
    assert found is not None
    return found


def largest(array: np.ndarray, is_digest: bool) -> float:
    """Return the largest absolute value of an array, or of what a digest stands for."""
    values = array[:, SMALLEST : LARGEST + 1] if is_digest else array
    return float(np.abs(values).max(initial=0.0))


def apart(torch: np.ndarray, keras: np.ndarray, is_digest: bool, scale: float | None = None) -> float:
    """Return the largest difference over torch's largest value, or over `scale`; infinity as `relative` does.

    Of digests it is the typical difference of a row, or the largest of its extremes.
    """
    if not is_digest:
        return relative(torch, keras, scale)
    if not _comparable_digests(torch, keras) or torch[:, PATTERN].any() or keras[:, PATTERN].any():
        return float("inf")
    extremes = np.abs(torch - keras)[:, SMALLEST : LARGEST + 1].max()
    numbers = np.where(torch[:, COUNT] > PROJECTIONS, torch[:, COUNT], 1.0)
    size = max(float(extremes), float((differences(torch, keras) / np.sqrt(numbers)).max()))
    over = largest(torch, is_digest=True) if scale is None else scale
    return size / over if over > 0 else size


def value_difference(torch: np.ndarray, keras: np.ndarray, is_digest: bool) -> float:
    """Return how far what two layers give is apart, over the size of torch's."""
    if not is_digest:
        return relative(torch, keras)
    if not _comparable_digests(torch, keras):
        return float("inf")
    size, found = float(torch[:, SIZE].max()), float(differences(torch, keras).max())
    return found / size if size > 0 else found


def comparable(torch: np.ndarray, keras: np.ndarray, is_digest: bool) -> bool:
    """Return whether two values have one shape; of digests, as many numbers in as many rows."""
    return _comparable_digests(torch, keras) if is_digest else torch.shape == keras.shape


def _comparable_digests(torch: np.ndarray, keras: np.ndarray) -> bool:
    return torch.shape == keras.shape and bool((torch[:, COUNT] == keras[:, COUNT]).all())
