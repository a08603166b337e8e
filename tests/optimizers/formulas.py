"""The documented formulas of twotrack.shared.spec.optimizers and its options, written out in NumPy, once for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.update_options import EMA, SWA, ClipGlobalNorm, ClipNorm, ClipValue

Weights = dict[str, np.ndarray]


@dataclass
class Slots:
    """What an optimizer remembers of one weight."""

    values: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return self.values.get(name, 0.0)

    def put(self, **values: Any) -> None:
        self.values |= values


Step = Callable[[Any, Slots, str, np.ndarray, np.ndarray, float, int], np.ndarray]
"""(spec, slots, name, decayed weight, gradient, learning rate, t) to what is taken off the weight."""


def sgd(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    kept = 1.0 if t == 1 else 1 - spec.dampening
    velocity = spec.momentum * s.velocity - kept * rate * g
    s.put(velocity=velocity)
    return -(spec.momentum * velocity - rate * g) if spec.nesterov else -velocity


def rmsprop(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    v = spec.rho * s.v + (1 - spec.rho) * g**2
    mean = spec.rho * s.mean + (1 - spec.rho) * g
    under = v - mean**2 if spec.centered else v
    step = spec.momentum * s.step + rate * g / np.sqrt(under + spec.epsilon)
    s.put(v=v, mean=mean, step=step)
    return step


def moments(spec: Any, s: Slots, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    m = spec.beta_1 * s.m + (1 - spec.beta_1) * g
    v = spec.beta_2 * s.v + (1 - spec.beta_2) * g**2
    s.put(m=m, v=v)
    return m, v


def adam(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    m, v = moments(spec, s, g)
    if getattr(spec, "amsgrad", False):
        v = np.maximum(s.largest, v)
        s.put(largest=v)
    return rate * np.sqrt(1 - spec.beta_2**t) / (1 - spec.beta_1**t) * m / (np.sqrt(v) + spec.epsilon)


def lion(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    direction = np.sign(spec.beta_1 * s.m + (1 - spec.beta_1) * g)
    s.put(m=spec.beta_2 * s.m + (1 - spec.beta_2) * g)
    return rate * direction


def adagrad(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    v = (s.v if t > 1 else spec.initial) + g**2
    s.put(v=v)
    return rate * g / np.sqrt(v + spec.epsilon)


def adadelta(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    v = spec.rho * s.v + (1 - spec.rho) * g**2
    delta = np.sqrt(s.moved + spec.epsilon) / np.sqrt(v + spec.epsilon) * g
    s.put(v=v, moved=spec.rho * s.moved + (1 - spec.rho) * delta**2)
    return rate * delta


def adamax(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    m, u = spec.beta_1 * s.m + (1 - spec.beta_1) * g, np.maximum(spec.beta_2 * s.u, np.abs(g))
    s.put(m=m, u=u)
    return rate / (1 - spec.beta_1**t) * m / (u + spec.epsilon)


def nadam(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    m, v = moments(spec, s, g)
    mu, coming = spec.beta_1 * (1 - 0.96**t / 2), spec.beta_1 * (1 - 0.96 ** (t + 1) / 2)
    product = (s.product if t > 1 else 1.0) * mu
    s.put(product=product)
    mean = coming * m / (1 - product * coming) + (1 - mu) * g / (1 - product)
    return rate * mean / (np.sqrt(v / (1 - spec.beta_2**t)) + spec.epsilon)


def lamb(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    m, v = moments(spec, s, g)
    u = m / (1 - spec.beta_1**t) / (np.sqrt(v / (1 - spec.beta_2**t)) + spec.epsilon)
    sizes = np.linalg.norm(w), np.linalg.norm(u)
    return rate * (sizes[0] / sizes[1] if all(sizes) else 1.0) * u


def adafactor(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    size = max(spec.epsilon_2, _rms(w)) * min(rate, 1 / np.sqrt(t))
    beta, square = 1 - t**spec.beta_2_decay, g**2 + spec.epsilon_1
    if g.ndim > 1:
        r = beta * s.r + (1 - beta) * square.mean(-1, keepdims=True)
        c = beta * s.c + (1 - beta) * square.mean(-2, keepdims=True)
        s.put(r=r, c=c)
        v = r / r.mean(-2, keepdims=True) * c
    else:
        v = beta * s.v + (1 - beta) * square
        s.put(v=v)
    u = g / np.sqrt(v)
    return size * u / max(1.0, _rms(u) / spec.clip_threshold)


def _rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def muon(spec: Any, s: Slots, name: str, w: np.ndarray, g: np.ndarray, rate: float, t: int) -> np.ndarray:
    if w.ndim != 2 or name.endswith("embeddings"):
        return adam(spec, s, name, w, g, rate, t)
    m = spec.momentum * s.m + g
    s.put(m=m)
    x = g + spec.momentum * m if spec.nesterov else m
    is_tall = x.shape[0] > x.shape[1]
    x = (x.T if is_tall else x) / (np.linalg.norm(x) + 1e-7)
    for _ in range(spec.ns_steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    x = x.T if is_tall else x
    return rate * (spec.rms_rate or 1.0) * (np.sqrt(max(w.shape)) if spec.rms_rate else 1.0) * x


STEPS: dict[str, Step] = {
    "SGD": sgd, "RMSprop": rmsprop, "Adam": adam, "AdamW": adam, "Lion": lion, "Adagrad": adagrad,
    "Adadelta": adadelta, "Adamax": adamax, "Nadam": nadam, "Lamb": lamb, "Adafactor": adafactor, "Muon": muon,
}  # fmt: skip


@dataclass
class Trained:
    weights: Weights
    averages: Weights
    """As the weights where the spec averages none."""


def train(
    spec: Optimizer, start: Weights, gradients: Mapping[str, np.ndarray], rates: Sequence[float], rows: Sequence[int]
) -> Trained:
    """Step through all gradients (batches, ...)."""
    weights, averages = dict(start), dict(start)
    slots: dict[str, Slots] = {name: Slots() for name in weights}
    every = spec.accumulate
    for t in range(1, len(rates) // every + 1):
        batches = range((t - 1) * every, t * every)
        total = sum(rows[batch] for batch in batches)
        mean = {name: sum(rows[b] * own[b] for b in batches) / total for name, own in gradients.items()}
        _update(spec, weights, slots, clipped(spec.clip, mean), rates[batches[-1]], t)
        averages = {name: _averaged(spec.average, averages[name], own, t) for name, own in weights.items()}
        if isinstance(spec.average, EMA) and spec.average.overwrite_every and t % spec.average.overwrite_every == 0:
            weights = dict(averages)
    return Trained(weights, averages if spec.average else weights)


def _update(
    spec: Optimizer, weights: Weights, slots: Mapping[str, Slots], gradients: Weights, rate: float, t: int
) -> None:
    for name, g in gradients.items():
        own_rate, decay = rate, spec.weight_decay
        for group in spec.groups:
            if any(fnmatchcase(name, pattern) for pattern in group.weights):
                own_rate = rate * group.learning_rate
                decay = decay if group.weight_decay is None else group.weight_decay
                break
        decayed = weights[name] - own_rate * decay * weights[name]
        weights[name] = decayed - STEPS[type(spec).__name__](spec, slots[name], name, decayed, g, own_rate, t)


def clipped(clip: Any, gradients: Weights) -> Weights:
    if isinstance(clip, ClipValue):
        return {name: np.clip(g, -clip.limit, clip.limit) for name, g in gradients.items()}
    if not isinstance(clip, ClipNorm | ClipGlobalNorm):
        return gradients
    norms = {name: float(np.linalg.norm(g)) for name, g in gradients.items()}
    if isinstance(clip, ClipGlobalNorm):
        norms = dict.fromkeys(norms, float(np.linalg.norm(list(norms.values()))))
    sizes = {name: norm + clip.epsilon for name, norm in norms.items()}
    return {name: g * (min(1.0, clip.limit / sizes[name]) if sizes[name] else 1.0) for name, g in gradients.items()}


def _averaged(average: Any, before: np.ndarray, weight: np.ndarray, t: int) -> np.ndarray:
    if isinstance(average, EMA):
        return weight if t == 1 else average.momentum * before + (1 - average.momentum) * weight
    if isinstance(average, SWA):
        number, rest = divmod(t - average.start, average.every)
        return weight if t <= average.start else before if rest else before + (weight - before) / (number + 1)
    return weight
