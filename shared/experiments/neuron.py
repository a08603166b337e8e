"""Experiments of the chapter neuron: one update by hand, and whom the trained neuron warns of."""

import numpy as np

from twotrack.shared.by_hand import neuron
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.spec import Claim, Finding, Progress, Table
from twotrack.shared.spec.inputs import ONLY

CUSTOMERS, TRAINED_EPOCHS = 6, 10


def by_hand(lab: Lab, progress: Progress) -> Finding:
    """Follow one gradient-descent step on a few customers, in float64: forward pass, loss, update."""
    progress("one step")
    split = lab.dataset.train.first(CUSTOMERS)
    x, y = lab.dataset.prepare(split.inputs)[ONLY].astype(np.float64), split.labels
    model = lab.model("float64", recipe="classic")
    w, b = model.weights["neuron.kernel"][:, 0], float(model.weights["neuron.bias"][0])
    z = neuron.logit(w, b, x)
    (loss,) = model.train_on(split, steps=1)
    expected_w, expected_b = neuron.update(w, b, x, y, lab.chapter.recipe("classic").optimizer.learning_rate)
    after = model.weights
    model.load({"neuron.kernel": w[:, None], "neuron.bias": np.array([b])})
    distances = {
        "z = w·x + b": np.abs(model.predict(split)[:, 0] - z).max(),
        "the loss": abs(loss - neuron.binary_cross_entropy(z, y)),
        "the updated weights": np.abs(after["neuron.kernel"][:, 0] - expected_w).max(),
        "the updated bias": abs(after["neuron.bias"][0] - expected_b),
    }
    claims = [
        Claim(text=f"distance from the hand computation, {name}", value=float(distance), relation="below", bound=1e-12)
        for name, distance in distances.items()
    ]
    return Finding(claims=claims, tables=[_forward_table(lab, z), _update_table(w, b, expected_w, expected_b)])


def _forward_table(lab: Lab, z: np.ndarray) -> Table:
    split = lab.dataset.train.first(CUSTOMERS)
    probability = neuron.sigmoid(z)
    rows = [
        [*map(float, stored), float(score), float(p), lab.dataset.class_names[label]]
        for stored, score, p, label in zip(split.inputs[ONLY], z, probability, split.labels, strict=True)
    ]
    columns = [*lab.dataset.feature_names, "z", "probability", "truth"]
    return Table(title="Forward pass before training", columns=columns, rows=rows)


def _update_table(w: np.ndarray, b: float, new_w: np.ndarray, new_b: float) -> Table:
    rows = [[f"w{number}", float(old), float(new)] for number, (old, new) in enumerate(zip(w, new_w, strict=True), 1)]
    return Table(title="One update", columns=["weight", "before", "after"], rows=[*rows, ["b", b, float(new_b)]])


def risk(lab: Lab, progress: Progress) -> Finding:
    """Train, then ask for the risk of typical customers: short or long tenure, high or low charges."""
    recipe = lab.chapter.recipe("classic")
    steps = TRAINED_EPOCHS * len(lab.dataset.train) // recipe.batch_size
    model = lab.model(recipe="classic")
    progress(f"{steps} steps")
    for _ in model.train(steps, recipe.batch_size):
        pass
    customers = np.array([[2, 100], [2, 20], [70, 100], [70, 20]], lab.dataset.train.inputs[ONLY].dtype)
    probability = neuron.sigmoid(model.predict_stored({ONLY: customers})[:, 0].astype(float))
    tenure, charges = model.weights["neuron.kernel"][:, 0]
    claims = [
        Claim(text="risk after 2 months at 100 a month", value=probability[0], relation="above", bound=0.5),
        Claim(text="risk after 70 months at 20 a month", value=probability[3], relation="below", bound=0.1),
        Claim(text="weight of tenure", value=float(tenure), relation="below", bound=0),
        Claim(text="weight of monthly charges", value=float(charges), relation="above", bound=0),
    ]
    rows = [[*map(float, customer), float(p)] for customer, p in zip(customers, probability, strict=True)]
    columns = [*lab.dataset.feature_names, "probability of churn"]
    return Finding(claims=claims, tables=[Table(title="Risk of four customers", columns=columns, rows=rows)])
