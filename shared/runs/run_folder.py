"""Run folders: written under a temporary name and renamed, so that a killed run never looks finished."""

import errno
import json
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.numpy import load_file, save

from twotrack.shared.base import atomic
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import LONGEST, UserError, first_error, one_line
from twotrack.shared.runs import checkpoints, run_content, training_state
from twotrack.shared.runs.records import READABLE_VERSIONS, RunRecord
from twotrack.shared.runs.training_state import STATE, STATE_RECORD, TrainingState

RECORD = run_content.RECORD
HISTORY, PREDICTIONS, WEIGHTS = "history.json", "predictions.npz", "weights.safetensors"
_PROBE_BYTES = 8 * 2**20
"""A run folder takes about 5.5 MB; asking for more finds a disk that is about to fill up."""


def remove_partial(folder: Path) -> None:
    """Remove what a dead worker left of an unfinished run."""
    shutil.rmtree(atomic.partial_name(folder), ignore_errors=True)


def require_writable(parent: Path) -> None:
    """Create `parent` and prove that runs can be written there; UserError, with nothing left, if not."""
    created: list[Path] = []
    try:
        created += [folder for folder in (parent, *parent.parents) if not folder.exists()]
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent) as probe:  # without a name, where the system has such files
            probe.write(bytes(_PROBE_BYTES))
    except OSError as error:
        for folder in created:
            with suppress(OSError):
                folder.rmdir()
        raise unwritable(parent, error) from error


def unwritable(folder: Path, error: OSError, option: str = "--out") -> UserError:
    """Return the error for an output folder, named by an option, that refuses a write."""
    if error.errno == errno.ENAMETOOLONG:
        return UserError(f"'{error.filename}' is longer than a name may be; choose a shorter one with {option}.")
    reason = (error.strerror or str(error)).lower()
    return UserError(f"cannot write to the output folder '{folder}': {reason}; choose another one with {option}.")


class RunWriter:
    """Collects the files of a run; `finish` makes the folder appear, leaving the block otherwise removes it."""

    def __init__(self, folder: Path):
        self._folder, self._partial = folder, atomic.partial_name(folder)
        self._block = ExitStack()

    def __enter__(self) -> "RunWriter":
        checkpoints.begin(self._folder)
        try:
            self._partial.mkdir(parents=True, exist_ok=True)  # whoever reserved the name has made it
        except OSError as error:
            raise unwritable(self._folder.parent, error) from error
        self._block.enter_context(atomic.unfinished(self._partial))
        return self

    def __exit__(self, *_: object) -> None:
        self._block.close()

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
            (self._partial / RECORD).write_text(run_content.sealed(record).model_dump_json(indent=2) + "\n")
            atomic.publish(self._partial, self._folder)
            checkpoints.move_into(self._folder)
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
    """Read and check a run folder; UserError if it is none, or a file is missing, was changed or is not a run's."""
    content = _readable(_json(folder / RECORD), folder)
    try:
        record = RunRecord.model_validate(content)
    except ValidationError as error:
        raise UserError(f"'{folder / RECORD}' is no run record: {first_error(error)}.") from error
    run_content.require_sealed(content, folder / RECORD)
    _check_files(folder, record)
    run = Run(folder, record)
    _check_content(run)
    return run


def _json(file: Path) -> Any:
    """Return what a file says; UserError if it is no file of JSON. What is no file, such as a pipe, is not opened."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise UserError(f"'{file}' is damaged: expected a file, found a device, a pipe or a folder.")
        return json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"'{file.parent}' is no run folder: it has no {file.name}.") from error
    except OSError as error:
        raise UserError(f"'{file}' cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"'{file}' is damaged: {error}.") from error


def _readable(content: object, folder: Path) -> dict[str, Any]:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(content, dict) or version not in READABLE_VERSIONS or isinstance(version, float | bool):
        *older, newest = map(str, READABLE_VERSIONS)
        readable = f"{', '.join(older)} and {newest}"
        raise UserError(
            f"'{folder / RECORD}' has schema version {str(version)[:LONGEST]}; this twotrack reads {readable}. "
            "Read it with the twotrack that made it, or train the run again."
        )
    return content


def _check_files(folder: Path, record: RunRecord) -> None:
    for name in (HISTORY, PREDICTIONS, WEIGHTS):
        file = folder / name
        if not file.is_file():
            raise UserError(f"'{folder}' is incomplete: {name} is missing.")
        try:
            digest = sha256_of(file)
        except OSError as error:
            raise UserError(f"'{file}' cannot be read: {(error.strerror or str(error)).lower()}.") from error
        if digest != record.files.get(name):
            raise UserError(f"'{file}' was changed after the run: its SHA-256 is not the recorded one.")


def _check_content(run: Run) -> None:
    """Read what the files hold, which a record of anybody's may say is right."""
    try:
        history = run.history
        predictions = {"logits": run.logits, "labels": run.labels}
        with safe_open(run.folder / WEIGHTS, "numpy") as weights:
            list(weights.keys())
    except Exception as error:  # whatever foreign files lead to
        raise UserError(f"'{run.folder}' is damaged: {one_line(error)}.") from error
    run_content.require_plausible(run.record, history, predictions, run.folder)
