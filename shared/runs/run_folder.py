"""Run folders: written under a temporary name and renamed, so that a killed run never looks finished."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import load_file, save

from twotrack.shared.base import atomic
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.runs import training_state
from twotrack.shared.runs.records import READABLE_VERSIONS, RunRecord
from twotrack.shared.runs.training_state import STATE, STATE_RECORD, TrainingState

RECORD, HISTORY, PREDICTIONS, WEIGHTS = "record.json", "history.json", "predictions.npz", "weights.safetensors"
_PROBE_BYTES = 8 * 2**20
"""A run folder takes about 5.5 MB; asking for more finds a disk that is about to fill up."""


def remove_partial(folder: Path) -> None:
    """Remove what a dead worker left of an unfinished run."""
    shutil.rmtree(atomic.partial_name(folder), ignore_errors=True)


def require_writable(parent: Path) -> None:
    """Create `parent` and prove that runs can be written there; UserError, with nothing left, if not."""
    created = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    probe = parent / ".write-probe"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(bytes(_PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        for folder in created:
            if folder.is_dir():
                folder.rmdir()
        raise unwritable(parent, error) from error


def unwritable(folder: Path, error: OSError, option: str = "--out") -> UserError:
    """Return the error for an output folder, named by an option, that refuses a write."""
    reason = (error.strerror or str(error)).lower()
    return UserError(f"cannot write to the output folder '{folder}': {reason}; choose another one with {option}.")


class RunWriter:
    """Collects the files of a run; `finish` makes the folder appear, leaving the block otherwise removes it."""

    def __init__(self, folder: Path):
        self._folder, self._partial = folder, atomic.partial_name(folder)

    def __enter__(self) -> "RunWriter":
        try:
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise unwritable(self._folder.parent, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)

    def write(
        self,
        history: Mapping[str, list[float]],
        predictions: Mapping[str, np.ndarray],
        weights: Mapping[str, np.ndarray],
        state: TrainingState | None = None,
    ) -> dict[str, str]:
        """Write history, predictions, weights and the state of the training; return the SHA-256 of each file."""
        try:
            (self._partial / HISTORY).write_text(json.dumps(history))
            stored = self._partial / PREDICTIONS
            np.savez_compressed(stored, **predictions)  # type: ignore[arg-type]  # NumPy's stubs give every name the type of `allow_pickle`
            (self._partial / WEIGHTS).write_bytes(save(dict(weights)))
            if state:
                training_state.write(self._partial, state, weights)
        except OSError as error:
            raise unwritable(self._folder.parent, error) from error
        names = (HISTORY, PREDICTIONS, WEIGHTS, *((STATE, STATE_RECORD) if state else ()))
        return {name: sha256_of(self._partial / name) for name in names}

    def finish(self, record: RunRecord) -> None:
        """Write the record and give the folder its name."""
        try:
            (self._partial / RECORD).write_text(record.model_dump_json(indent=2) + "\n")
            atomic.publish(self._partial, self._folder)
        except OSError as error:
            raise unwritable(self._folder.parent, error) from error


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder."""

    folder: Path
    record: RunRecord

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """Lists with one entry per training step: loss, learning_rate."""
        return json.loads((self.folder / HISTORY).read_text())

    @cached_property
    def logits(self) -> np.ndarray:
        """Test outputs (examples, classes) float32."""
        return self._prediction("logits")

    @cached_property
    def labels(self) -> np.ndarray:
        """Test labels (examples,) int32."""
        return self._prediction("labels")

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """All weights after training, by canonical name."""
        return load_file(self.folder / WEIGHTS)

    def _prediction(self, name: str) -> np.ndarray:
        with np.load(self.folder / PREDICTIONS, allow_pickle=False) as archive:
            return archive[name]


def runs_in(folder: Path) -> list[Path]:
    """Return the folder if it holds a run, else those directly inside that do; a run may lack files."""
    if _holds_a_run(folder):
        return [folder]
    return sorted(inside for inside in folder.glob("[!.]*") if _holds_a_run(inside))


def _holds_a_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RECORD, HISTORY, PREDICTIONS))


def read(folder: Path) -> Run:
    """Read and check a run folder; UserError if it is none, or a file is missing or was changed."""
    try:
        record = RunRecord.model_validate(_readable(json.loads((folder / RECORD).read_text()), folder))
    except OSError as error:
        raise UserError(f"'{folder}' is no run folder: it has no {RECORD}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"'{folder / RECORD}' is damaged: {error}.") from error
    except ValidationError as error:
        raise UserError(f"'{folder / RECORD}' is no run record: {first_error(error)}.") from error
    _check_files(folder, record)
    return Run(folder, record)


def _readable(content: object, folder: Path) -> object:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version not in READABLE_VERSIONS:
        *older, newest = map(str, READABLE_VERSIONS)
        readable = f"{', '.join(older)} and {newest}"
        raise UserError(
            f"'{folder / RECORD}' has schema version {version}; this twotrack reads {readable}. "
            "Read it with the twotrack that made it, or train the run again."
        )
    return content


def _check_files(folder: Path, record: RunRecord) -> None:
    for name in (HISTORY, PREDICTIONS, WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f"'{folder}' is incomplete: {name} is missing.")
        if sha256_of(folder / name) != record.files.get(name):
            raise UserError(f"'{folder / name}' was changed after the run: its SHA-256 is not the recorded one.")
