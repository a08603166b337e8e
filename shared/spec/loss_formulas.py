"""The formulas of the losses, in operations that both tracks have; see loss_specs.py.

`ops` has the names and arguments of keras.ops: that module itself, or torch's operations under those names. Where a
term has a kink, both sides take the same of its slopes.
"""

from functools import singledispatch
from math import log
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.spec import loss_specs as specs
from twotrack.shared.spec.loss_specs import FLOOR, Loss

NO_PATH = -1e30
"""The logarithm of the probability of what cannot be, as a number of which differences are no NaN."""


def loss_value(ops: Any, loss: Loss, is_torch: bool, x: Any, y: Any, weights: Any = None) -> Any:
    """Return the loss, a scalar, of outputs (batch, ..., classes) and targets.

    Weights are (batch,) or (batch, steps), none for 1; a negative one leaves out what it is for.
    """
    terms = _terms(loss, ops, x, y, is_torch)
    rows, per_row = (terms, 1) if loss.of_rows else _rows(ops, terms)
    counted = _counted(ops, loss, y, rows)
    _require_a_weight_for_each(loss, x.shape[-1])
    own = _class_weights(ops, loss, y, rows)
    if weights is not None:
        given = _spread(ops, ops.cast(weights, rows.dtype), rows)
        counted = counted * ops.where(given < 0, ops.zeros_like(rows), ops.ones_like(rows))
        own = own * given
    own = ops.where(counted > 0, own, ops.zeros_like(own))
    total = ops.sum(ops.where(counted > 0, rows, ops.zeros_like(rows)) * own)
    return _divided(ops, total, _divisor(ops, loss, rows, own, counted, per_row))


def _divisor(ops: Any, loss: Loss, rows: Any, own: Any, counted: Any, per_row: int) -> Any:
    every = ops.sum(ops.ones_like(rows))
    match loss.divisor:
        case "counted":
            return ops.sum(counted) * per_row
        case "all":
            return every * per_row
        case "rows":
            return every
        case "examples":
            return ops.sum(ops.ones_like(rows[(slice(None), *[0] * (len(rows.shape) - 1))]))
        case "weights":
            return ops.sum(own) * per_row
    return ops.sum(ops.ones_like(rows)) * 0 + 1


def _divided(ops: Any, total: Any, divisor: Any) -> Any:
    is_some = divisor > 0
    return ops.where(is_some, total / ops.where(is_some, divisor, ops.ones_like(divisor)), ops.zeros_like(total))


def _rows(ops: Any, terms: Any) -> tuple[Any, int]:
    """Add up the terms of each row; an output (batch,) has one term in each."""
    return (ops.sum(terms, axis=-1), terms.shape[-1]) if len(terms.shape) > 1 else (terms, 1)


def _spread(ops: Any, weights: Any, rows: Any) -> Any:
    """Give weights the axes of rows."""
    missing = len(rows.shape) - len(weights.shape)
    return ops.reshape(weights, (*weights.shape, *[1] * missing)) + ops.zeros_like(rows)


def _counted(ops: Any, loss: Loss, y: Any, rows: Any) -> Any:
    """Return 1 for rows whose target is not ignored, else 0."""
    ignored = getattr(loss, "ignored", None)
    if ignored is None:
        return ops.ones_like(rows)
    return ops.where(y == ignored, ops.zeros_like(rows), ops.ones_like(rows))


def _require_a_weight_for_each(loss: Loss, classes: int) -> None:
    weights = getattr(loss, "class_weights", ())
    if weights and len(weights) != classes:
        raise UserError(f"{type(loss).__name__}: expected {classes} class weights, one for each, found {len(weights)}.")


def _class_weights(ops: Any, loss: Loss, y: Any, rows: Any) -> Any:
    weights = getattr(loss, "class_weights", ())
    if not weights:
        return ops.ones_like(rows)
    shares = y if loss.target_kind == "probabilities" else _one_hot(ops, loss, y, len(weights), rows.dtype)
    return sum(weight * shares[..., number] for number, weight in enumerate(weights))


def _one_hot(ops: Any, loss: Loss, y: Any, classes: int, dtype: Any) -> Any:
    """Return one-hot rows; ignored targets, which may be no classes, become class 0."""
    ignored = getattr(loss, "ignored", None)
    if ignored is not None:
        y = ops.where(y == ignored, ops.zeros_like(y), y)
    return ops.cast(ops.one_hot(y, classes), dtype)


