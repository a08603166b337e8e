"""Worker task: what a chapter's model says of customers, whatever stands in their padding."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twotrack.shared import chapters, initial_weights
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.track import open_track

CUSTOMERS = 64


def outputs(arguments: Mapping[str, Any], report: object) -> list[list[float]]:
    """Return the outputs for short histories: padding of zeros, of noise, and the real months alone changed."""
    chapter = chapters.get(arguments["chapter"])
    pair = whole_pair(chapter, chapter.configure(arguments["settings"]))
    model = open_track(arguments["track"], "cpu").build(pair, seed=0)
    model.load_weights(initial_weights.draw({name: one.shape for name, one in model.weights().items()}, seed=0))
    data = chapter.data()
    short = np.flatnonzero(~data.test.inputs["mask"].all(axis=1))[:CUSTOMERS]
    inputs = data.prepare(data.test.take(short).inputs)
    months, mask = inputs["months"], inputs["mask"][..., None]
    noise = np.random.default_rng(0).normal(scale=5, size=months.shape).astype(np.float32)
    variants = (months, np.where(mask, months, noise), np.where(mask, noise, months))
    return [model.predict({"months": one, "mask": inputs["mask"]})[:, 0].tolist() for one in variants]
