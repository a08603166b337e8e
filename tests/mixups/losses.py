"""Losses by the other framework's default: of logits or probabilities, summed or a mean, with weights and masks."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.losses.pairs import (
    CLASSES,
    FIT,
    dense,
    keras_cross_entropy,
    keras_squares,
    linear,
    tagger,
    torch_by_count,
    torch_by_weights,
    torch_masked,
    torch_normed_squares,
    torch_weighed_squares,
)
from tests.mixups.formulas import (
    Makes,
    cosine,
    keras_class_focal,
    keras_class_hinge,
    keras_ctc,
    keras_focal,
    keras_formula,
    keras_loss,
    keras_triplet,
    torch_class_focal,
    torch_class_hinge,
    torch_ctc,
    torch_focal,
    torch_loss,
)
from tests.mixups.mixup import Mixup, crossed
from twotrack import CustomLoss, Pair

Sides = tuple[Makes, Makes, str]
"""The right loss of a side, the wrong one, and what is said of that."""


def of(
    spec: str,
    what: str,
    target: str,
    keras: Sides,
    torch: Sides,
    pair: Callable[[CustomLoss], Pair] | None = None,
    **rest: Any,
) -> Mixup:
    """Return a mix-up of a loss."""
    make = pair or (lambda loss: Pair(dense(), linear(), (8,), loss))

    def with_loss(own: Makes, other: Makes) -> Pair:
        return make(CustomLoss(own, other, target, **rest))  # type: ignore[arg-type]

    return crossed(with_loss, spec, what, "loss", keras, torch)


# === Pairs with other outputs ===


def with_link(link: str, outputs: int = CLASSES) -> Callable[[CustomLoss], Pair]:
    """Return pairs of models that end in a softmax, a sigmoid, or an exponential."""
    ends = {
        "softmax": lambda nn: nn.Softmax(-1),
        "sigmoid": lambda nn: nn.Sigmoid(),
        "softplus": lambda nn: nn.Softplus(),
    }
    torch = modules(
        hidden=lambda nn: nn.Linear(8, 6),
        tanh=lambda nn: nn.Tanh(),
        out=lambda nn: nn.Linear(6, outputs),
        link=ends[link],
    )
    return lambda loss: Pair(dense(outputs, link), torch, (8,), loss)


def of_steps(steps: int, features: int, outputs: int) -> Callable[[CustomLoss], Pair]:
    """Return pairs of models of one dense layer over steps."""
    keras = sequential(lambda k: k.Input((steps, features)), lambda k: k.Dense(outputs, name="out"))
    return lambda loss: Pair(keras, modules(out=lambda nn: nn.Linear(features, outputs)), (steps, features), loss)


# === The table ===

CE, BCE = keras_cross_entropy, keras_loss("BinaryCrossentropy", from_logits=True)
T_CE = torch_loss(lambda f, x, y: f.cross_entropy(x, y))
T_BCE = torch_loss(lambda f, x, y: f.binary_cross_entropy_with_logits(x, y.to(x.dtype)))
T_HUBER = torch_loss(lambda f, x, y: f.huber_loss(x, y, delta=1.0))


def two(loss: CustomLoss) -> Pair:
    return Pair(dense(2), linear(2), (8,), loss)


LOSSES = (
    of(
        "CrossEntropy",
        "logits that are taken for probabilities, and a softmax before its own",
        "classes",
        (CE, keras_loss("SparseCategoricalCrossentropy"), "probabilities"),
        (T_CE, torch_loss(lambda f, x, y: f.cross_entropy(x.softmax(-1), y)), "softmax|probabilities"),
    ),
    of(
        "CrossEntropy: smoothing",
        "label smoothing on one side",
        "classes",
        (
            CE,
            keras_formula(
                lambda ops, y, x: ops.categorical_crossentropy(
                    0.9 * ops.one_hot(ops.cast(y, "int32"), CLASSES, dtype=x.dtype) + 0.1 / CLASSES, x, from_logits=True
                )
            ),
            "label smoothing is 0.1 in Keras and 0 in torch",
        ),
        (
            T_CE,
            torch_loss(lambda f, x, y: f.cross_entropy(x, y, label_smoothing=0.1)),
            "label smoothing is 0 in Keras and 0.1 in torch",
        ),
    ),
    of(
        "CrossEntropy: ignored",
        "the label that is left out",
        "classes",
        (
            keras_loss("SparseCategoricalCrossentropy", from_logits=True, ignore_class=1),
            keras_loss("SparseCategoricalCrossentropy", from_logits=True),
            "torch those of 1|leaves targets",
        ),
        (torch_loss(lambda f, x, y: f.cross_entropy(x, y, ignore_index=1)), T_CE, "Keras leaves targets of 1 out"),
    ),
    of(
        "CrossEntropy: class weights",
        "a mean over weights, or over targets",
        "classes",
        (
            CE,
            keras_loss("SparseCategoricalCrossentropy", from_logits=True, reduction="mean_with_sample_weight"),
            "Keras divides by the sum of the weights of the targets, torch by the number of targets",
        ),
        (torch_by_count, torch_by_weights, "Keras divides by the number of targets, torch by the sum"),
        class_weight=FIT,
    ),
    of(
        "BinaryCrossEntropy",
        "logits that are taken for probabilities, and a weight of positives",
        "binary",
        (BCE, keras_loss("BinaryCrossentropy"), "probabilities"),
        (
            T_BCE,
            torch_loss(
                lambda f, x, y: f.binary_cross_entropy_with_logits(x, y.to(x.dtype), pos_weight=x.new_tensor(3.0))
            ),
            "weighed by class",
        ),
    ),
    of(
        "Focal",
        "alpha, which balances on one side only",
        "binary",
        (keras_focal(None), keras_focal(0.25), "alpha=0.25"),
        (torch_focal(None), torch_focal(0.25), "focal"),
        two,
    ),
    of(
        "CategoricalFocal",
        "gamma and alpha",
        "classes",
        (keras_class_focal(2.0), keras_class_focal(2.0, 0.25), "0.25"),
        (torch_class_focal(2.0), torch_class_focal(1.5), "gamma=2"),
    ),
    of(
        "Hinge",
        "targets of 0 and 1 that are taken for -1 and 1",
        "binary",
        (
            keras_loss("Hinge"),
            keras_formula(lambda ops, y, x: ops.mean(ops.relu(1 - ops.cast(y, x.dtype) * x), -1)),
            "hinge",
        ),
        (
            torch_loss(lambda f, x, y: (1 - (2 * y - 1) * x).relu().mean()),
            torch_loss(lambda f, x, y: (1 - (2 * y - 1) * x).relu().square().mean()),
            "squared hinge",
        ),
    ),
    of(
        "CategoricalHinge",
        "the largest of the other classes, or all of them",
        "classes",
        (keras_class_hinge(1.0), keras_class_hinge(0.5), "margin=0.5"),
        (torch_loss(torch_class_hinge), torch_loss(lambda f, x, y: f.multi_margin_loss(x, y)), "hinge"),
    ),
    of(
        "SquaredError",
        "a sum, or half of it",
        "real",
        (keras_squares, keras_loss("MeanSquaredError", reduction="sum"), "Keras sums the loss over the batch"),
        (torch_loss(lambda f, x, y: f.mse_loss(x, y)), torch_loss(lambda f, x, y: f.mse_loss(x, y) / 2), "times 2"),
    ),
    of(
        "AbsoluteError",
        "a sum, or squares",
        "real",
        (keras_loss("MeanAbsoluteError"), keras_squares, "the squared error in Keras and the absolute error in torch"),
        (
            torch_loss(lambda f, x, y: f.l1_loss(x, y)),
            torch_loss(lambda f, x, y: f.l1_loss(x, y, reduction="sum")),
            "torch sums",
        ),
    ),
    of(
        "Huber",
        "delta, and the form of smooth L1",
        "real",
        (keras_loss("Huber"), keras_loss("Huber", delta=2.0), "delta=2"),
        (T_HUBER, torch_loss(lambda f, x, y: f.smooth_l1_loss(x, y, beta=0.5)), "delta=0.5"),
    ),
    of(
        "LogCosh",
        "Huber's loss in its place",
        "real",
        (keras_loss("LogCosh"), keras_loss("Huber"), "Huber"),
        (
            torch_loss(lambda f, x, y: ((x - y) + f.softplus(-2 * (x - y)) - 0.6931471805599453).mean()),
            T_HUBER,
            "log-cosh",
        ),
    ),
    of(
        "Poisson",
        "rates, or their logarithms",
        "counts",
        (
            keras_formula(lambda ops, y, x: ops.mean(ops.exp(x) - ops.cast(y, x.dtype) * x, -1)),
            keras_loss("Poisson"),
            "Poisson",
        ),
        (
            torch_loss(lambda f, x, y: f.poisson_nll_loss(x, y.to(x.dtype))),
            torch_loss(lambda f, x, y: f.poisson_nll_loss(x, y.to(x.dtype), log_input=False, eps=1e-7)),
            "Poisson",
        ),
        with_link("softplus", 2),
    ),
    of(
        "KullbackLeibler",
        "a mean over numbers, or over rows",
        "probabilities",
        (
            keras_formula(
                lambda ops, y, x: ops.sum(
                    ops.where(y > 0, y * (ops.log(ops.where(y > 0, y, 1.0)) - ops.log_softmax(x, -1)), 0.0), -1
                )
            ),
            keras_loss("CategoricalCrossentropy", from_logits=True),
            "cross-entropy",
        ),
        (
            torch_loss(lambda f, x, y: f.kl_div(x.log_softmax(-1), y, reduction="batchmean")),
            torch_loss(lambda f, x, y: f.kl_div(x.log_softmax(-1), y)),
            "times 3",
        ),
    ),
    of(
        "CosineSimilarity",
        "the similarity, or one minus it",
        "real",
        (keras_formula(cosine), keras_formula(lambda ops, y, x: 1 + cosine(ops, y, x)), "plus 1"),
        (
            torch_loss(lambda f, x, y: -f.cosine_similarity(x, y).mean()),
            torch_loss(lambda f, x, y: 1 - f.cosine_similarity(x, y).mean()),
            "plus -1",
        ),
    ),
    of(
        "Triplet",
        "distances, or their squares",
        "none",
        (keras_triplet(False), keras_triplet(True), "squared"),
        (
            torch_loss(lambda f, x, y: f.triplet_margin_loss(x[:, 0], x[:, 1], x[:, 2])),
            torch_loss(lambda f, x, y: f.triplet_margin_loss(x[:, 0], x[:, 1], x[:, 2], margin=0.2)),
            "margin=1",
        ),
        of_steps(3, 4, 5),
    ),
    of(
        "CTC",
        "a mean by the length of each target",
        "sequences",
        (keras_ctc(False), keras_ctc(True), "length"),
        (torch_ctc("none"), torch_ctc("mean"), "length"),
        of_steps(6, 4, 5),
    ),
    of(
        "weights of examples",
        "a mean over weights, or over rows",
        "real",
        (
            keras_squares,
            keras_loss("MeanSquaredError", reduction="mean_with_sample_weight"),
            "sum of the batch's weights",
        ),
        (torch_weighed_squares, torch_normed_squares, "sum of the batch's weights"),
        weights="examples",
    ),
    of(
        "masks",
        "padded steps that count",
        "classes",
        (CE, keras_loss("SparseCategoricalCrossentropy", from_logits=True, reduction="sum"), "sums"),
        (torch_masked(False), torch_masked(True), "the number of real steps, torch by the number of all targets"),
        tagger,
        mask="input",
    ),
)
