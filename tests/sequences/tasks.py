"""Worker task: what a chapter's model says of customers, whatever stands in their padding."""

from dataclasses import dataclass

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.weights import initial
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class OfChapter:
    track: str
    chapter: str
    settings: dict[str, str]


CUSTOMERS = 64


@task
def outputs(asked: OfChapter) -> list[list[float]]:
    """Return the outputs for short histories: padding of zeros, of noise, and the real months alone changed."""
    chapter = chapters.get(asked.chapter)
    model = open_track(asked.track, "cpu").build(whole_pair(chapter.variant(settings=asked.settings)), seed=0)
    model.load_weights(initial.draw({name: one.shape for name, one in model.weights().items()}, seed=0))
    data = chapter.data()
    short = np.flatnonzero(~data.test.inputs["mask"].all(axis=1))[:CUSTOMERS]
    inputs = data.prepare(data.test.take(short).inputs)
    months, mask = inputs["months"], inputs["mask"][..., None]
    noise = np.random.default_rng(0).normal(scale=5, size=months.shape).astype(np.float32)
    variants = (months, np.where(mask, months, noise), np.where(mask, noise, months))
    return [model.predict({"months": one, "mask": inputs["mask"]})[:, 0].tolist() for one in variants]
