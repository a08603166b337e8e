"""Whether what a weight map calls unused is: changed, it changes neither outputs nor gradients."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twotrack.shared.verify.side import ObservedSide


def dependences(side: "ObservedSide") -> dict[str, str]:
    """Return, for every weight that the side leaves out, what depends on it; an empty text for nothing.

    The drawn weights are there again afterwards.
    """
    if not side.left_out:
        return {}
    shown = _Shown(side)
    if not shown.changed_by(tuple(side.left_out)):
        return dict.fromkeys(side.left_out, "")
    return {name: shown.changed_by((name,)) for name in side.left_out}


class _Shown:
    """What a side gives with its drawn weights."""

    def __init__(self, side: "ObservedSide"):
        self._side = side
        side.reset()
        self._drawn = side.model.unused()
        self._before = self._values()

    def changed_by(self, names: Sequence[str]) -> str:
        """Return what changes with the weights of these names; the first of it, in words."""
        self._side.reset()
        changed = {name: _other(array) if name in names else array for name, array in self._drawn.items()}
        self._side.model.load_unused(changed)
        after = self._values()
        self._side.reset()
        return next((what for what, before in self._before.items() if not _equal(before, after[what])), "")

    def _values(self) -> dict[str, np.ndarray]:
        side = self._side
        outputs = side.model.outputs(side.exercise.inputs())
        side.source.restart()
        gradients: Mapping[str, np.ndarray] = side.first_gradients()
        return {f"output {number}": array for number, array in enumerate(outputs)} | {
            f"the gradient of '{name}'": array for name, array in gradients.items()
        }


def _other(array: np.ndarray) -> np.ndarray:
    """Return other values of a weight's kind; indices stay indices that it has."""
    if np.issubdtype(array.dtype, np.floating):
        return 1 - 3 * array
    return array.reshape(-1)[::-1].reshape(array.shape)


def _equal(before: np.ndarray, after: np.ndarray) -> bool:
    return np.array_equal(before, after, equal_nan=True)