def _terms(loss: Loss, ops: Any, x: Any, y: Any, is_torch: bool) -> Any:
    """Return the terms of a loss: (batch, ...) without the last axis where a row is one, else as the output."""
    if loss.target_kind in ("binary", "real", "counts") and len(y.shape) == len(x.shape) - 1:
        y = ops.reshape(y, (*y.shape, 1))
    if isinstance(loss, specs.OfScores):
        return _of_scores(loss, ops, x, y, loss.taken(is_torch) == "logits")
    return _of_numbers(loss, ops, x, y)


# === Of scores ===


@singledispatch
def _of_scores(loss: Loss, ops: Any, x: Any, y: Any, logits: bool) -> Any:
    raise TypeError(f"no formula for {type(loss).__name__}")


@_of_scores.register
def _(loss: specs.CrossEntropy, ops: Any, x: Any, y: Any, logits: bool) -> Any:
    classes = x.shape[-1]
    target = y if loss.dense else _one_hot(ops, loss, y, classes, x.dtype)
    share = loss.label_smoothing
    return -ops.sum(((1 - share) * target + share / classes) * _log_p(ops, x, logits), axis=-1)


@_of_scores.register
def _(loss: specs.CategoricalFocal, ops: Any, x: Any, y: Any, logits: bool) -> Any:
    log_p = ops.sum(_one_hot(ops, loss, y, x.shape[-1], x.dtype) * _log_p(ops, x, logits), axis=-1)
    return -loss.alpha * _power(ops, -ops.expm1(log_p), loss.gamma) * log_p


@_of_scores.register
def _(loss: specs.BinaryCrossEntropy, ops: Any, x: Any, y: Any, logits: bool) -> Any:
    target = (1 - loss.label_smoothing) * y + loss.label_smoothing / 2
    positive, negative = _log_binary(ops, x, logits)
    return -loss.pos_weight * target * positive - (1 - target) * negative


@_of_scores.register
def _(loss: specs.Focal, ops: Any, x: Any, y: Any, logits: bool) -> Any:
    positive, negative = _log_binary(ops, x, logits)
    log_p = y * positive + (1 - y) * negative
    weight = 1.0 if loss.alpha is None else loss.alpha * y + (1 - loss.alpha) * (1 - y)
    return -weight * _power(ops, -ops.expm1(log_p), loss.gamma) * log_p


def _log_p(ops: Any, x: Any, logits: bool) -> Any:
    return ops.log_softmax(x, axis=-1) if logits else _log(ops, x)


def _log_binary(ops: Any, x: Any, logits: bool) -> tuple[Any, Any]:
    """Return the logarithms of the probabilities of 1 and of 0."""
    if not logits:
        return _log(ops, x), _log(ops, 1 - x)
    shared = ops.log1p(ops.exp(-ops.abs(x)))
    return -_positive(ops, -x) - shared, -_positive(ops, x) - shared


def _log(ops: Any, p: Any) -> Any:
    return ops.log(ops.where(p > FLOOR, p, ops.zeros_like(p) + FLOOR))


def _positive(ops: Any, x: Any) -> Any:
    return ops.where(x > 0, x, ops.zeros_like(x))


def _power(ops: Any, base: Any, exponent: float) -> Any:
    """Return base^exponent of base >= 0, with gradient 0 where base is 0."""
    is_some = base > 0
    return ops.where(is_some, ops.power(ops.where(is_some, base, ops.ones_like(base)), exponent), ops.zeros_like(base))


# === Of numbers ===


@singledispatch
def _of_numbers(loss: Loss, ops: Any, x: Any, y: Any) -> Any:
    raise TypeError(f"no formula for {type(loss).__name__}")


@_of_numbers.register
def _(loss: specs.SquaredError, ops: Any, x: Any, y: Any) -> Any:
    return ops.square(x - y)


@_of_numbers.register
def _(loss: specs.AbsoluteError, ops: Any, x: Any, y: Any) -> Any:
    return ops.abs(x - y)


@_of_numbers.register
def _(loss: specs.Huber, ops: Any, x: Any, y: Any) -> Any:
    size = ops.abs(x - y)
    near = ops.where(size <= loss.delta, size, ops.zeros_like(size))  # its square must not overflow
    return ops.where(size <= loss.delta, near * near / 2, loss.delta * (size - loss.delta / 2))


@_of_numbers.register
def _(loss: specs.LogCosh, ops: Any, x: Any, y: Any) -> Any:
    size = ops.abs(x - y)
    return size + ops.log1p(ops.exp(-2 * size)) - log(2)


@_of_numbers.register
def _(loss: specs.Hinge, ops: Any, x: Any, y: Any) -> Any:
    missing = _positive(ops, loss.margin - (2 * y - 1) * x)
    return missing * missing if loss.squared else missing


