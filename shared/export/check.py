"""Whether an exported model, reloaded in its own runtime, says what the run said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.evaluation import metrics
from twotrack.shared.export.formats import LOGITS, PROBABILITIES, Format
from twotrack.shared.export.subject import ExportSubject

BATCH_SIZES = (1, 7)
"""One, which exporters like to take for a constant, and one that none of them has seen."""


PASSED, REFUSED, NOT_REACHED = "passed", "refused", "not reached"


class Check(BaseModel):
    """One thing that a format requires of its exports, beside the probabilities."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: Literal["passed", "refused", "not reached"]
    detail: str


class Compared(BaseModel):
    """What came of reloading an exported model."""

    model_config = ConfigDict(frozen=True)

    differences: dict[int, float]
    """The largest difference of a probability, by batch size."""
    checks: list[Check] = []
    """What else was checked, in the order in which it was."""


def compare(form: Format, path: Path, subject: ExportSubject, track: str | None) -> Compared:
    """Return the largest differences of a probability; UserError if the runtime refuses the model."""
    with as_user_error(f"{form.runtime} does not load the exported model"):
        predict = form.open(path, track)
    differences = {}
    for size in BATCH_SIZES:
        with as_user_error(f"{form.runtime} does not run the exported model on a batch of {size}"):
            differences[size] = difference(predict(subject.examples(size)), subject.probabilities(size))
    return Compared(differences=differences)


def difference(outputs: Mapping[str, np.ndarray], expected: np.ndarray) -> float:
    """Return the largest difference of both outputs from the expected probabilities (batch, classes).

    Infinite if an output has NaN. Raises UserError for an output that is missing or has another shape.
    """
    if set(outputs) != {LOGITS, PROBABILITIES}:
        raise UserError(f"expected the outputs {LOGITS} and {PROBABILITIES}, found {', '.join(outputs) or 'none'}.")
    given = {LOGITS: metrics.probabilities(outputs[LOGITS]), PROBABILITIES: outputs[PROBABILITIES]}
    for name, values in given.items():
        if values.shape != expected.shape:
            raise UserError(f"{name}: expected a shape that gives {expected.shape}, found {outputs[name].shape}.")
    largest = float(np.max([np.abs(values - expected) for values in given.values()]))  # NaN if any is, unlike max()
    return largest if np.isfinite(largest) else float("inf")
