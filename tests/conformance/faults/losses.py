"""Faults of losses."""

from collections.abc import Callable
from typing import Any, Literal

from tests.conformance.faults.family import ANYWHERE, FAULTS, Plant, Spot, Truth
from tests.conformance.faults.signs import loses
from tests.hunt.wrong_losses import LOGITS, SQUARED, custom, keras_classes
from tests.support.families import Draw
from twotrack import CustomLoss

CLASSES = (keras_classes, lambda t, p, y: t.nn.functional.cross_entropy(p, y))


POOLED = ("plain", "residual", "branches", "tokens", "signal", "transformer", "pictures", "residual_pictures")
"""Networks that give one row of numbers for each example."""


def planted(loss: CustomLoss, *told: str) -> Plant:
    return Plant(Truth("loss", ANYWHERE, told, (loses(),)), settings={"loss": loss})


def one_sided(
    draw: Draw,
    plain: tuple[Callable, Callable],
    odd: tuple[Callable, Callable],
    target: Literal["classes", "binary", "real"],
) -> CustomLoss:
    """Return a loss that is odd on the side that is drawn."""
    if draw.one_of("odd_side", "keras", "torch") == "keras":
        return custom(odd[0], plain[1], target)
    return custom(plain[0], odd[1], target)


@FAULTS.add("losses", "a sum in place of a mean", hosts=POOLED)
def loss_sum(draw: Draw, spot: Spot) -> Plant:
    over = draw.one_of("over", "batch", "everything", "outputs")

    def keras_odd(k: Any, y: Any, p: Any) -> Any:
        each = (p - y) ** 2
        return k.ops.sum(each, -1) if over == "outputs" else each.shape[0] * k.ops.mean(each, -1)

    def torch_odd(t: Any, p: Any, y: Any) -> Any:
        each = (p - y) ** 2
        return {"batch": each.mean(-1).sum(), "everything": each.sum(), "outputs": each.sum(-1).mean()}[over]

    if over != "outputs":
        return planted(custom(SQUARED[0], torch_odd), "sum|times|factor|mean")
    return planted(one_sided(draw, SQUARED, (keras_odd, torch_odd), "real"), "sum|times|factor|mean")


@FAULTS.add("losses", "label smoothing on one side", hosts=POOLED)
def label_smoothing(draw: Draw, spot: Spot) -> Plant:
    amount = draw.one_of("smoothing", 0.05, 0.1, 0.2)

    def keras_odd(k: Any, y: Any, p: Any) -> Any:
        return (1 - amount) * keras_classes(k, y, p) + amount * (k.ops.logsumexp(p, -1) - k.ops.mean(p, -1))

    def torch_odd(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.cross_entropy(p, y, label_smoothing=amount)

    return planted(one_sided(draw, CLASSES, (keras_odd, torch_odd), "classes"), f"smooth.*{amount:g}")


@FAULTS.add("losses", "a loss of logits against one of probabilities", hosts=POOLED)
def logits(draw: Draw, spot: Spot) -> Plant:
    def torch_odd(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.cross_entropy(t.softmax(p, -1), y)

    def keras_odd(k: Any, y: Any, p: Any) -> Any:
        return keras_classes(k, y, k.ops.softmax(p, -1))

    return planted(one_sided(draw, CLASSES, (keras_odd, torch_odd), "classes"), "logits|probabilities|softmax")


@FAULTS.add("losses", "weights of classes on one side", hosts=POOLED)
def class_weights(draw: Draw, spot: Spot) -> Plant:
    weights = draw.one_of("weights", (1.0, 2.0, 0.5), (0.2, 1.0, 1.0), (1.0, 1.0, 3.0))

    def keras_odd(k: Any, y: Any, p: Any) -> Any:
        chosen = k.ops.one_hot(k.ops.cast(y, "int32"), p.shape[-1], dtype=p.dtype)
        return keras_classes(k, y, p) * k.ops.sum(chosen * k.ops.cast(list(weights), p.dtype), -1)

    def torch_odd(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.cross_entropy(p, y, weight=t.tensor(weights, dtype=p.dtype, device=p.device))

    return planted(one_sided(draw, CLASSES, (keras_odd, torch_odd), "classes"), "weight|class")


@FAULTS.add("losses", "a class that is left out on one side", hosts=POOLED)
def ignored_class(draw: Draw, spot: Spot) -> Plant:
    ignored = draw.whole("ignored", 0, 2)

    def keras_odd(k: Any, y: Any, p: Any) -> Any:
        counts = k.ops.cast(k.ops.not_equal(k.ops.cast(y, "int32"), ignored), p.dtype)
        return keras_classes(k, y, p) * counts

    def torch_odd(t: Any, p: Any, y: Any) -> Any:
        return t.nn.functional.cross_entropy(p, y, ignore_index=ignored)

    return planted(
        one_sided(draw, CLASSES, (keras_odd, torch_odd), "classes"), "ignore|left out|class|weight|torch's is not"
    )


@FAULTS.add("losses", "weights of outputs on one side", hosts=POOLED)
def output_weights(draw: Draw, spot: Spot) -> Plant:
    """Of the three numbers that the model gives, one counts more."""
    weights = draw.one_of("weights", (1.0, 2.0, 1.0), (0.5, 1.0, 1.0), (1.0, 1.0, 4.0))

    def keras_odd(k: Any, y: Any, p: Any) -> Any:
        return k.ops.mean((p - y) ** 2 * k.ops.cast(list(weights), p.dtype), -1)

    def torch_odd(t: Any, p: Any, y: Any) -> Any:
        return ((p - y) ** 2 * t.tensor(weights, dtype=p.dtype, device=p.device)).mean()

    return planted(one_sided(draw, SQUARED, (keras_odd, torch_odd), "real"), "weight|output|times")


@FAULTS.add("losses", "a constant factor of the loss", hosts=POOLED)
def loss_factor(draw: Draw, spot: Spot) -> Plant:
    factor, kind = draw.one_of("factor", 0.5, 2.0, 0.1), draw.one_of("loss", "squared", "binary")
    plain = {"squared": SQUARED, "binary": LOGITS}[kind]
    odd = (lambda k, y, p: factor * plain[0](k, y, p), lambda t, p, y: factor * plain[1](t, p, y))
    return planted(one_sided(draw, plain, odd, "real" if kind == "squared" else "binary"), "times|factor")


@FAULTS.add("losses", "another loss", hosts=POOLED)
def loss_kind(draw: Draw, spot: Spot) -> Plant:
    odd = draw.one_of("odd", "absolute", "huber")
    keras = {
        "absolute": lambda k, y, p: k.ops.mean(k.ops.abs(p - y), -1),
        "huber": lambda k, y, p: k.losses.huber(y, p, delta=1.0),
    }[odd]
    torch = {"absolute": lambda t, p, y: t.nn.functional.l1_loss(p, y),
             "huber": lambda t, p, y: t.nn.functional.huber_loss(p, y)}[odd]  # fmt: skip
    return planted(one_sided(draw, SQUARED, (keras, torch), "real"), "absolute|huber|l1|loss")
