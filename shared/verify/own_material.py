"""Weights and inputs of the user's own, which take the place of drawn ones: what they must be."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import with_config

from twotrack.shared.base import ordinary
from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.pair import Pair


@with_config(WITH_ARRAYS)
@dataclass
class Arrays:
    """Arrays by name."""

    values: dict[str, np.ndarray] = field(default_factory=dict)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz file; UserError if it cannot be read without running code from it."""
    try:
        ordinary.require(path)
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise UserError(f"'{path}' holds one array; expected an .npz: np.savez(file, name=array, ...).")
        with found as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise UserError(f"expected inputs in '{path}', found no such file.") from None
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UserError(f"'{path}' is no readable .npz of plain arrays ({lines[0]}); write it by np.savez.") from error


def checked_inputs(given: Any, pair: Pair, source: str) -> dict[str, np.ndarray]:
    """Return inputs (rows, ...) as the ladder feeds them; UserError unless they fit the pair's inputs.

    `given` maps the name of each input to an array, channels last, several batches behind each other. `source` says
    where it is from.
    """
    specs = pair.specs
    if not isinstance(given, Mapping):
        raise UserError(f"{source}: expected a mapping of arrays by input name, found a {type(given).__name__}.")
    for what, names in (("no", specs.keys() - given.keys()), ("also", given.keys() - specs.keys())):
        if names:
            expected = ", ".join(f"'{name}'" for name in specs)
            raise UserError(f"{source}: expected inputs {expected}, found {what} {_quoted(names)}.")
    found = {name: _checked(np.asarray(given[name]), spec, f"{source}: '{name}'") for name, spec in specs.items()}
    rows = {name: len(array) for name, array in found.items()}
    if len(set(rows.values())) > 1:
        raise UserError(f"{source}: expected as many rows of every input, found {_counted(rows)}.")
    if min(rows.values()) < pair.batch_size:
        least = min(rows.values())
        raise UserError(f"{source}: expected at least {pair.batch_size} rows, which is batch_size, found {least}.")
    return found


def _checked(array: np.ndarray, spec: Input, what: str) -> np.ndarray:
    """Return one input in the type of its kind."""
    if array.ndim == 0 or array.shape[1:] != spec.shape:
        expected = "(rows, " + ", ".join(map(str, spec.shape)) + ")"
        raise UserError(f"{what}: expected shape {expected}, channels last, found {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise UserError(f"{what}: expected numbers, found {array.dtype}.")
    require_finite(array, what)
    if spec.kind == "real":
        return array.astype(np.float64)
    low, high = (0, spec.size - 1) if spec.kind == "tokens" else (0, 1)
    if (array != np.floor(array)).any() or (array < low).any() or (array > high).any():
        found = f"{array.min():g} to {array.max():g}"
        raise UserError(f"{what}: expected whole numbers from {low} to {high}, found numbers from {found}.")
    return array.astype(np.int64 if spec.kind == "tokens" else bool)


def require_finite(array: np.ndarray, what: str) -> None:
    """Raise UserError for NaN and infinity."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        wrong = int(np.count_nonzero(~np.isfinite(array)))
        raise UserError(f"{what}: expected finite numbers, found {wrong:,} of {array.size:,} that are NaN or infinite.")


def batch_of(inputs: Mapping[str, np.ndarray], size: int, step: int) -> dict[str, np.ndarray]:
    """Return the batch of a step; after the last whole one comes the first again."""
    count = len(next(iter(inputs.values()))) // size
    rows = slice(step % count * size, (step % count + 1) * size)
    return {name: array[rows] for name, array in inputs.items()}


def unmet(inputs: Mapping[str, np.ndarray], specs: Mapping[str, Input]) -> dict[int, int]:
    """Return how many ids are in no row, by the size of the input that they are for."""
    found: dict[int, int] = {}
    for name, spec in specs.items():
        if spec.kind == "tokens":
            missing = spec.size - len(np.unique(inputs[name]))
            found[spec.size] = min(missing, found.get(spec.size, missing))
    return found


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in sorted(map(str, names)))


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} of '{name}'" for name, count in rows.items())
