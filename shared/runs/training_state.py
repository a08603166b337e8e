"""Where a training stands: all that its next steps depend on beside recipe and data, on any track.

Two files of a run folder hold it: tensors in canonical form, and numbers. Weights that are those of the run's own file
of weights are not stored again; they differ where that file has averages, or the weights of the best epoch.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from twotrack.shared.base import ordinary
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.state import OptimizerState

STATE, STATE_RECORD = "state.safetensors", "state.json"
FORMAT, VERSION = "twotrack training state", 1
_WEIGHT, _BEST, _SLOT = "weight", "best", "slot"
"""What names of tensors begin with."""
Count = Annotated[int, Ge(0)]


class PlateauRecord(FrozenRecord):
    """What a plateau judges the next validation losses by."""

    share: float
    """Of the planned learning rates."""
    best: float | None
    """None before the first."""
    waited: Count
    cooling: Count


class StoppingRecord(FrozenRecord):
    """What early stopping judges the next validation losses by."""

    best: float | None
    waited: Count


class Place(FrozenRecord):
    """How far a training is."""

    stage: Count = 0
    """Of the recipe, from 0."""
    epochs: Count = 0
    """Of the stage, that are over, validation included."""
    steps: Count = 0
    """Of the epoch behind them, which is not over; of a stage whose last epoch is not whole, all of that one."""
    ended: bool = False
    """Early stopping has ended the stage."""
    seconds: float = 0.0
    """That those steps took."""
    feeding_seconds: float = 0.0

    def done(self, per_epoch: int) -> int:
        """Return the steps of the stage that are done, so many of which are a whole epoch."""
        return self.epochs * per_epoch + self.steps


class StateRecord(FrozenRecord):
    """state.json of a run folder."""

    format: Literal["twotrack training state"]
    version: Literal[1]
    optimizer: str
    """Name of its spec."""
    place: Place
    updates: Count
    """Of the optimizer."""
    batches: Count
    """That the optimizer has seen, in its stage."""
    rows: float
    """Of batches that wait for an update."""
    product: float
    """Of Nadam's momenta."""
    plateau: PlateauRecord | None
    stopping: StoppingRecord | None


@dataclass(frozen=True)
class TrainingState:
    """A training between two steps."""

    place: Place
    optimizer_name: str
    optimizer: OptimizerState
    weights: Mapping[str, np.ndarray]
    """As they are trained: neither averages nor those of the best epoch."""
    plateau: Mapping[str, float] | None = None
    """`PlateauWatch.state`."""
    stopping: StoppingRecord | None = None
    best: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Weights of the best epoch so far, where they are to be had again."""


def name_of(optimizer: Optimizer) -> str:
    """Return what a state calls an optimizer."""
    return type(optimizer).__name__


def known(loss: float) -> float | None:
    """Return a best loss as JSON has it."""
    return loss if math.isfinite(loss) else None


# === Files ===


def write(folder: Path, state: TrainingState, left: Mapping[str, np.ndarray]) -> None:
    """Write both files of a state; `left` is what the run's own file of weights holds."""
    own = {name: array for name, array in state.weights.items() if not np.array_equal(array, left[name])}
    parts = {_WEIGHT: own, _BEST: state.best, _SLOT: state.optimizer.slots}
    tensors = {
        f"{part}/{name}": np.ascontiguousarray(one) for part, all_ in parts.items() for name, one in all_.items()
    }
    (folder / STATE).write_bytes(save(tensors))
    (folder / STATE_RECORD).write_text(_record(state).model_dump_json(indent=2) + "\n")


def _record(state: TrainingState) -> StateRecord:
    plateau = state.plateau and PlateauRecord(
        share=state.plateau["share"],
        best=known(state.plateau["best"]),
        waited=int(state.plateau["waited"]),
        cooling=int(state.plateau["cooling"]),
    )
    return StateRecord(
        format=FORMAT,
        version=VERSION,
        optimizer=state.optimizer_name,
        place=state.place,
        updates=state.optimizer.updates,
        batches=state.optimizer.batches,
        rows=state.optimizer.rows,
        product=state.optimizer.product,
        plateau=plateau or None,
        stopping=state.stopping,
    )


def read(folder: Path, files: Mapping[str, str], left: Mapping[str, np.ndarray]) -> TrainingState:
    """Read the state of a run folder whose record names `files` by their SHA-256, and whose weights are `left`.

    UserError, in one sentence, for a state that is missing, was changed, or is none.
    """
    for name in (STATE_RECORD, STATE):
        _require_unchanged(folder, name, files)
    record = _read_record(folder)
    parts = _tensors(folder)
    if foreign := sorted((parts[_WEIGHT].keys() | parts[_BEST].keys()) - left.keys()):
        raise _refused(folder, STATE, f"it has a weight '{foreign[0]}', which the run has not")
    optimizer = OptimizerState(parts[_SLOT], record.updates, record.batches, record.rows, record.product)
    plateau = record.plateau and {
        **record.plateau.model_dump(),
        "best": math.inf if record.plateau.best is None else record.plateau.best,
    }
    return TrainingState(
        record.place,
        record.optimizer,
        optimizer,
        dict(left) | parts[_WEIGHT],
        plateau or None,
        record.stopping,
        parts[_BEST],
    )


def _require_unchanged(folder: Path, name: str, files: Mapping[str, str]) -> None:
    if name not in files:
        raise UserError(
            f"--from: '{folder}' holds no state of its training; a run by an older twotrack, one with its framework's "
            "own optimizer and one of no step have none. Start a new training from its weights with --warm-start."
        )
    if not (folder / name).is_file():
        raise UserError(f"--from: '{folder}' is incomplete: {name} is missing; copy the whole folder.")
    if sha256_of(folder / name) != files[name]:
        raise UserError(f"--from: '{folder / name}' was changed after the run: its SHA-256 is not the recorded one.")


def _read_record(folder: Path) -> StateRecord:
    try:
        content = json.loads(ordinary.text_of(folder / STATE_RECORD))
        return StateRecord.model_validate(content)
    except ValidationError as error:
        raise _refused(folder, STATE_RECORD, str(first_error(error))) from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8
        raise _refused(folder, STATE_RECORD, str(error)) from error


def _tensors(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the tensors by what they are, and by name."""
    parts: dict[str, dict[str, np.ndarray]] = {_WEIGHT: {}, _BEST: {}, _SLOT: {}}
    try:
        stored = load_file(folder / STATE)
    except (SafetensorError, ValueError) as error:
        raise _refused(folder, STATE, str(error)) from error
    for key, array in stored.items():
        part, _, name = key.partition("/")
        if part not in parts or array.dtype.kind != "f":
            raise _refused(folder, STATE, f"'{key}', of type {array.dtype}, is no weight and no slot")
        parts[part][name] = array
    return parts


def _refused(folder: Path, name: str, why: str) -> UserError:
    return UserError(
        f"--from: '{folder / name}' is no training state that can be gone on from: {why.splitlines()[0]}; "
        "copy the folder again, or start from its weights with --warm-start."
    )
