"""Experiments of the chapter shop_transfer: what pretrained weights are worth, by the number of pictures."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.spec import Claim, Curves, Finding, Progress, Table
from twotrack.shared.runs.fitting import Stopwatch, fresh_model, in_batches
from twotrack.shared.runs.stages import Fit
from twotrack.shared.workers.door import open_track

IMAGES = (10, 50, 100, 500)
"""Per class."""
SIZE = 64
"""Pixels of a side: four trainings from scratch then take minutes."""
FEWEST_STEPS, MOST_STEPS = 300, 600
TESTED = 1000
RECIPES = {"transfer": ("imagenet", "fast"), "scratch": ("none", "scratch")}
"""Weights and recipe of each line."""


def images_per_class(lab: Lab, progress: Progress) -> Finding:
    """Train a new head on ImageNet's features, and the same network from scratch, on 10 to 500 pictures a class."""
    scores = {line: [_accuracy(lab, line, count, progress) for count in IMAGES] for line in RECIPES}
    transfer, scratch = scores["transfer"], scores["scratch"]
    claims = [
        Claim(
            text="accuracy that transfer gains from 10 to 500 a class",
            value=transfer[-1] - transfer[0],
            relation="above",
            bound=0.05,
        ),
        Claim(text="accuracy from scratch with 500 a class", value=scratch[-1], relation="above", bound=0.8),
    ]
    rows = [[str(count), *both] for count, *both in zip(IMAGES, transfer, scratch, strict=True)]
    table = Table(title="Test accuracy", columns=["images per class", *RECIPES], rows=rows)
    curves = Curves(
        name="images",
        title="Test accuracy by images per class",
        x_label="images per class",
        y_label="accuracy",
        log_x=True,
        lines={line: (list(map(float, IMAGES)), accuracies) for line, accuracies in scores.items()},
    )
    return Finding(claims=claims, tables=[table], curves=[curves])


def _accuracy(lab: Lab, line: str, count: int, progress: Progress) -> float:
    """Train on `count` pictures of each class; return the accuracy on the first test pictures."""
    weights, recipe_name = RECIPES[line]
    variant = lab.chapter.variant(recipe_name, {"weights": weights, "size": str(SIZE)})
    dataset = few_of_each(variant.data(), count)
    epochs = _epochs(len(dataset.train) // variant.recipe.batch_size)
    variant = replace(variant, recipe=replace(variant.recipe, epochs=epochs))
    model = fresh_model(open_track(lab.track, "auto"), variant, lab.seed)

    def report(phase: str, figures: Mapping[str, Any] = MappingProxyType({}), /) -> None:
        progress(f"{line}, {count} a class: {phase}")

    Fit(model, dataset, variant, lab.seed, Stopwatch(), report).run()
    test = dataset.test.first(TESTED)
    return metrics.score("accuracy", in_batches(model.predict, dataset, test.inputs, 50), test.labels)


def _epochs(steps_per_epoch: int) -> int:
    """Return epochs for about 20 passes, but neither too few steps to learn nor more than there is time for."""
    return -(-min(max(20 * steps_per_epoch, FEWEST_STEPS), MOST_STEPS) // steps_per_epoch)


def few_of_each(dataset: Dataset, count: int) -> Dataset:
    """Keep the first `count` training pictures of each class, and a few for validation, which nothing depends on."""
    labels = dataset.train.labels
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]))
    return replace(dataset, train=dataset.train.take(chosen), validation=dataset.validation.first(32))
