"""What the pictures measure: trained models, ways downhill, one digit on its way, two tracks' losses."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import minimize

import twotrack
from twotrack.shared import chapters
from twotrack.shared.by_hand.neuron import binary_cross_entropy
from twotrack.shared.experiments.lab import Lab, Specimen, open_lab
from twotrack.shared.runs import catalogue
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.inputs import ONLY

TRACK, SEED = "torch", 0
TRACKS = ("torch", "keras:tensorflow")
START = {"neuron.kernel": np.array([[1.6], [-1.2]]), "neuron.bias": np.array([-1.2])}
STEPS = 40
RATES = {"sgd": 2.0, "momentum": 0.3, "adam": 0.2, "lion": 0.1}
DIGIT = 3
LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
RATE_SEEDS = 3
RUNS = Path("build/pictures")
"""What was trained for a picture before is not trained again."""


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
    stages: dict[str, np.ndarray]
    """(height, width, channels), the image first."""


def compared(chapter: str, tracks: Sequence[str]) -> dict[str, Run]:
    """Return the runs by track of `twotrack compare`, seed 0: those that lie below RUNS, or new ones."""
    folder = RUNS / chapter
    if not folder.is_dir():
        twotrack.compare(chapter, tracks, seeds=1, out=folder)
    runs, _ = catalogue.find([folder])
    return {run.record.job.track: run for run in runs}


def digit() -> Digit:
    """Show the first 3 of the test images to torch's network, layer by layer, in NumPy."""
    dataset, weights = chapters.get("mnist_cnn").data(), compared("mnist_cnn", [TRACK])[TRACK].weights
    shown = dataset.test.take(np.flatnonzero(dataset.test.labels == DIGIT)[:1])
    image = x = dataset.prepare(shown.inputs)[ONLY][0]
    stages = {"image": image - image.min()}
    for number in ("1", "2"):
        x = stages[f"relu{number}"] = np.maximum(_convolve(x, weights, f"conv{number}"), 0)
        height, width, channels = x.shape
        squares = x.reshape(height // 2, 2, width // 2, 2, channels)
        x = stages[f"pool{number}"] = squares.max(axis=(1, 3))
    return Digit(weights, stages)


def _convolve(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return the convolution of x (height, width, channels), one place of zeros around it."""
    windows = sliding_window_view(np.pad(x, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
    return np.einsum("ijcuv,uvcf->ijf", windows, weights[f"{name}.kernel"]) + weights[f"{name}.bias"]


def curves_of_both() -> dict[str, np.ndarray]:
    """Return the training losses (steps,) of backprop on two tracks."""
    runs = compared("backprop", TRACKS)
    return {track: np.array(runs[track].history["loss"]) for track in TRACKS}


def validation_by_rate() -> dict[str, np.ndarray]:
    """Return the validation ROC AUC (rates, seeds) of churn_mlp on two tracks, at LEARNING_RATES."""
    scores: dict[str, list[list[float]]] = {track: [] for track in TRACKS}
    for rate in LEARNING_RATES:
        folder = RUNS / f"churn_mlp_{rate:g}"
        if not folder.is_dir():
            twotrack.compare("churn_mlp", TRACKS, seeds=RATE_SEEDS, settings={"learning_rate": rate}, out=folder)
        runs, _ = catalogue.find([folder])
        for track in TRACKS:
            of_track = [run.record for run in runs if run.record.job.track == track]
            scores[track].append([record.epochs[-1].validation_metric for record in of_track])
    return {track: np.array(rows) for track, rows in scores.items()}
