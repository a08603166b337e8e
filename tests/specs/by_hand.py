"""The trainings of tests.specs.cases written out in NumPy: a layer, its loss, penalty, optimizer, rates and epochs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers import formulas
from tests.optimizers.formulas import Slots
from tests.optimizers.reference import draw_labels
from tests.specs.cases import EPOCH, FEATURES, SEED, Case, Head
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


def train(case: Case, steps: int, of_all: int) -> Trained:
    """Go through the first steps of `of_all`; those that early stopping leaves."""
    weights, slots = start(case), {name: Slots() for name in case.start}
    plateau = PlateauByHand(case.schedule) if isinstance(case.schedule, Plateau) else None
    planned = np.ones(of_all) if plateau else shares(case.schedule, of_all)
    losses, validated, kept = [], list[float](), weights
    for step in range(steps):
        rate = case.optimizer.learning_rate * planned[step] * (plateau.share if plateau else 1.0)
        loss, weights = _step(case, weights, slots, rate, step)
        losses.append(loss)
        if step % EPOCH != EPOCH - 1 or not (plateau or case.stopping):
            continue
        validated.append(validation_loss(case, weights))
        if plateau:
            plateau.feed(validated[-1])
        if validated[-1] == min(validated):
            kept = weights
        if case.stopping and len(validated) - 1 - int(np.argmin(validated)) >= case.stopping.patience:
            break
    return Trained(kept if case.stopping else weights, losses)


def validation_loss(case: Case, weights: Weights) -> float:
    """Return the mean of the squares of the errors of the first output."""
    x, y = case.validation
    (name, *_) = case.heads
    return float(np.mean((x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"] - y) ** 2))


def _step(case: Case, weights: Weights, slots: dict[str, Slots], rate: float, step: int) -> tuple[float, Weights]:
    x, targets, given = case.batch(step)
    loss, gradients = 0.0, Weights()
    for (name, head), y in zip(case.heads.items(), targets, strict=True):
        value, slopes = _output(case, head, x, y, given[0] if given else None, weights, name)
        loss += value
        gradients |= _backward(x, name, slopes)
    moved = {}
    for name, own in weights.items():
        if isinstance(case.optimizer, Sophia):
            b = _curvature(case, x, weights, step)[name] if step % case.optimizer.interval == 0 else None
            moved[name] = _sophia(case.optimizer, slots[name], own, gradients[name], rate, b)
            continue
        update = formulas.STEPS[type(case.optimizer).__name__]
        moved[name] = own - update(case.optimizer, slots[name], name, own, gradients[name], rate, step + 1)
    return loss, moved


def _output(
    case: Case, head: Head, x: np.ndarray, y: np.ndarray, given: Any, weights: Weights, name: str
) -> tuple[float, np.ndarray]:
    """Return an output's loss, and its derivatives in what the layer gives in front of its link."""
    z = x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]
    out = {"": lambda: z, "softmax": lambda: _softmax(z), "sigmoid": lambda: 1 / (1 + np.exp(-z))}
    a = out.get(head.case.link, lambda: np.exp(z))()
    value, slopes = value_and_gradient(head.case.loss, a, y, given, head.case.mask)
    value, slopes = head.factor * value, head.factor * slopes
    for one in case.penalties:
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


def _curvature(case: Case, x: np.ndarray, weights: Weights, step: int) -> Weights:
    ((name, head),) = case.heads.items()
    labels = draw_labels(x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"], "cross_entropy", step)
    _, slopes = _output(case, head, x, labels, None, weights, name)
    return {weight: labels.size * own**2 for weight, own in _backward(x, name, slopes).items()}


def _sophia(spec: Sophia, s: Slots, w: np.ndarray, g: np.ndarray, rate: float, estimate: Any) -> np.ndarray:
    s.put(m=spec.beta_1 * s.m + (1 - spec.beta_1) * g)
    if estimate is not None:
        s.put(h=spec.beta_2 * s.h + (1 - spec.beta_2) * estimate)
    return w * (1 - rate * spec.weight_decay) - rate * np.clip(s.m / np.maximum(spec.gamma * s.h, spec.epsilon), -1, 1)


# === Initial weights ===


def start(case: Case) -> Weights:
    """Return what training begins with; kernels by the case's law, if it has one, from the same random numbers."""
    if case.initialiser is None:
        return dict(case.start)
    return {
        name: _drawn(case.initialiser, own.shape) if name.endswith("kernel") else own
        for name, own in case.start.items()
    }


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
