"""What an export must answer: the run's own predictions, kept in each version folder so that anyone can check them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.base import ordinary
from twotrack.shared.export.tf_serving import prediction_log
from twotrack.shared.export.tf_serving.prediction_log import LoggedRequest

FOLDER = "assets.extra"
REQUESTS, ANSWERS = f"{FOLDER}/twotrack_requests", f"{FOLDER}/twotrack.json"
EXAMPLES = 32
"""As many as the largest batch that is checked."""


class NothingExpectedError(ValueError):
    """The version folder does not say what its model must answer; the message says why."""


@dataclass(frozen=True)
class Origin:
    """Where a model comes from."""

    twotrack: str
    """Version."""
    chapter: str
    run: str
    """Name of the run folder."""
    track: str
    """That trained it."""
    weights: str
    """SHA-256 of the run's weights."""
    class_names: list[str]
    note: str = ""
    """What a user of the model should know; versions of before have none."""


@dataclass(frozen=True)
class Expected:
    """Test examples as a client sends them, and the run's probabilities for them."""

    origin: Origin
    requests: list[LoggedRequest]
    """The same examples for every signature."""
    probabilities: np.ndarray
    """(examples, classes) float64"""


def write(expected: Expected, version: Path) -> None:
    """Write both files into a version folder."""
    (version / FOLDER).mkdir(exist_ok=True)
    prediction_log.write(version / REQUESTS, expected.origin.chapter, expected.requests)
    content = {"origin": asdict(expected.origin), "probabilities": expected.probabilities.tolist()}
    (version / ANSWERS).write_text(json.dumps(content) + "\n")


def read(version: Path) -> Expected:
    """Read them again; NothingExpectedError if one is missing or damaged."""
    try:
        content = json.loads(ordinary.text_of(version / ANSWERS))
        origin = Origin(**content["origin"])
        probabilities = np.array(content["probabilities"], np.float64)
        requests = prediction_log.read(version / REQUESTS)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise NothingExpectedError(f"{ANSWERS} and {REQUESTS} say what the model must answer: {error}") from error
    return Expected(origin, requests, probabilities)