@_of_numbers.register
def _(loss: specs.CategoricalHinge, ops: Any, x: Any, y: Any) -> Any:
    target = _one_hot(ops, loss, y, x.shape[-1], x.dtype)
    other = ops.max(ops.where(target > 0, ops.zeros_like(x) + NO_PATH, x), axis=-1)
    return _positive(ops, loss.margin + other - ops.sum(target * x, axis=-1))


@_of_numbers.register
def _(loss: specs.Poisson, ops: Any, x: Any, y: Any) -> Any:
    return ops.exp(x) - y * x if loss.takes == "logarithms" else x - y * _log(ops, x)


@_of_numbers.register
def _(loss: specs.KullbackLeibler, ops: Any, x: Any, y: Any) -> Any:
    floor = log(FLOOR)
    own = {
        "logits": lambda: ops.log_softmax(x, axis=-1),
        "probabilities": lambda: _log(ops, x),
        "logarithms": lambda: x,
    }
    log_p = own[loss.takes]()
    log_p = ops.where(log_p > floor, log_p, ops.zeros_like(log_p) + floor)
    is_some = y > 0
    log_y = ops.log(ops.where(is_some, y, ops.ones_like(y)))
    return ops.sum(ops.where(is_some, y * (log_y - log_p), ops.zeros_like(y)), axis=-1)


@_of_numbers.register
def _(loss: specs.CosineSimilarity, ops: Any, x: Any, y: Any) -> Any:
    return -ops.sum(x * y, axis=-1) / (_norm(ops, x, loss.epsilon) * _norm(ops, y, loss.epsilon))


def _norm(ops: Any, x: Any, epsilon: float) -> Any:
    """Return the larger of the Euclidean norm and epsilon."""
    squares = ops.sum(x * x, axis=-1)
    is_large = squares > epsilon**2
    return ops.where(is_large, ops.sqrt(ops.where(is_large, squares, ops.ones_like(squares))), epsilon)


@_of_numbers.register
def _(loss: specs.Triplet, ops: Any, x: Any, y: Any) -> Any:
    near, far = (_distance(ops, loss, x[:, 0] - x[:, other]) for other in (1, 2))
    return _positive(ops, near - far + loss.margin)


def _distance(ops: Any, loss: specs.Triplet, difference: Any) -> Any:
    if loss.squared:
        return ops.sum(difference * difference, axis=-1)
    moved = difference + loss.epsilon
    return ops.sqrt(ops.sum(moved * moved, axis=-1))


@_of_numbers.register
def _(loss: specs.CTC, ops: Any, x: Any, y: Any) -> Any:
    """Go forward through time over blanks and labels in turn, a place for each (Graves et al. 2006, section 4.1)."""
    log_p, (steps, labels) = ops.log_softmax(x, axis=-1), (x.shape[1], y.shape[1])
    blank = ops.zeros_like(y[:, :1])
    pairs = [part for number in range(labels) for part in (blank, y[:, number : number + 1])]
    places = ops.concatenate([*pairs, blank], axis=1)
    emitted = ops.sum(_one_hot(ops, loss, places, x.shape[-1], x.dtype)[:, None] * log_p[:, :, None], axis=-1)
    nothing = ops.zeros_like(emitted[:, 0]) + NO_PATH
    number = ops.cumsum(ops.ones_like(places), axis=1)  # from 1
    skips = ops.concatenate([blank == 1, blank == 1, places[:, 2:] != places[:, :-2]], axis=1)
    alpha = ops.where(number <= 2, emitted[:, 0], nothing)
    for step in range(1, steps):
        one = ops.concatenate([nothing[:, :1], alpha[:, :-1]], axis=1)
        two = ops.concatenate([nothing[:, :2], alpha[:, :-2]], axis=1)
        two = ops.where(skips, two, nothing)
        alpha = _either(ops, alpha, one, two) + emitted[:, step]
    length = ops.sum(ops.where(y != 0, ops.ones_like(y), ops.zeros_like(y)), axis=1)[:, None]
    ends = ops.where(number == 2 * length + 1, alpha, nothing), ops.where(number == 2 * length, alpha, nothing)
    last = [ops.max(end, axis=1) for end in ends]
    return -_either(ops, *last)


def _either(ops: Any, *logarithms: Any) -> Any:
    """Return the logarithm of a sum. The gradient of logaddexp on TensorFlow is not the derivative at a tie."""
    return ops.logsumexp(ops.stack(logarithms), axis=0)
