"""What the pictures measure: trained models, ways downhill, one digit on its way, two tracks' losses."""

import tempfile
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

import twotrack
from twotrack.shared.by_hand.neuron import binary_cross_entropy
from twotrack.shared.experiments.lab import Lab, Specimen, open_lab
from twotrack.shared.spec.inputs import ONLY

TRACK, SEED = "torch", 0
TRACKS = ("torch", "keras:tensorflow")
START = {"neuron.kernel": np.array([[1.6], [-1.2]]), "neuron.bias": np.array([-1.2])}
STEPS = 40
RATES = {"sgd": 2.0, "momentum": 0.3, "adam": 0.2, "lion": 0.1}
DIGIT = 3


def trained(slug: str, recipe: str, epochs: int) -> tuple[Specimen, Lab]:
    """Train a chapter's model on the track, dropout off."""
    lab = open_lab(TRACK, slug, SEED)
    batch_size = lab.chapter.recipe(recipe).batch_size
    model = lab.model(recipe=recipe)
    for _ in model.train(epochs * (len(lab.dataset.train) // batch_size), batch_size):
        pass
    return model, lab


class Surface(NamedTuple):
    """The loss of the neuron over its two weights, the bias at its best."""

    first: np.ndarray
    second: np.ndarray
    losses: np.ndarray
    """(second, first)"""
    minimum: np.ndarray
    """(2,)"""
    lowest: float


def downhill() -> tuple[Surface, dict[str, np.ndarray]]:
    """Return the surface, and the weights (steps + 1, 2) of every optimizer from one start, all customers a step."""
    lab = open_lab(TRACK, "neuron", SEED)
    train = lab.dataset.train
    x, y = lab.dataset.prepare(train.inputs)[ONLY].astype(np.float64), train.labels
    best = minimize(lambda w: binary_cross_entropy(x @ w[:2] + w[2], y), np.zeros(3))
    first, second = np.linspace(-3.0, 2.0, 61), np.linspace(-1.6, 2.2, 51)
    losses = [[binary_cross_entropy(x @ (a, b) + best.x[2], y) for a in first] for b in second]
    surface = Surface(first, second, np.array(losses), best.x[:2], float(best.fun))
    return surface, {f"{name}, rate {rate:g}": _way(lab, name, rate) for name, rate in RATES.items()}


def _way(lab: Lab, optimizer: str, rate: float) -> np.ndarray:
    model = lab.model("float64", "classic", optimizer=optimizer, learning_rate=rate)
    model.load(START)
    points = [START["neuron.kernel"][:, 0]]
    for _ in model.train_on(lab.dataset.train, STEPS):
        points.append(model.weights["neuron.kernel"][:, 0])
    return np.array(points)


class Digit(NamedTuple):
    """A trained network of mnist_cnn, and what it makes of one digit."""

    weights: dict[str, np.ndarray]
    image: np.ndarray
    """(28, 28, 1)"""
    outputs: dict[str, np.ndarray]
    """(height, width, channels) by layer."""


@cache
def digits() -> Digit:
    """Train one epoch, dropout off, and show the network the first 3 of the test images."""
    model, lab = trained("mnist_cnn", "fast", epochs=1)
    shown = lab.dataset.test.take(np.flatnonzero(lab.dataset.test.labels == DIGIT)[:1])
    outputs = {path: array[0] for path, array in model.layer_outputs(shown).items()}
    image = lab.dataset.prepare(shown.inputs)[ONLY][0]
    return Digit(model.weights, image - image.min(), outputs)


def curves_of_both() -> dict[str, np.ndarray]:
    """Return the training losses (steps,) of churn_mlp on two tracks, as `twotrack compare` trains it."""
    with tempfile.TemporaryDirectory() as folder:
        done = twotrack.compare("churn_mlp", TRACKS, out=folder)
        return {run.record.job.track: np.array(run.history["loss"]) for run in done.runs}
