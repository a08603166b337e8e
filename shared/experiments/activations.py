"""Experiments of the chapter activations: formulas, depth without activation, vanishing gradients, dead units."""

from collections.abc import Mapping
from typing import get_args

import numpy as np
from sklearn.linear_model import LinearRegression

from twotrack.shared.by_hand import activations as formulas
from twotrack.shared.by_hand.neuron import sigmoid
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.experiments.lab import Lab, Specimen, norm
from twotrack.shared.experiments.spec import Claim, Curves, Finding, Progress, Table
from twotrack.shared.spec.activations import Activation
from twotrack.shared.spec.inputs import ONLY

DEPTH = 10
GRADIENT_EXAMPLES = 1024


# === values ===


def values(lab: Lab, progress: Progress) -> Finding:
    """Compare each activation's values, and the gradients in front of it, with the formulas, in float64."""
    rows = []
    for activation in get_args(Activation):
        progress(activation)
        rows.append([activation, *_distances(lab, activation)])
    claims = [
        Claim(
            text=f"largest relative distance of the {quantity} from the formulas, {len(rows)} activations",
            value=max(row[column] for row in rows),
            relation="below",
            bound=1e-12,
        )
        for column, quantity in ((1, "values"), (2, "gradients"))
    ]
    table = Table(title="Relative distance from the formulas", columns=["activation", "value", "gradient"], rows=rows)
    return Finding(claims=claims, tables=[table], curves=_formula_curves())


def _distances(lab: Lab, activation: Activation) -> tuple[float, float]:
    """Return the largest relative distances of values and of the gradient in the first kernel."""
    split = lab.dataset.train.first(GRADIENT_EXAMPLES)
    model = lab.model("float64", activation=activation, num_layers=1)
    outputs, weights = model.layer_outputs(split), model.weights
    z, a = outputs["dense1"], outputs["act1"]
    alpha = weights.get("act1.alpha")
    dz2 = (sigmoid(outputs["logits"]) - split.labels[:, None]) / len(split)  # (examples, 1)
    dz = pull_back(activation, z, dz2 @ weights["logits.kernel"].T, alpha)
    expected = lab.dataset.prepare(split.inputs)[ONLY].astype(np.float64).T @ dz
    gradient = model.gradients(split)["dense1.kernel"]
    return _relative(a, value(activation, z, alpha)), _relative(gradient, expected)


