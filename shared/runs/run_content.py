"""What a run folder holds is what a run writes: sealed, complete, of the right form, and it scores as it says."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError, one_line
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.records import SEALED_FROM, RunRecord

FILES, RECORD = "files", "record.json"
SAME_SCORE = 1e-6
"""How far a score may be from the one that is computed again, with another version of NumPy perhaps."""
_HISTORY = ("loss", "learning_rate")


def seal(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's content, as JSON has it, without what says that it is this one."""
    files = {name: digest for name, digest in content[FILES].items() if name != RECORD}
    plain = json.dumps({**content, FILES: files}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def sealed(record: RunRecord) -> RunRecord:
    """Return the record with its own SHA-256 among those of the files."""
    digest = seal(json.loads(record.model_dump_json()))
    return record.model_copy(update={FILES: {**record.files, RECORD: digest}})


def require_sealed(content: Mapping[str, Any], file: Path) -> None:
    """Raise UserError if a valid record was changed after it was written; older ones do not say."""
    found = content[FILES].get(RECORD)
    is_sealed = content["schema_version"] >= SEALED_FROM
    if found != (seal(content) if is_sealed else None):
        raise UserError(f"'{file}' was changed after the run: its SHA-256 is not the recorded one.")


def require_plausible(
    record: RunRecord, history: Any, predictions: Mapping[str, np.ndarray], folder: Path
) -> dict[str, float]:
    """Return the scores of the stored predictions; UserError if anything is not what a run writes."""
    try:
        _require_history(history, record.steps)
        logits, labels = _outputs(predictions)
        scores = metrics.evaluate(logits, labels)
    except Exception as error:  # whatever foreign arrays lead to
        raise UserError(f"'{folder}' is damaged: {one_line(error)}.") from error
    if scores.keys() != record.test.keys() or not all(
        math.isclose(score, record.test[name], rel_tol=SAME_SCORE, abs_tol=SAME_SCORE) for name, score in scores.items()
    ):
        raise UserError(
            f"'{folder}' is damaged: its record says {_text(record.test)} of the test split, its predictions say "
            f"{_text(scores)}."
        )
    return scores


def _text(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {score:.6g}" for name, score in scores.items()) or "nothing"


def _require_history(history: Any, steps: int) -> None:
    if not isinstance(history, dict) or not set(_HISTORY) <= history.keys():
        raise ValueError(f"expected lists {' and '.join(_HISTORY)} in its history")
    for name, values in history.items():
        if not (isinstance(values, list) and all(isinstance(value, int | float) for value in values)):
            raise ValueError(f"expected a list of numbers, its history has something else as {name!r}")
        if len(values) != steps:
            raise ValueError(f"expected {steps} values of {name}, found {len(values)}")


def _outputs(predictions: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    logits, labels = predictions["logits"], predictions["labels"]
    if (
        logits.ndim != 2
        or logits.dtype.kind != "f"
        or labels.shape != logits.shape[:1]
        or labels.dtype.kind not in "iu"
    ):
        raise ValueError(
            f"expected logits (examples, classes) and labels (examples,), found {logits.dtype} {logits.shape} and "
            f"{labels.dtype} {labels.shape}"
        )
    classes = max(2, logits.shape[1])
    if not len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"expected labels from 0 to {classes - 1}")
    return logits, labels
