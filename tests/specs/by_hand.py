"""The trainings of tests.specs.cases written out in NumPy: a layer, its loss, penalty, optimizer, rates and epochs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers import formulas
from tests.optimizers.formulas import Slots
from tests.optimizers.reference import draw_labels
from tests.specs.cases import EPOCH, FEATURES, SEED, Head, Training
from tests.specs.losses_by_hand import value_and_gradient
from tests.specs.schedules_by_hand import PlateauByHand, shares
from twotrack.shared.spec.initialisers import Filled, OrthogonalStart, Scaled
from twotrack.shared.spec.optimizers import Sophia
from twotrack.shared.spec.schedules import Plateau

Weights = dict[str, np.ndarray]


@dataclass
class Trained:
    """What a training comes to."""

    weights: Weights
    losses: list[float]
    """Before each step."""


def train(training: Training, steps: int, of_all: int) -> Trained:
    """Go through the first steps of `of_all`; those that early stopping leaves."""
    weights, slots = start(training), {name: Slots() for name in training.start}
    plateau = PlateauByHand(training.schedule) if isinstance(training.schedule, Plateau) else None
    planned = np.ones(of_all) if plateau else shares(training.schedule, of_all)
    losses, validated, kept = [], list[float](), weights
    for step in range(steps):
        rate = training.optimizer.learning_rate * planned[step] * (plateau.share if plateau else 1.0)
        loss, weights = _step(training, weights, slots, rate, step)
        losses.append(loss)
        if step % EPOCH != EPOCH - 1 or not (plateau or training.stopping):
            continue
        validated.append(validation_loss(training, weights))
        if plateau:
            plateau.feed(validated[-1])
        if validated[-1] == min(validated):
            kept = weights
        if training.stopping and len(validated) - 1 - int(np.argmin(validated)) >= training.stopping.patience:
            break
    return Trained(kept if training.stopping else weights, losses)


def validation_loss(training: Training, weights: Weights) -> float:
    """Return the mean of the squares of the errors of the first output."""
    x, y = training.validation
    return float(np.mean((x @ weights["out0.kernel"] + weights["out0.bias"] - y) ** 2))


def _step(
    training: Training, weights: Weights, slots: dict[str, Slots], rate: float, step: int
) -> tuple[float, Weights]:
    x, targets = training.batch(step)
    loss, gradients = 0.0, Weights()
    for (name, head), y in zip(training.layers.items(), targets, strict=True):
        value, slopes = _output(training, head, x, y, weights, name)
        loss += value
        gradients |= _backward(x, name, slopes)
    moved, spec = {}, training.optimizer
    for name, own in weights.items():
        if isinstance(spec, Sophia):
            b = _curvature(training, x, weights, step)[name] if step % spec.interval == 0 else None
            moved[name] = _sophia(spec, slots[name], own, gradients[name], rate, b)
        else:
            update = formulas.STEPS[type(spec).__name__]
            moved[name] = own - update(spec, slots[name], name, own, gradients[name], rate, step + 1)
    return loss, moved


def _output(
    training: Training, head: Head, x: np.ndarray, y: np.ndarray, weights: Weights, name: str
) -> tuple[float, np.ndarray]:
    """Return an output's loss, and its derivatives in what the layer gives in front of its link."""
    z = x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]
    out = {"": lambda: z, "softmax": lambda: _softmax(z), "sigmoid": lambda: 1 / (1 + np.exp(-z))}
    a = out.get(head.case.link, lambda: np.exp(z))()
    value, slopes = value_and_gradient(head.case.loss, a, y, head.case.weights, head.case.mask)
    value, slopes = head.factor * value, head.factor * slopes
    for one in training.penalties:
        value += (one.l2 * (a**2).sum() + one.l1 * np.abs(a).sum()) / len(a)
        slopes = slopes + (2 * one.l2 * a + one.l1 * np.sign(a)) / len(a)
    through = {
        "": lambda: slopes,
        "softmax": lambda: a * (slopes - (slopes * a).sum(-1, keepdims=True)),
        "sigmoid": lambda: slopes * a * (1 - a),
    }
    return value, through.get(head.case.link, lambda: slopes * a)()


def _softmax(z: np.ndarray) -> np.ndarray:
    found = np.exp(z - z.max(-1, keepdims=True))
    return found / found.sum(-1, keepdims=True)


def _backward(x: np.ndarray, name: str, slopes: np.ndarray) -> Weights:
    rows = slopes.reshape(-1, slopes.shape[-1])
    return {f"{name}.kernel": x.reshape(-1, FEATURES).T @ rows, f"{name}.bias": rows.sum(0)}


def _curvature(training: Training, x: np.ndarray, weights: Weights, step: int) -> Weights:
    labels = draw_labels(x @ weights["out0.kernel"] + weights["out0.bias"], "cross_entropy", step)
    _, slopes = _output(training, training.first, x, labels, weights, "out0")
    return {weight: labels.size * own**2 for weight, own in _backward(x, "out0", slopes).items()}


def _sophia(spec: Sophia, s: Slots, w: np.ndarray, g: np.ndarray, rate: float, estimate: Any) -> np.ndarray:
    s.put(m=spec.beta_1 * s.m + (1 - spec.beta_1) * g)
    if estimate is not None:
        s.put(h=spec.beta_2 * s.h + (1 - spec.beta_2) * estimate)
    return w * (1 - rate * spec.weight_decay) - rate * np.clip(s.m / np.maximum(spec.gamma * s.h, spec.epsilon), -1, 1)


# === Initial weights ===


def start(training: Training) -> Weights:
    """Return what training begins with; kernels by the laws of the heads, from the same random numbers."""
    laws = {f"{name}.kernel": head.initialiser for name, head in training.layers.items() if head.initialiser}
    return {name: _drawn(laws[name], own.shape) if name in laws else own for name, own in training.start.items()}


def _drawn(law: Any, shape: tuple[int, ...]) -> np.ndarray:
    generator, (inputs, outputs) = np.random.default_rng(SEED), shape
    if isinstance(law, Filled):
        return np.full(shape, law.value)
    if isinstance(law, OrthogonalStart):
        return law.gain * _orthonormal(generator.normal(size=(max(shape), min(shape))), inputs < outputs)
    fan = {"in": inputs, "out": outputs, "average": (inputs + outputs) / 2}
    deviation = np.sqrt(law.gain / fan[law.fan]) if isinstance(law, Scaled) else law.deviation
    if law.distribution == "uniform":
        limit = np.sqrt(3) * deviation
        return generator.uniform(-limit, limit, shape)
    drawn = generator.normal(size=shape)
    if law.distribution == "normal":
        return deviation * drawn
    while (beyond := np.abs(drawn) > 2).any():
        drawn[beyond] = generator.normal(size=int(beyond.sum()))
    return deviation / 0.87962566103423978 * drawn


def _orthonormal(matrix: np.ndarray, transposed: bool) -> np.ndarray:
    """Gram and Schmidt, column by column."""
    columns: list[np.ndarray] = []
    for column in matrix.T:
        left = column - sum((one @ column) * one for one in columns)
        columns.append(left / np.linalg.norm(left))
    found = np.stack(columns, axis=1)
    return found.T if transposed else found