def value(activation: Activation, z: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Return the activation of z (..., units) by its formula; `alpha` is what PReLU learned, None for the others."""
    return getattr(formulas, activation)(z) if alpha is None else formulas.prelu(z, alpha)


def pull_back(activation: Activation, z: np.ndarray, da: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Return the loss's derivative in z from the one in the activation's output, da (examples, units)."""
    if activation == "softmax":
        return np.einsum("nj,nij->ni", da, formulas.d_softmax(z))
    if activation == "swiglu":
        return np.concatenate([da * part for part in formulas.d_swiglu(z)], axis=1)
    if alpha is not None:  # PReLU, the only one that learns it
        return da * formulas.d_prelu(z, alpha)[0]
    return da * formulas.ELEMENTWISE[activation][1](z)


def _relative(measured: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(measured - expected).max() / np.abs(expected).max())


def _formula_curves() -> list[Curves]:
    """Draw those activations that map one number to one number."""
    grid = np.linspace(-4, 4, 161)
    return [
        Curves(
            name=name,
            title=title,
            x_label="x",
            y_label=name,
            lines={kind: (grid.tolist(), pair[number](grid).tolist()) for kind, pair in formulas.ELEMENTWISE.items()},
        )
        for number, (name, title) in enumerate((("activation", "Values"), ("derivative", "Derivatives")))
    ]


# === vanishing ===


def vanishing(lab: Lab, progress: Progress) -> Finding:
    """Measure the norm of each layer's kernel gradient, before training, for three activations.

    The derivative of the sigmoid is at most 1/4 (Hochreiter 1991; Glorot and Bengio 2010): ten of them
    in a row leave little.
    """
    norms = {}
    for activation in ("sigmoid", "tanh", "relu"):
        progress(activation)
        norms[activation] = _kernel_gradient_norms(lab.model(activation=activation, num_layers=DEPTH), lab.dataset)
    shares = {name: values[0] / values[-1] for name, values in norms.items()}
    text = f"gradient norm of the first of {DEPTH} %s layers, as a share of the last"
    claims = [
        Claim(text=text % "sigmoid", value=shares["sigmoid"], relation="below", bound=0.01),
        Claim(text=text % "tanh", value=shares["tanh"], relation="above", bound=0.1),
        Claim(text=text % "relu", value=shares["relu"], relation="above", bound=0.1),
    ]
    layers = [float(number) for number in range(1, DEPTH + 1)]
    curves = Curves(
        name="norms",
        title=f"Gradient norm of each hidden layer's kernel, {DEPTH} layers, before training",
        x_label="hidden layer",
        y_label="gradient norm",
        log_y=True,
        lines={name: (layers, values) for name, values in norms.items()},
    )
    rows = [[name, values[0], values[-1], shares[name]] for name, values in norms.items()]
    table = Table(title="Gradient norms", columns=["activation", "first layer", "last layer", "share"], rows=rows)
    return Finding(claims=claims, tables=[table], curves=[curves])


def _kernel_gradient_norms(model: Specimen, dataset: Dataset) -> list[float]:
    gradients = model.gradients(dataset.train.first(GRADIENT_EXAMPLES))
    return [norm([gradients[f"dense{number}.kernel"]]) for number in range(1, DEPTH + 1)]


# === linear ===

LINEAR_STEPS, LINEAR_BATCH = 400, 256


def linear(lab: Lab, progress: Progress) -> Finding:
    """Compare a deep network without activations with one matrix, and with linear regression.

    A product of matrices is a matrix: W1 W2 ... x is W x. Trained on the squared error, it can reach
    what least squares reach, and no more; the same network with ReLU passes it.
    """
    progress("one matrix")
    model = lab.model("float64", activation="none", num_layers=DEPTH)
    test = lab.dataset.prepare(lab.dataset.test.inputs)[ONLY].astype(np.float64)
    kernel, bias = collapse(model.weights)
    collapsed = test @ kernel + bias
    apart = np.abs(model.predict(lab.dataset.test) - collapsed).max() / np.abs(collapsed).max()
    regression = _least_squares_error(lab)
    errors = {name: _trained_error(lab, name, progress) for name in ("none", "relu")}
    claims = [
        Claim(text="distance to one matrix, relative", value=float(apart), relation="below", bound=1e-12),
        Claim(
            text="training error of the deep linear network, over that of linear regression, minus 1",
            value=errors["none"] / regression - 1,
            relation="below",
            bound=0.02,
        ),
        Claim(
            text="lead of the deep linear network over linear regression, relative: there can be none",
            value=1 - errors["none"] / regression,
            relation="below",
            bound=1e-6,
        ),
        Claim(
            text="lead of the same network with ReLU",
            value=1 - errors["relu"] / regression,
            relation="above",
            bound=0.02,
        ),
    ]
    rows = [["linear regression (scikit-learn)", regression]]
    rows += [[f"{DEPTH} layers, {name}", error] for name, error in errors.items()]
    table = Table(title="Mean squared error on the training split", columns=["model", "error"], rows=rows)
    return Finding(claims=claims, tables=[table])


def collapse(weights: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Multiply the dense layers of a network without activations into kernel (features, 1) and bias (1,)."""
    names = [*(f"dense{number}" for number in range(1, DEPTH + 1)), "logits"]
    kernel, bias = weights[f"{names[0]}.kernel"], weights[f"{names[0]}.bias"]
    for name in names[1:]:
        kernel, bias = kernel @ weights[f"{name}.kernel"], bias @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]
    return kernel, bias


def _least_squares_error(lab: Lab) -> float:
    inputs = lab.dataset.prepare(lab.dataset.train.inputs)[ONLY].astype(np.float64)
    labels = lab.dataset.train.labels
    fitted = LinearRegression().fit(inputs, labels)
    return float(np.mean((fitted.predict(inputs) - labels) ** 2))


def _trained_error(lab: Lab, activation: str, progress: Progress) -> float:
    """Train on the squared error of the label; return the mean squared error on the training split."""
    model = lab.model(activation=activation, num_layers=DEPTH, loss="mean_squared_error")
    for step, _ in enumerate(model.train(LINEAR_STEPS, LINEAR_BATCH), start=1):
        if step % 100 == 0:
            progress(f"{activation}: step {step}/{LINEAR_STEPS}")
    predicted = model.predict(lab.dataset.train)[:, 0]
    return float(np.mean((predicted - lab.dataset.train.labels) ** 2))


# === dead units ===

DEATH_STEPS, DEATH_BATCH, DEATH_RATE, DEATH_LAYERS, DEATH_EVERY = 200, 64, 0.1, 3, 20


def dead_units(lab: Lab, progress: Progress) -> Finding:
    """Train with a learning rate that is far too high; count units whose output no training example changes.

    A unit whose input is negative for every example is constant under ReLU: its gradient is zero, and
    it stays as it is (Maas, Hannun and Ng 2013). LeakyReLU and PReLU keep a slope below zero.
    """
    dead_shares = {name: _train_to_death(lab, name, progress) for name in ("relu", "leaky_relu", "prelu")}
    text = f"share of dead units after {DEATH_STEPS} steps of Adam at learning rate {DEATH_RATE}, %s"
    claims = [
        Claim(text=text % "relu", value=dead_shares["relu"][-1], relation="above", bound=0.2),
        Claim(text="the same before the first step, relu", value=dead_shares["relu"][0], relation="below", bound=0.1),
        Claim(text=text % "leaky_relu", value=dead_shares["leaky_relu"][-1], relation="below", bound=1e-9),
        Claim(text=text % "prelu", value=dead_shares["prelu"][-1], relation="below", bound=1e-9),
    ]
    steps = [float(step) for step in range(0, DEATH_STEPS + 1, DEATH_EVERY)]
    curves = Curves(
        name="dead",
        title=f"Dead units, learning rate {DEATH_RATE}",
        x_label="training step",
        y_label="share of units",
        lines={name: (steps, shares) for name, shares in dead_shares.items()},
    )
    rows = [[name, shares[0], shares[-1]] for name, shares in dead_shares.items()]
    table = Table(title="Share of dead units", columns=["activation", "at the start", "at the end"], rows=rows)
    return Finding(claims=claims, tables=[table], curves=[curves])


def _train_to_death(lab: Lab, activation: str, progress: Progress) -> list[float]:
    """Return the share of dead units before the first step and after every DEATH_EVERY steps."""
    model = lab.model(recipe="classic", activation=activation, num_layers=DEATH_LAYERS, learning_rate=DEATH_RATE)
    shares: list[float] = []

    def look(step: int) -> None:
        progress(f"{activation}: step {step}/{DEATH_STEPS}")
        shares.append(dead_share(model.layer_outputs(lab.dataset.train)))

    model.watch(DEATH_STEPS, DEATH_BATCH, DEATH_EVERY, look)
    return shares


def dead_share(outputs: Mapping[str, np.ndarray]) -> float:
    """Return the share of hidden units whose output (examples, units) is the same for every example."""
    hidden = np.concatenate([array for path, array in outputs.items() if path.startswith("act")], axis=1)
    return float((np.ptp(hidden, axis=0) == 0).mean())
