"""Experiment of the chapter backprop: gradients by hand, by the framework and by finite differences."""

import numpy as np

from twotrack.shared.by_hand import two_layer
from twotrack.shared.by_hand.two_layer import Activation, Weights
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.spec import Claim, Finding, Progress, Table
from twotrack.shared.spec.inputs import ONLY

EXAMPLES, STEP = 256, 1e-5
NAMES = ("hidden.kernel", "hidden.bias", "logits.kernel", "logits.bias")
"""Canonical names of the weights, in the order of `Weights`."""


def gradients(lab: Lab, progress: Progress) -> Finding:
    """Compare all three on real customers, in float64."""
    progress("backward pass")
    split = lab.dataset.train.first(EXAMPLES)
    X, y = lab.dataset.prepare(split.inputs)[ONLY].astype(np.float64), split.labels[:, None]  # noqa: N806 - equations
    model = lab.model("float64")
    weights = Weights(*(model.weights[name] for name in NAMES))
    activation = lab.chapter.config.activation
    by_hand = two_layer.backward(weights, X, y, activation)
    framework = model.gradients(split)
    rows: list[list[str | float]] = []
    distances: list[list[float]] = []
    for place, name in enumerate(NAMES):
        differences = _central_differences(weights, place, X, y, activation)
        size = np.abs(by_hand[place]).max()
        distances.append(
            [float(np.abs(other - by_hand[place]).max() / size) for other in (framework[name], differences)]
        )
        rows.append([name, float(size), *distances[-1]])
    claims = [
        Claim(text=f"largest relative distance from {reference}", value=max(distance[column] for distance in distances),
              relation="below", bound=bound)
        for column, reference, bound in ((0, "the framework's gradients", 1e-12), (1, "central differences", 1e-8))
    ]  # fmt: skip
    columns = ["weight", "largest gradient", "by hand against framework", "against central differences"]
    return Finding(claims=claims, tables=[Table(title="Gradients", columns=columns, rows=rows)])


def _central_differences(
    weights: Weights,
    place: int,
    X: np.ndarray,  # noqa: N803
    y: np.ndarray,
    activation: Activation,
) -> np.ndarray:
    """Return (L(w + d) - L(w - d)) / 2d for every element of one weight."""
    differences = np.empty_like(weights[place])
    for index in np.ndindex(differences.shape):
        losses = []
        for sign in (1, -1):
            moved = weights[place].copy()
            moved[index] += sign * STEP
            changed = Weights(*(moved if number == place else array for number, array in enumerate(weights)))
            losses.append(two_layer.loss(changed, X, y, activation))
        differences[index] = (losses[0] - losses[1]) / (2 * STEP)
    return differences
