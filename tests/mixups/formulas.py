"""Losses written out on either side: a library's own, or a formula that is exact on both."""

from collections.abc import Callable
from typing import Any

from tests.losses.pairs import CLASSES

Makes = Callable[[], Any]


def keras_loss(name: str, **settings: Any) -> Makes:
    """Return what makes a loss of Keras."""

    def build() -> Any:
        import keras

        return getattr(keras.losses, name)(**settings)

    return build


def keras_formula(compute: Callable[[Any, Any, Any], Any]) -> Makes:
    """Return what makes a loss of Keras from (ops, targets, outputs) to the losses of examples."""

    def build() -> Any:
        import keras

        class Own(keras.losses.Loss):
            def call(self, y: Any, x: Any) -> Any:
                return compute(keras.ops, y, x)

        return Own()

    return build


def torch_loss(compute: Callable[[Any, Any, Any], Any]) -> Makes:
    """Return what makes a loss of torch from (torch.nn.functional, outputs, targets)."""

    def build() -> Any:
        from torch.nn import functional

        return lambda x, y: compute(functional, x, y)

    return build


# === Formulas ===


def keras_focal(alpha: float | None, gamma: float = 2.0) -> Makes:
    """Return what makes the loss without the clipping of Keras' own."""

    def compute(ops: Any, y: Any, x: Any) -> Any:
        y = ops.cast(y, x.dtype)
        each, p = y * ops.softplus(-x) + (1 - y) * ops.softplus(x), ops.sigmoid(x)
        weight = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
        return ops.mean(weight * (1 - (p * y + (1 - p) * (1 - y))) ** gamma * each, -1)

    return keras_formula(compute)


def torch_focal(alpha: float | None, gamma: float = 2.0) -> Makes:
    def compute(f: Any, x: Any, y: Any) -> Any:
        p, each = x.sigmoid(), f.binary_cross_entropy_with_logits(x, y.to(x.dtype), reduction="none")
        weight = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
        return (weight * (1 - (p * y + (1 - p) * (1 - y))) ** gamma * each).mean()

    return torch_loss(compute)


def keras_class_focal(gamma: float, alpha: float = 1.0) -> Makes:
    def compute(ops: Any, y: Any, x: Any) -> Any:
        log_p = ops.sum(ops.one_hot(ops.cast(y, "int32"), CLASSES, dtype=x.dtype) * ops.log_softmax(x, -1), -1)
        return -alpha * (1 - ops.exp(log_p)) ** gamma * log_p

    return keras_formula(compute)


def torch_class_focal(gamma: float, alpha: float = 1.0) -> Makes:
    def compute(f: Any, x: Any, y: Any) -> Any:
        each = f.cross_entropy(x, y, reduction="none")
        return (alpha * (1 - (-each).exp()) ** gamma * each).mean()

    return torch_loss(compute)


def keras_class_hinge(margin: float) -> Makes:
    def compute(ops: Any, y: Any, x: Any) -> Any:
        target = ops.one_hot(ops.cast(y, "int32"), CLASSES, dtype=x.dtype)
        other = ops.max(x - 1e30 * target, -1)
        return ops.relu(margin + other - ops.sum(target * x, -1))

    return keras_formula(compute)


def torch_class_hinge(f: Any, x: Any, y: Any) -> Any:
    own = x.gather(-1, y[:, None])[:, 0]
    other = x.scatter(-1, y[:, None], float("-inf")).amax(-1)
    return (1 + other - own).relu().mean()


def keras_triplet(squared: bool, margin: float = 1.0) -> Makes:
    def compute(ops: Any, y: Any, x: Any) -> Any:
        def distance(other: int) -> Any:
            apart = x[:, 0] - x[:, other]
            return ops.sum(apart * apart, -1) if squared else ops.sqrt(ops.sum((apart + 1e-6) ** 2, -1))

        return ops.relu(distance(1) - distance(2) + margin)

    return keras_formula(compute)


def cosine(ops: Any, y: Any, x: Any) -> Any:
    """Return the negative similarity, with the epsilon of torch; Keras' own has another."""
    sizes = (ops.sqrt(ops.maximum(ops.sum(one * one, -1), 1e-16)) for one in (x, y))
    return -ops.sum(x * y, -1) / (next(sizes) * next(sizes))


def keras_ctc(by_length: bool) -> Makes:
    """Return what makes the loss of twotrack, which Keras' own is only on some backends."""

    def build() -> Any:
        import keras

        from twotrack.shared.spec.loss_formulas import _terms
        from twotrack.shared.spec.loss_specs import CTC

        class Own(keras.losses.Loss):
            def call(self, y: Any, x: Any) -> Any:
                y = keras.ops.cast(y, "int32")
                each = _terms(CTC(), keras.ops, x, y, False)
                length = keras.ops.sum(keras.ops.cast(y != 0, x.dtype), -1)
                return each / keras.ops.maximum(length, 1) if by_length else each

        return Own()

    return build


def torch_ctc(reduction: str) -> Makes:
    def compute(f: Any, x: Any, y: Any) -> Any:
        lengths = (y != 0).sum(-1)
        steps = lengths * 0 + x.shape[1]
        found = f.ctc_loss(x.log_softmax(-1).transpose(0, 1), y, steps, lengths, reduction=reduction)
        return found.mean() if reduction == "none" else found

    return torch_loss(compute)
