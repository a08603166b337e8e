"""Pairs of one dense layer and losses of the user's own: some are one loss, some part at a size, a class or a batch."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.losses.pairs import torch_tagger
from tests.support.named_pairs import numbered
from twotrack import CustomLoss, Input, Pair

CLASSES = 3
Loss = Callable[[Any, Any], Any]


def pair(
    keras: Callable[[Any], Any], torch: Callable[[Any], Loss], target: Any, outputs: int = CLASSES, link: str = ""
) -> Pair:
    """Return a pair of a dense layer; the losses are made of keras.losses and of torch.nn.functional."""

    def keras_loss() -> Any:
        from keras import losses

        return keras(losses)

    def torch_loss() -> Any:
        from torch.nn import functional

        return torch(functional)

    links = {"": "Identity", "softmax": "Softmax", "sigmoid": "Sigmoid"}
    return Pair(
        sequential(lambda k: k.Input((4,)), lambda k: k.Dense(outputs, activation=link or None, name="dense1")),
        modules(
            dense1=lambda nn: nn.Linear(4, outputs),
            link=lambda nn: nn.Softmax(-1) if link == "softmax" else getattr(nn, links[link])(),
        ),
        (4,),
        CustomLoss(keras_loss, torch_loss, target),
    )


def classes(torch: Callable[[Any], Loss], link: str = "", **settings: Any) -> Pair:
    settings = {"from_logits": not link} | settings
    return pair(lambda k: k.SparseCategoricalCrossentropy(**settings), torch, "classes", link=link)


def binary(torch: Callable[[Any], Loss], link: str = "", **settings: Any) -> Pair:
    settings = {"from_logits": not link} | settings
    return pair(lambda k: k.BinaryCrossentropy(**settings), torch, "binary", 2, link)


def real(keras: Callable[[Any], Any], torch: Callable[[Any], Loss]) -> Pair:
    return pair(keras, torch, "real", 2)


def keras_weighted(weights: list[float]) -> Callable[[Any], Any]:
    """Cross-entropy times a weight for each class, over the number of examples."""

    def build(losses: Any) -> Any:
        from keras import ops

        class Weighted(losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                labels = ops.cast(y_true, "int32")
                each = losses.sparse_categorical_crossentropy(labels, y_pred, from_logits=True)
                return each * ops.take(ops.convert_to_tensor(weights, y_pred.dtype), labels)

        return Weighted()

    return build


def torch_weighted(weights: list[float], divide: bool = True) -> Callable[[Any], Loss]:
    """Cross-entropy times a weight for each class, over the number of examples, or over the sum of weights."""

    def build(f: Any) -> Loss:
        import torch

        def loss(outputs: Any, labels: Any) -> Any:
            tensor = torch.tensor(weights, dtype=outputs.dtype)
            if not divide:
                return f.cross_entropy(outputs, labels, tensor)
            return f.cross_entropy(outputs, labels, tensor, reduction="sum") / len(labels)

        return loss

    return build


def keras_hinge(margin: float) -> Callable[[Any], Any]:
    def build(losses: Any) -> Any:
        from keras import ops

        class Hinge(losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return ops.mean(ops.maximum(margin - (2 * y_true - 1) * y_pred, 0.0), -1)

        return Hinge()

    return build


def torch_log_cosh(f: Any) -> Loss:
    """The naive form, which overflows."""
    return lambda outputs, targets: (outputs - targets).cosh().log().mean()


def by_logsumexp(f: Any) -> Loss:
    return lambda o, t: (o.logsumexp(-1) - o.gather(-1, t[..., None])[..., 0]).mean()


def by_log_of_softmax(f: Any) -> Loss:
    return lambda o, t: f.nll_loss(f.softmax(o, -1).log(), t)


def capped(f: Any) -> Loss:
    return lambda o, t: f.cross_entropy(o, t, reduction="none").clamp(max=50.0).mean()


def binary_focal(alpha: float) -> Callable[[Any], Loss]:
    """Focal loss of two classes with gamma 2, by the logits."""

    def build(f: Any) -> Loss:
        def loss(outputs: Any, targets: Any) -> Any:
            chance = targets * outputs.sigmoid() + (1 - targets) * (-outputs).sigmoid()
            balance = alpha * targets + (1 - alpha) * (1 - targets)
            each = f.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
            return (balance * (1 - chance) ** 2 * each).mean()

        return loss

    return build


def class_focal(gamma: float) -> Callable[[Any], Loss]:
    """Focal loss of one-hot targets with alpha 0.25, by the logits."""

    def build(f: Any) -> Loss:
        def loss(outputs: Any, targets: Any) -> Any:
            logarithms = outputs.log_softmax(-1)
            return -(0.25 * (1 - logarithms.exp()) ** gamma * targets * logarithms).sum(-1).mean()

        return loss

    return build


def focal_of_two(alpha: float) -> Pair:
    keras = {"apply_class_balancing": True, "alpha": 0.3, "from_logits": True}
    return pair(lambda k: k.BinaryFocalCrossentropy(**keras), binary_focal(alpha), "binary", 2)


def focal_of_many(gamma: float) -> Pair:
    return pair(
        lambda k: k.CategoricalFocalCrossentropy(gamma=2.0, from_logits=True), class_focal(gamma), "probabilities"
    )


WRONG: dict[str, tuple[Pair, str]] = {
    "focal of two classes, another alpha": (focal_of_two(0.31), "outputs of 1 "),
    "focal of classes, another gamma": (focal_of_many(2.01), "outputs of 1 "),
    **{
        f"logits clamped at {bound}": (
            classes(lambda f, bound=bound: lambda o, t: f.cross_entropy(o.clamp(-bound, bound), t)),
            f"on outputs of {size} the",
        )
        for bound, size in ((20, "10"), (80, "30"), (2500, "1000"))
    },
    "a loss that is capped": (classes(capped), "on outputs of 30 the loss is"),
    **{
        f"a sum over the {what}": (
            classes(lambda f, by=by: lambda o, t: f.cross_entropy(o, t, reduction="sum") / by),
            where,
        )
        for what, by, where in (
            ("batch", 1, "in a batch of 2, the loss"),
            ("batch by its usual size", 8, "on outputs of"),
        )
    },
    **{
        f"smoothing by {share}": (
            classes(lambda f, s=share: lambda o, t: f.cross_entropy(o, t, label_smoothing=s)),
            "on",
        )
        for share in (1e-2, 1e-6)
    },
    "weights divided by their sum": (
        pair(keras_weighted([1.0, 1.0, 3.0]), torch_weighted([1.0, 1.0, 3.0], False), "classes"),
        "the loss is",
    ),
    "a weight of one class": (
        pair(keras_weighted([1.0, 1.0, 1.0]), torch_weighted([1.0, 1.0, 1.01]), "classes"),
        "the loss",
    ),
    "an ignored class": (classes(lambda f: f.cross_entropy, ignore_class=2), "the loss is"),
    "an ignored label": (
        classes(lambda f: lambda o, t: f.cross_entropy(o, t.clamp(min=0)), ignore_class=-1),
        "on targets of -1",
    ),
    **{
        f"Huber's delta of {delta}": (
            real(lambda k: k.Huber(delta=1.0), lambda f, d=delta: lambda o, t: f.huber_loss(o, t, delta=d)),
            f"on residuals of {size} the loss is",
        )
        for delta, size in ((1.5, "1"), (0.7, "1"))
    },
    "Huber against squares, far out": (
        real(
            lambda k: k.MeanSquaredError(),
            lambda f: lambda o, t: 2 * f.huber_loss(o, t, delta=500.0),
        ),
        "on residuals of 1000 the loss is",
    ),
    "smooth L1": (
        real(lambda k: k.Huber(delta=0.5), lambda f: lambda o, t: f.smooth_l1_loss(o, t, beta=0.5)),
        "residuals",
    ),
    "a dead zone": (
        real(lambda k: k.MeanAbsoluteError(), lambda f: lambda o, t: f.relu((o - t).abs() - 1e-5).mean()),
        "the loss is",
    ),
    "a margin": (
        pair(keras_hinge(1.0), lambda f: lambda o, t: f.relu(1.1 - (2 * t - 1) * o).mean(), "binary", 2),
        "on",
    ),
    "a weight of positives": (
        binary(lambda f: lambda o, t: f.binary_cross_entropy_with_logits(o, t, pos_weight=o.new_tensor([1.0, 1.01]))),
        "on",
    ),
    "saturated": (binary(lambda f: lambda o, t: f.binary_cross_entropy(o.sigmoid(), t)), "on outputs of 10"),
    "a softmax twice": (classes(lambda f: f.cross_entropy, "softmax"), "on probabilities from scores of 1 the loss is"),
    "probabilities clamped at 1e-3": (
        binary(lambda f: lambda o, t: f.binary_cross_entropy(o.clamp(1e-3, 1 - 1e-3), t), "sigmoid"),
        "on probabilities from scores of 3 the loss is",
    ),
    "detached": (
        classes(lambda f: lambda o, t: f.cross_entropy(o.detach() + (o - o.detach()) * 2, t)),
        "the gradient of",
    ),
}
"""Pairs, and what the message must hold."""

HONEST: dict[str, tuple[Pair, str]] = {
    "cross-entropy": (classes(lambda f: f.cross_entropy), ""),
    "by logsumexp": (classes(by_logsumexp), ""),
    "by the logarithm of softmax": (classes(by_log_of_softmax), "torch's loss overflows"),
    "probabilities": (classes(lambda f: lambda o, t: f.nll_loss(o.log(), t), "softmax"), "Keras clips probabilities"),
    "an ignored label": (classes(lambda f: lambda o, t: f.cross_entropy(o, t, ignore_index=-1), ignore_class=-1), ""),
    "an ignored class": (
        classes(lambda f: lambda o, t: f.cross_entropy(o, t, ignore_index=0), ignore_class=0),
        "torch's loss is no number where no target counts",
    ),
    "weights, one of them 0": (pair(keras_weighted([0.0, 1.0, 3.0]), torch_weighted([0.0, 1.0, 3.0]), "classes"), ""),
    "binary": (binary(lambda f: f.binary_cross_entropy_with_logits), ""),
    "binary by softplus": (binary(lambda f: lambda o, t: (f.softplus(o) - o * t).mean()), "one side leaves out"),
    "binary on probabilities": (binary(lambda f: f.binary_cross_entropy, "sigmoid"), "Keras clips probabilities"),
    "focal of two classes": (focal_of_two(0.3), "Keras clips probabilities|one side leaves out"),
    "focal of classes": (focal_of_many(2.0), "Keras clips probabilities|one side leaves out"),
    "squares": (real(lambda k: k.MeanSquaredError(), lambda f: f.mse_loss), ""),
    "absolute": (
        real(lambda k: k.MeanAbsoluteError(), lambda f: f.l1_loss),
        "gradients differ where the loss has a kink",
    ),
    "Huber": (real(lambda k: k.Huber(delta=2.0), lambda f: lambda o, t: f.huber_loss(o, t, delta=2.0)), ""),
    "log-cosh": (real(lambda k: k.LogCosh(), torch_log_cosh), "torch's loss overflows|one side leaves out"),
    "hinge": (
        pair(keras_hinge(1.0), lambda f: lambda o, t: f.relu(1.0 - (2 * t - 1) * o).mean(), "binary", 2),
        "gradients differ where the loss has a kink",
    ),
}
"""Pairs, and the only exceptions that may stand in a pass, on whatever backend they do; none if empty."""


def _keras_tagger(mask: bool) -> Callable[[], Any]:
    return sequential(
        lambda k: k.Input((6,), dtype="int32"),
        lambda k: k.Embedding(8, 5, mask_zero=mask, name="embedding"),
        lambda k: k.Dense(CLASSES, name="tags"),
    )


TOKENS = Input((6,), kind="tokens", size=8)
HONEST["steps without a mask"] = (Pair(_keras_tagger(False), torch_tagger, TOKENS, "cross_entropy"), "")
WRONG["padded steps"] = (Pair(_keras_tagger(True), torch_tagger, TOKENS, "cross_entropy"), "some steps padded")

__getattr__ = numbered(WRONG=(found[0] for found in WRONG.values()), HONEST=(found[0] for found in HONEST.values()))
