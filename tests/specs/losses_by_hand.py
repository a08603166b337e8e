"""The losses and their derivatives written out in NumPy, row by row where an equation of a paper is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

from twotrack.shared.spec import loss_specs as specs
from twotrack.shared.spec.loss_specs import Loss

Found = tuple[np.ndarray, np.ndarray]
"""The term of each row, its numbers' terms added up, and the derivatives in the outputs."""


def value_and_gradient(loss: Loss, x: np.ndarray, y: np.ndarray, weights: Any, mask: Any) -> tuple[float, np.ndarray]:
    """Return the loss of outputs (batch, ..., classes) and its gradient in them."""
    terms, slopes = _TERMS[type(loss)](loss, x, y)
    counted, own = _row_weights(loss, y, terms, weights, mask)
    per_row = 1 if loss.of_rows else x.shape[-1]
    divisor = {
        "counted": counted.sum() * per_row, "all": terms.size * per_row, "rows": terms.size, "examples": len(x),
        "weights": own.sum() * per_row, "nothing": 1.0,
    }[loss.divisor]  # fmt: skip
    if not divisor:
        return 0.0, np.zeros_like(x)
    factors = (own / divisor).reshape(own.shape + (1,) * (x.ndim - own.ndim))
    return float((own * terms).sum() / divisor), factors * slopes


def _row_weights(loss: Loss, y: np.ndarray, terms: np.ndarray, weights: Any, mask: Any) -> Found:
    """Return which rows count, 1 or 0, and how much."""
    counted, own = np.ones_like(terms), np.ones_like(terms)
    if getattr(loss, "ignored", None) is not None:
        counted = counted * (y != loss.ignored)  # type: ignore[attr-defined]
    if mask is not None:
        counted = counted * mask
    if weights is not None:
        own = own * weights.reshape(weights.shape + (1,) * (terms.ndim - weights.ndim))
    if classes := getattr(loss, "class_weights", ()):
        own = own * (y @ classes if loss.target_kind == "probabilities" else np.take(classes, y, mode="clip"))
    return counted, counted * own


# === Of scores ===


