"""Series longer than the data has: the twelve months of real customers, repeated. To look at length, not at scores.

Only customers with twelve real months are taken, so that nothing is masked.
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.spec.inputs import describe, each


@dataclass(frozen=True)
class SeriesLab(Lab):
    """A lab whose data and models have `repeats` times the chapter's months."""

    repeats: int = 1

    @cached_property
    def dataset(self) -> Dataset:
        """The chapter's embedded customers with twelve months, repeated."""
        return self.chapter.data().with_splits(lambda split: repeat(split, self.repeats))


def series_lab(lab: Lab, chapter: Chapter, repeats: int) -> SeriesLab:
    """Return the lab of a chapter on series, on the track and seed of `lab`, for repeated months."""
    months = repeats * chapter.config.months
    inputs = describe(chapter.inputs(chapter.config))
    shapes = {name: replace(spec, shape=(months, *spec.shape[1:])) for name, spec in inputs.items()}
    longer = replace(chapter, config=_with_months(chapter.config, months), input_shape=shapes)
    return SeriesLab(lab.track, longer, lab.seed, repeats)


def _with_months(config: Any, months: int) -> Any:
    """Return a chapter's config for another number of months, which is no field of it."""
    return type("Longer", (type(config),), {"months": months})(**asdict(config))


def repeat(split: Split, times: int) -> Split:
    """Return the customers with a full mask (customers, months), their months `times` times in a row."""
    full = split.take(np.flatnonzero(split.inputs["mask"].all(axis=1)))
    return Split(each(lambda array: np.concatenate([array] * times, axis=1), full.inputs), full.labels)
