"""One training of tests/benchmarks/stamps.py, as a task of a worker."""

import time
from dataclasses import dataclass, replace

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.datasets import stamps
from twotrack.shared.runs.fitting import Stopwatch, fresh_model, in_batches, silent
from twotrack.shared.runs.stages import Fit
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    weights: str
    recipe: str
    epochs: int
    size: int

    @property
    def name(self) -> str:
        """Begin of its files' names."""
        return f"{self.recipe}-{self.epochs}-{self.size}"


@dataclass(frozen=True)
class Training:
    track: str
    line: Line
    seed: int
    out: str


@task
def train(asked: Training) -> float:
    """Train and write the logits of the test split; return the processor's seconds."""
    line, begun = asked.line, time.process_time()
    settings = {"weights": line.weights, "size": str(line.size), "num_classes": str(len(stamps.CLASS_NAMES))}
    variant = chapters.get("shop_transfer").variant(line.recipe, settings)
    variant = replace(variant, recipe=replace(variant.recipe, epochs=line.epochs))
    dataset = variant.data(stamps.source())
    model = fresh_model(open_track(asked.track, "cpu"), variant, asked.seed)
    fit = Fit(model, dataset, variant, asked.seed, Stopwatch(), silent)
    fit.run()
    logits = in_batches(model.predict, dataset, dataset.test.inputs, 29)
    np.save(asked.out, logits)
    return time.process_time() - begun
