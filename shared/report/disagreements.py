"""Test examples to which the tracks give different classes, as pictures."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.special import softmax

from shared.harness.run_folder import Run

LIMIT = 48


@dataclass(frozen=True)
class Answer:
    """What one track says of an example."""

    track: str
    class_name: str
    probability: float
    right: bool


@dataclass(frozen=True)
class Disagreement:
    """One test example, its true class and every track's answer."""

    example: int
    true_class: str
    answers: list[Answer]
    picture: str
    """PNG as a data URI."""


def find(runs: Sequence[Run]) -> np.ndarray:
    """Return the test examples on which runs of one seed differ, the most contested first."""
    classes = np.stack([run.logits.argmax(axis=1) for run in runs])
    differ = np.flatnonzero((classes != classes[0]).any(axis=0))
    confidence = np.stack([softmax(run.logits[differ], axis=1).max(axis=1) for run in runs]).min(axis=0)
    return differ[np.argsort(-confidence, kind="stable")]


def show(
    runs: Sequence[Run], examples: np.ndarray, images: np.ndarray, class_names: Sequence[str]
) -> list[Disagreement]:
    """Describe the first examples; `images` are uint8 (examples, height, width)."""
    return [
        Disagreement(
            example=int(number),
            true_class=class_names[runs[0].labels[number]],
            answers=[_answer(run, number, class_names) for run in runs],
            picture=png(images[number]),
        )
        for number in examples[:LIMIT]
    ]


def _answer(run: Run, number: int, class_names: Sequence[str]) -> Answer:
    probabilities = softmax(run.logits[number].astype(float))
    chosen = int(probabilities.argmax())
    return Answer(run.record.job.track, class_names[chosen], float(probabilities[chosen]), chosen == run.labels[number])


def png(image: np.ndarray) -> str:
    """Return a grey image, uint8 (height, width), as a data URI."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