def _cross_entropy(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    q = y if loss.dense else _one_hot(x, y)
    q = (1 - loss.label_smoothing) * q + loss.label_smoothing / x.shape[-1]
    if loss.takes == "probabilities":
        return -(q * np.log(x)).sum(-1), -q / x
    return -(q * log_softmax(x, -1)).sum(-1), softmax(x, -1) * q.sum(-1, keepdims=True) - q


def _one_hot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (np.arange(x.shape[-1]) == y[..., None]).astype(float)


def _binary(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    q = (1 - loss.label_smoothing) * y + loss.label_smoothing / 2
    if loss.takes == "probabilities":
        terms, slopes = -loss.pos_weight * q * np.log(x) - (1 - q) * np.log1p(-x), (1 - q) / (1 - x)
        return terms.sum(-1), slopes - loss.pos_weight * q / x
    terms = loss.pos_weight * q * np.logaddexp(0, -x) + (1 - q) * np.logaddexp(0, x)
    return terms.sum(-1), (1 - q) * expit(x) - loss.pos_weight * q * expit(-x)


def _focal(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    sign = 2 * y - 1
    alpha = 1.0 if loss.alpha is None else np.where(y > 0, loss.alpha, 1 - loss.alpha)
    if loss.takes == "probabilities":
        terms, slopes = _focused(np.where(y > 0, x, 1 - x), loss.gamma)
        return (alpha * terms).sum(-1), alpha * slopes * sign
    terms, slopes = _focused(expit(sign * x), loss.gamma)
    return (alpha * terms).sum(-1), alpha * slopes * sign * expit(x) * expit(-x)


def _focused(p: np.ndarray, gamma: float) -> Found:
    """Return -(1 - p)^gamma log(p) and its derivative in p."""
    rest = (1 - p) ** gamma
    return -rest * np.log(p), gamma * (1 - p) ** (gamma - 1) * np.log(p) - rest / p


def _categorical_focal(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    q = _one_hot(x, y)
    every = softmax(x, -1) if loss.takes == "logits" else x
    p = (q * every).sum(-1)
    terms, slopes = _focused(np.where(q.any(-1), p, 0.5), loss.gamma)
    inside = p[..., None] * (q - every) if loss.takes == "logits" else q
    return loss.alpha * terms, loss.alpha * slopes[..., None] * inside


def _hinge(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    sign = 2 * y - 1
    missing = np.maximum(0, loss.margin - sign * x)
    if loss.squared:
        return (missing**2).sum(-1), -2 * missing * sign
    return missing.sum(-1), -sign * (missing > 0)


def _categorical_hinge(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    q = _one_hot(x, y)
    other = _one_hot(x, np.where(q > 0, -np.inf, x).argmax(-1))
    missing = np.maximum(0, loss.margin + (other * x).sum(-1) - (q * x).sum(-1))
    return missing, (missing > 0)[..., None] * (other - q)


# === Of numbers ===


def _squares(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    return ((x - y) ** 2).sum(-1), 2 * (x - y)


def _absolute(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    return np.abs(x - y).sum(-1), np.sign(x - y)


def _huber(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    size = np.abs(x - y)
    terms = np.where(size <= loss.delta, size**2 / 2, loss.delta * (size - loss.delta / 2))
    return terms.sum(-1), np.clip(x - y, -loss.delta, loss.delta)


def _log_cosh(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    return np.log(np.cosh(x - y)).sum(-1), np.tanh(x - y)


def _poisson(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    if loss.takes == "rates":
        return (x - y * np.log(x)).sum(-1), 1 - y / x
    return (np.exp(x) - y * x).sum(-1), np.exp(x) - y


def _kullback_leibler(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    log_p = {"logits": lambda: log_softmax(x, -1), "probabilities": lambda: np.log(x), "logarithms": lambda: x}
    slopes = {"logits": lambda: softmax(x, -1) * y.sum(-1, keepdims=True) - y, "probabilities": lambda: -y / x}
    return (y * (np.log(y) - log_p[loss.takes]())).sum(-1), slopes.get(loss.takes, lambda: -y)()


def _cosine(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    own, other = (np.linalg.norm(one, axis=-1, keepdims=True) for one in (x, y))
    likeness = (x * y).sum(-1, keepdims=True) / own / other
    return -likeness[..., 0], likeness * x / own**2 - y / own / other


def _triplet(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    apart = [x[:, 0] - x[:, other] + (0.0 if loss.squared else loss.epsilon) for other in (1, 2)]
    near, far = ((one**2).sum(-1) if loss.squared else np.linalg.norm(one, axis=-1) for one in apart)
    slopes = [2 * one if loss.squared else one / np.linalg.norm(one, axis=-1, keepdims=True) for one in apart]
    terms = np.maximum(0, near - far + loss.margin)
    found = np.stack([slopes[0] - slopes[1], -slopes[0], slopes[1]], axis=1)
    return terms, found * (terms > 0)[:, None, None]


def _ctc(loss: Any, x: np.ndarray, y: np.ndarray) -> Found:
    log_p = log_softmax(x, -1)
    found = [_of_labels(own, [int(one) for one in labels if one]) for own, labels in zip(log_p, y, strict=True)]
    return np.array([term for term, _ in found]), np.stack([slopes for _, slopes in found])


def _of_labels(log_p: np.ndarray, labels: list[int]) -> tuple[float, np.ndarray]:
    """Return -log of the probability of labels, and its derivatives: Graves et al. 2006, equations 6 to 10 and 16."""
    places = [0, *(one for label in labels for one in (label, 0))]
    before = _forward(log_p, places)
    behind = _forward(log_p[::-1], places[::-1])[::-1, ::-1]
    log_paths = before + behind - log_p[:, places]
    total = logsumexp(log_paths[0])
    shares = np.zeros_like(log_p)
    for number, place in enumerate(places):
        shares[:, place] += np.exp(log_paths[:, number] - total)
    return -total, np.exp(log_p) - shares


def _forward(log_p: np.ndarray, places: list[int]) -> np.ndarray:
    """Return the logarithm of the probability of all beginnings of paths (steps, places)."""
    every, none = np.array(places), -np.inf
    may_skip = (every[2:] != 0) & (every[2:] != every[:-2])
    alpha = np.full((len(log_p), len(places)), none)
    alpha[0, :2] = log_p[0, every[:2]]
    for step in range(1, len(log_p)):
        last = alpha[step - 1]
        near = np.logaddexp(last, np.concatenate([[none], last[:-1]]))
        far = np.concatenate([[none, none], np.where(may_skip, last[:-2], none)])[: len(places)]
        alpha[step] = np.logaddexp(near, far) + log_p[step, every]
    return alpha


_TERMS: dict[type, Callable[[Any, np.ndarray, np.ndarray], Found]] = {
    specs.CrossEntropy: _cross_entropy,
    specs.BinaryCrossEntropy: _binary,
    specs.Focal: _focal,
    specs.CategoricalFocal: _categorical_focal,
    specs.Hinge: _hinge,
    specs.CategoricalHinge: _categorical_hinge,
    specs.SquaredError: _squares,
    specs.AbsoluteError: _absolute,
    specs.Huber: _huber,
    specs.LogCosh: _log_cosh,
    specs.Poisson: _poisson,
    specs.KullbackLeibler: _kullback_leibler,
    specs.CosineSimilarity: _cosine,
    specs.Triplet: _triplet,
    specs.CTC: _ctc,
}
