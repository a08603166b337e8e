"""Wrong pairs whose losses part at large errors, extreme logits, rare classes, or other batch sizes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import Body, Step, dense, tanh
from tests.support.families import Draw
from twotrack import CustomLoss, Input

KerasLoss = Callable[[Any, Any, Any], Any]
"""Maps keras, targets and outputs to a loss per example."""
TorchLoss = Callable[[Any, Any, Any], Any]
"""Maps torch, outputs and targets to the loss."""


def custom(
    keras_loss: KerasLoss, torch_loss: TorchLoss, target: Literal["classes", "binary", "real"] = "real"
) -> CustomLoss:
    """Return the loss of two functions; Keras takes the mean of what its function returns."""

    def keras_build() -> Any:
        import keras

        class Loss(keras.losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return keras_loss(keras, y_true, y_pred)

        return Loss()

    def torch_build() -> Any:
        import torch

        return lambda outputs, targets: torch_loss(torch, outputs, targets)

    return CustomLoss(keras_build, torch_build, target)


def case(draw: Draw, loss: CustomLoss, reveal: Reveal, end: Step | None = None, classes: int | None = None) -> Case:
    """Return a small network with a loss, and a step at the end if there is one."""
    features, hidden = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6)
    outputs = classes or draw.whole("outputs", 2, 4)
    steps = [dense("first", features, hidden), tanh(), dense("last", hidden, outputs), *([end] if end else [])]
    made = Body({"input": Input((features,))}, steps).case(draw, reveal, loss=loss)
    return replace(made, places=("loss",))


def on_one_side(draw: Draw, plain: tuple[KerasLoss, TorchLoss], odd: tuple[KerasLoss, TorchLoss], **rest: Any):
    """Return the loss that is odd on the side that is drawn."""
    if draw.one_of("odd_side", "keras", "torch") == "keras":
        return custom(odd[0], plain[1], **rest)
    return custom(plain[0], odd[1], **rest)


SQUARED = (lambda k, y, p: k.ops.mean((p - y) ** 2, -1), lambda t, p, y: ((p - y) ** 2).mean())
LOGITS = (
    lambda k, y, p: k.ops.mean(k.ops.relu(p) - p * y + k.ops.log1p(k.ops.exp(-k.ops.abs(p))), -1),
    lambda t, p, y: t.nn.functional.binary_cross_entropy_with_logits(p, y),
)


@WRONG.add("loss: large errors", "Huber's loss against the squared one, with a bound far out")
def huber(draw: Draw) -> Case:
    delta = draw.real("delta", 8, 1000)
    odd = (
        lambda k, y, p: k.ops.mean(2 * k.losses.huber(y, p, delta=delta)[..., None], -1),
        lambda t, p, y: 2 * t.nn.functional.huber_loss(p, y, delta=delta),
    )
    return case(draw, on_one_side(draw, SQUARED, odd), Reveal(by="loss", scale=20 * delta))


@WRONG.add("loss: large errors", "a squared loss that is bounded far out on one side")
def bounded_loss(draw: Draw) -> Case:
    bound = draw.real("bound", 200, 1e5)
    odd = (
        lambda k, y, p: k.ops.mean(k.ops.minimum((p - y) ** 2, bound), -1),
        lambda t, p, y: ((p - y) ** 2).clamp(max=bound).mean(),
    )
    return case(draw, on_one_side(draw, SQUARED, odd), Reveal(by="loss", scale=5 * bound**0.5))


@WRONG.add("loss: large errors", "targets clipped far out on one side")
def clipped_targets(draw: Draw) -> Case:
    bound = draw.real("bound", 6, 300)
    odd = (
        lambda k, y, p: k.ops.mean((p - k.ops.clip(y, -bound, bound)) ** 2, -1),
        lambda t, p, y: ((p - y.clamp(-bound, bound)) ** 2).mean(),
    )
    return case(draw, on_one_side(draw, SQUARED, odd), Reveal(by="loss", scale=10 * bound))


@WRONG.add("loss: large errors", "log-cosh against its value with a clipped error")
def log_cosh(draw: Draw) -> Case:
    bound = draw.real("bound", 8, 100)

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        error = k.ops.abs(p - y)
        return k.ops.mean(error + k.ops.log1p(k.ops.exp(-2 * error)) - 0.6931471805599453, -1)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        return t.cosh((p - y).clamp(-bound, bound)).log().mean()

    return case(draw, custom(keras_loss, torch_loss), Reveal(by="loss", scale=5 * bound))


@WRONG.add("loss: tiny errors", "the absolute error against one that is smooth within a tiny distance")
def smooth_l1(draw: Draw) -> Case:
    beta = draw.real("beta", 1e-8, 1e-6)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.smooth_l1_loss(p, y, beta=beta) + beta / 2

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        return k.ops.mean(k.ops.abs(p - y), -1)

    return case(draw, custom(keras_loss, torch_loss), Reveal(by="loss", scale=beta / 3))


@WRONG.add("loss: extreme logits", "cross-entropy of logits against that of clipped logits")
def clipped_logits(draw: Draw) -> Case:
    bound = draw.real("bound", 8, 100)
    odd = (
        lambda k, y, p: LOGITS[0](k, y, k.ops.clip(p, -bound, bound)),
        lambda t, p, y: LOGITS[1](t, p.clamp(-bound, bound), y),
    )
    return case(draw, on_one_side(draw, LOGITS, odd, target="binary"), Reveal(by="loss", scale=10 * bound))


@WRONG.add("loss: extreme logits", "sigmoid in the model and a loss of clipped probabilities, against one not clipped")
def clipped_probabilities(draw: Draw) -> Case:
    margin = draw.real("margin", 1e-9, 1e-6)

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        p = k.ops.clip(p, margin, 1 - margin)
        return -k.ops.mean(y * k.ops.log(p) + (1 - y) * k.ops.log(1 - p), -1)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.binary_cross_entropy(p, y)

    end = Step("sigmoid", lambda k, n: k.layers.Activation("sigmoid", name=n), lambda t: t.nn.Sigmoid())
    reveal = Reveal(by="loss", inputs={"outputs": 1e-12, "targets": 1.0})
    return case(draw, custom(keras_loss, torch_loss, "binary"), reveal, end)


@WRONG.add("loss: extreme logits", "softmax in the model and a loss with a floor under the logarithm, or without")
def floor_of_logarithm(draw: Draw) -> Case:
    floor = draw.real("floor", 1e-12, 1e-7)

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        chosen = k.ops.sum(p * k.ops.one_hot(k.ops.cast(y, "int32"), p.shape[-1], dtype=p.dtype), -1)
        return -k.ops.log(k.ops.maximum(chosen, floor))

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.nll_loss(p.log(), y)

    end = Step("softmax", lambda k, n: k.layers.Softmax(name=n), lambda t: t.nn.Softmax(-1))
    reveal = Reveal(by="loss", inputs={"outputs": floor / 100, "targets": 1})
    return case(draw, custom(keras_loss, torch_loss, "classes"), reveal, end)


@WRONG.add("loss: extreme logits", "the Poisson loss with exp of a clipped value on one side")
def poisson(draw: Draw) -> Case:
    bound = draw.real("bound", 6, 30)
    plain = (
        lambda k, y, p: k.ops.mean(k.ops.exp(p) - y * p, -1),
        lambda t, p, y: t.nn.functional.poisson_nll_loss(p, y),
    )
    odd = (
        lambda k, y, p: k.ops.mean(k.ops.exp(k.ops.minimum(p, bound)) - y * p, -1),
        lambda t, p, y: (p.clamp(max=bound).exp() - y * p).mean(),
    )
    return case(draw, on_one_side(draw, plain, odd), Reveal(by="loss", scale=bound))


@WRONG.add("loss: extreme logits", "a weight for positives whose logit is far below 0, on one side")
def weight_of_missed(draw: Draw) -> Case:
    at, weight = draw.real("at", 6, 50), draw.real("weight", 1.1, 10)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        each = t.nn.functional.binary_cross_entropy_with_logits(p, y, reduction="none")
        return (each * t.where(p < -at, weight, 1.0)).mean()

    return case(draw, custom(LOGITS[0], torch_loss, "binary"), Reveal(by="loss", scale=10 * at))


def keras_classes(k: Any, y: Any, p: Any) -> Any:
    """Cross-entropy of logits and classes."""
    chosen = k.ops.one_hot(k.ops.cast(y, "int32"), p.shape[-1], dtype=p.dtype)
    return k.ops.logsumexp(p, -1) - k.ops.sum(p * chosen, -1)


@WRONG.add("loss: rare classes", "one class of very many is left out of the loss on one side")
def ignored_class(draw: Draw) -> Case:
    classes = draw.whole("classes", 300, 600)
    ignored = draw.one_of("ignored", 0, 1, classes - 1, classes // 2)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.cross_entropy(p, y, ignore_index=ignored, reduction="sum") / len(y)

    loss = custom(keras_classes, torch_loss, "classes")
    return case(draw, loss, Reveal(by="loss", inputs={"targets": ignored}), classes=classes)


@WRONG.add("loss: rare classes", "one class of very many has a weight of its own on one side")
def weighted_class(draw: Draw) -> Case:
    classes, weight = draw.whole("classes", 300, 600), draw.real("weight", 0.1, 0.9)
    weighted = draw.one_of("class", 0, 1, classes - 1, classes // 3)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        each = t.nn.functional.cross_entropy(p, y, reduction="none")
        return (each * t.where(y == weighted, weight, 1.0)).mean()

    loss = custom(keras_classes, torch_loss, "classes")
    return case(draw, loss, Reveal(by="loss", inputs={"targets": weighted}), classes=classes)


@WRONG.add("loss: batch size", "a sum divided by a fixed batch size, against a mean")
def fixed_divisor(draw: Draw) -> Case:
    divisor = 8

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        return ((p - y) ** 2).mean(-1).sum() / divisor

    return case(draw, custom(SQUARED[0], torch_loss), Reveal(by="loss", batch_size=draw.one_of("other", 1, 3, 7)))


@WRONG.add("ordinary", "a loss with label smoothing, a weight, a margin or a temperature on one side")
def ordinary_loss(draw: Draw) -> Case:
    which, amount = draw.one_of("which", "smoothing", "weight", "temperature"), draw.real("amount", 1e-3, 0.3)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        functional = t.nn.functional
        if which == "smoothing":
            return functional.cross_entropy(p, y, label_smoothing=amount)
        if which == "temperature":
            return functional.cross_entropy(p / (1 + amount), y)
        weights = t.ones(p.shape[-1], dtype=p.dtype)
        weights[0] += amount
        return functional.cross_entropy(p, y, weights)

    return case(draw, custom(keras_classes, torch_loss, "classes"), Reveal(by="loss"))


@WRONG.add("regularizer", "a penalty that ordinary weights or activities do not reach, on one side")
def late_penalty(draw: Draw) -> Case:
    bound, rate = draw.real("bound", 6, 100), draw.real("penalty", 1e-3, 1e-1)
    kind = draw.one_of("kind", "kernel_regularizer", "activity_regularizer", "bias_regularizer")
    features, hidden = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6)

    def penalised(k: Any, n: str) -> Any:
        class Beyond(k.regularizers.Regularizer):
            def __call__(self, x: Any) -> Any:
                return rate * k.ops.sum(k.ops.relu(k.ops.abs(x) - bound))

        return k.layers.Dense(hidden, name=n, **{kind: Beyond()})

    first = Step("first", penalised, lambda t: t.nn.Linear(features, hidden))
    body = Body({"input": Input((features,))}, [first, tanh(), dense("last", hidden, 2)])
    reveal = Reveal(by="trained", steps=2, scale=10, weight_scale=30 * bound)
    return replace(body.case(draw, reveal), places=("first",))


@WRONG.add("regularizer", "a penalty on weights or activities on one side")
def penalty(draw: Draw) -> Case:
    kind, rate = draw.one_of("kind", "kernel_regularizer", "activity_regularizer"), draw.real("penalty", 1e-4, 1e-1)
    form = draw.one_of("form", "L1", "L2")
    features, hidden = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6)

    def penalised(k: Any, n: str) -> Any:
        return k.layers.Dense(hidden, name=n, **{kind: getattr(k.regularizers, form)(rate)})

    first = Step("first", penalised, lambda t: t.nn.Linear(features, hidden))
    body = Body({"input": Input((features,))}, [first, tanh(), dense("last", hidden, 2)])
    return body.case(draw, Reveal(by="trained", steps=2))
