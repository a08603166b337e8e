"""An answer of a server is believed only as far as it can be one: as many rows as were asked for, finite, probable."""

from collections.abc import Mapping

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.signature import Signature

PROBABILITIES = "probabilities"
_SUM, _EDGE = 1e-3, 1e-6
"""How far the sum of an example's probabilities may be from 1, and one of them from 0 and 1: they are rounded."""


def require_plausible(outputs: Mapping[str, np.ndarray], signature: Signature, examples: int, address: object) -> None:
    """Raise UserError, which begins with the address, for an answer that cannot be one to so many examples."""
    for name, array in outputs.items():
        place = f"the answer of {address}: {name}"
        shape = signature.outputs[name].shape
        if (shape is None or (shape and shape[0] == -1)) and array.shape[:1] != (examples,):
            rows = array.shape[0] if array.ndim else "a single value"
            raise UserError(f"{place}: expected a row for each of {examples} examples, found {rows}; do not trust it.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            wrong = array[~np.isfinite(array)].flat[0]
            raise UserError(f"{place}: expected finite numbers, found {wrong}; look at the server's log.")
        if name == PROBABILITIES and array.dtype.kind == "f":
            _require_probabilities(array, place)


def _require_probabilities(array: np.ndarray, place: str) -> None:
    outside = (array < -_EDGE) | (array > 1 + _EDGE)
    if outside.any():
        raise UserError(f"{place}: expected numbers from 0 to 1, found {array[outside].flat[0]}; do not trust it.")
    if array.ndim == 2 and array.shape[1] > 1 and array.size:
        sums = array.sum(axis=1, dtype=float)
        worst = sums[np.abs(sums - 1).argmax()]
        if abs(worst - 1) > _SUM:
            raise UserError(f"{place}: expected each example's to add up to 1, found {worst:.6g}; do not trust it.")
