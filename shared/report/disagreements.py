"""Test examples to look at, as pictures or as rows of values: where tracks disagree, and the worst mistakes."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.inputs import each

LIMIT, WORST = 48, 12


@dataclass(frozen=True)
class TrackAnswer:
    """What one track says of an example."""

    track: str
    class_name: str
    probability: float
    right: bool


@dataclass(frozen=True)
class Example:
    """One test example, its true class and every track's answer."""

    example: int
    true_class: str
    answers: list[TrackAnswer]
    picture: str = ""
    """Of an image: PNG as a data URI."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Of a table's row: text by column."""


def find(runs: Sequence[Run]) -> np.ndarray:
    """Return the test examples on which runs of one seed differ, the most contested first."""
    classes = np.stack([metrics.classes(run.logits) for run in runs])
    differ = np.flatnonzero((classes != classes[0]).any(axis=0))
    confidence = np.stack([metrics.probabilities(run.logits[differ]).max(axis=1) for run in runs]).min(axis=0)
    return differ[np.argsort(-confidence, kind="stable")][:LIMIT]


def worst(runs: Sequence[Run]) -> np.ndarray:
    """Return the test examples that a run gets wrong, those first whose true class the runs think least of."""
    labels = runs[0].labels
    wrong = np.flatnonzero(np.any([metrics.classes(run.logits) != labels for run in runs], axis=0))
    truth = np.mean([metrics.probabilities(run.logits[wrong])[np.arange(len(wrong)), labels[wrong]] for run in runs], 0)
    return wrong[np.argsort(truth, kind="stable")][:WORST]


def count(runs: Sequence[Run]) -> int:
    """Return the number of test examples on which runs of one seed differ."""
    classes = np.stack([metrics.classes(run.logits) for run in runs])
    return int((classes != classes[0]).any(axis=0).sum())


def show(runs: Sequence[Run], examples: np.ndarray, dataset: Dataset) -> list[Example]:
    """Describe test examples."""
    return [_example(runs, int(number), dataset) for number in examples]


def _example(runs: Sequence[Run], number: int, dataset: Dataset) -> Example:
    """Show a stored example as its data set does, a picture or values by name, with what the runs say of it."""
    shown = dataset.preparation.show(each(lambda array: array[number], dataset.test.inputs))
    return Example(
        example=number,
        true_class=dataset.class_names[runs[0].labels[number]],
        answers=[_answer(run, number, dataset.class_names) for run in runs],
        picture=data_uri(shown) if isinstance(shown, np.ndarray) else "",
        values={} if isinstance(shown, np.ndarray) else shown,
    )


def _answer(run: Run, number: int, class_names: Sequence[str]) -> TrackAnswer:
    probabilities = metrics.probabilities(run.logits[number])
    chosen = int(probabilities.argmax())
    return TrackAnswer(
        run.record.job.track, class_names[chosen], float(probabilities[chosen]), chosen == run.labels[number]
    )


def data_uri(image: np.ndarray) -> str:
    """Return an image, uint8, as a data URI: grey (height, width) as PNG, (height, width, RGB 3) as a small JPEG."""
    stream, kind = io.BytesIO(), "PNG" if image.ndim == 2 else "JPEG"
    Image.fromarray(image).save(stream, format=kind, optimize=True)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(stream.getvalue()).decode()
