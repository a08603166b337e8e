"""Honest pairs by their names, tests.precision.honest:FAMILY_NUMBER: they compute in what they say, in their ways."""

from typing import Any

import numpy as np

from tests.hunt.network import Body, Step, conv, dense, mean_of_image, mean_of_sequence
from tests.hunt.wrong_random import recurrent
from tests.hunt.wrong_sequences import embedding
from tests.precision.families import HONEST, Case, function, judged, network, size
from tests.support.families import Draw
from twotrack import BinaryCrossEntropy, CrossEntropy, Huber, Input, SquaredError

FAMILIES = HONEST


def __getattr__(name: str) -> Any:
    return HONEST.pair(name)


ACTIVATIONS = {
    "relu": ("relu", lambda t: t.nn.ReLU()),
    "tanh": ("tanh", lambda t: t.nn.Tanh()),
    "gelu": ("gelu", lambda t: t.nn.GELU()),
    "sigmoid": ("sigmoid", lambda t: t.nn.Sigmoid()),
    "softplus": ("softplus", lambda t: t.nn.Softplus()),
    "elu": ("elu", lambda t: t.nn.ELU()),
    "silu": ("silu", lambda t: t.nn.SiLU()),
    "softsign": ("softsign", lambda t: t.nn.Softsign()),
    "linear": ("linear", lambda t: t.nn.Identity()),
}


def activation(draw: Draw, number: str = "") -> Step:
    """Return a drawn activation."""
    own, module = ACTIVATIONS[draw.one_of(f"activation{number}", *ACTIVATIONS)]
    return Step(f"activation{number}", lambda k, n: k.layers.Activation(own, name=n), module)


def conditioned(draw: Draw, width: int) -> Step:
    """Return factors from 1 down to a drawn one: between two layers they are singular values of what both do."""
    factors = np.logspace(0, -np.log10(draw.real("condition", 1, 1e6)), width)

    def keras_side(k: Any, n: str) -> Any:
        return lambda x: x * k.ops.convert_to_tensor(factors, dtype=x.dtype)

    return Step("conditioned", keras_side, lambda t: lambda x: x * t.tensor(factors, dtype=x.dtype))


@HONEST.add("deep", "dense layers, up to eight of them, up to 512 wide, with singular values down to 1e-6")
def deep(draw: Draw) -> Case:
    width, depth, act = size(draw, "width", 4, 512), draw.whole("depth", 1, 8), activation(draw)
    hidden = [
        step
        for number in range(depth)
        for step in (dense(f"dense{number}", width, width), act._replace(name=f"activation{number}"))
    ]
    place = draw.whole("place", 0, depth)
    middle = [*hidden[: 2 * place], conditioned(draw, width), *hidden[2 * place :]]
    return judged(network(draw, middle, width), batch_size=size(draw, "batch", 2, 64))


@HONEST.add("deep", "dense layers, each beside a way past it")
def residual(draw: Draw) -> Case:
    width, depth, name = size(draw, "width", 4, 128), draw.whole("depth", 1, 6), draw.one_of("bend", "relu", "tanh")

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.Dense(width, activation=name, name=n)
        return lambda x: x + layer(x)

    def torch_side(t: Any) -> Any:
        class Beside(t.nn.Linear):
            def forward(self, x: Any) -> Any:
                return x + getattr(t, name)(super().forward(x))

        return Beside(width, width)

    middle = [Step(f"block{number}", keras_side, torch_side) for number in range(depth)]
    return judged(network(draw, middle, width), batch_size=size(draw, "batch", 2, 64))


REDUCTIONS = {
    "sum": (lambda o, x: o.sum(x, -1), lambda t, x: x.sum(-1)),
    "mean": (lambda o, x: o.mean(x, -1), lambda t, x: x.mean(-1)),
    "mean of squares": (lambda o, x: o.mean(o.square(x), -1), lambda t, x: x.square().mean(-1)),
    "variance": (lambda o, x: o.var(x, -1), lambda t, x: x.var(-1, correction=0)),
    "largest": (lambda o, x: o.max(x, -1), lambda t, x: x.amax(-1)),
    "logsumexp": (lambda o, x: o.logsumexp(x, -1), lambda t, x: x.logsumexp(-1)),
    "softmax": (lambda o, x: o.sum(o.softmax(x, -1) * x, -1), lambda t, x: (x.softmax(-1) * x).sum(-1)),
}


@HONEST.add("reduction", "up to 100,000 numbers brought to one")
def reduction(draw: Draw) -> Case:
    terms, offset = size(draw, "terms", 100, 100_000), draw.one_of("offset", 0.0, 1.0, 10.0)
    own, theirs = REDUCTIONS[draw.one_of("kind", *REDUCTIONS)]
    reduced = Step("reduced", lambda k, n: lambda x: own(k.ops, x + offset), lambda t: lambda x: theirs(t, x + offset))
    column = Step("column", lambda k, n: lambda x: x[:, None], lambda t: lambda x: x[:, None])
    return judged(Body({"input": Input((terms,))}, [reduced, column, dense("last", 1, 2)]), batch_size=4)


@HONEST.add("reduction", "a dense layer on up to 100,000 numbers")
def long_product(draw: Draw) -> Case:
    terms, outputs = size(draw, "terms", 100, 100_000), draw.whole("outputs", 1, 4)
    return judged(Body({"input": Input((terms,))}, [dense("last", terms, outputs)]), batch_size=4)


@HONEST.add("reduction", "a dense layer on many rows, whose gradients are sums over them")
def many_rows(draw: Draw) -> Case:
    rows, width = size(draw, "rows", 8, 2000), size(draw, "width", 2, 16)
    return judged(network(draw, [activation(draw)], width, rows), batch_size=8)


def norms(width: int, groups: int, epsilon: float) -> dict[str, Step]:
    """Return normalisations of (..., width)."""
    return {
        "layer": Step(
            "norm",
            lambda k, n: k.layers.LayerNormalization(epsilon=epsilon, name=n),
            lambda t: t.nn.LayerNorm(width, eps=epsilon),
        ),
        "rms": Step(
            "norm",
            lambda k, n: k.layers.RMSNormalization(epsilon=epsilon, name=n),
            lambda t: t.nn.RMSNorm(width, eps=epsilon),
        ),
        "group": Step(
            "norm",
            lambda k, n: k.layers.GroupNormalization(groups, epsilon=epsilon, name=n),
            lambda t: t.nn.GroupNorm(groups, width, eps=epsilon),
        ),
        "batch": Step(
            "norm",
            lambda k, n: k.layers.BatchNormalization(momentum=0.9, epsilon=epsilon, name=n),
            lambda t: t.nn.BatchNorm1d(width, momentum=0.1, eps=epsilon),
        ),
    }


@HONEST.add("normalisation", "a normalisation of numbers around up to 30")
def normalised(draw: Draw) -> Case:
    groups = draw.one_of("groups", 1, 2, 4)
    width, offset = groups * size(draw, "width", 2, 64), draw.one_of("offset", 0.0, 1.0, 30.0)
    kinds = norms(width, groups, draw.real("epsilon", 1e-6, 1e-3))
    moved = Step("moved", lambda k, n: lambda x: x + offset, lambda t: lambda x: x + offset)
    middle = [moved, kinds[draw.one_of("norm", *kinds)], activation(draw)]
    return judged(network(draw, middle, width), batch_size=size(draw, "batch", 8, 64))


@HONEST.add("attention", "a sequence attends to itself, sharply or not, by products or by one function")
def attention(draw: Draw) -> Case:
    time, width, sharp = size(draw, "time", 4, 96), size(draw, "width", 4, 64), draw.real("sharpness", 0.1, 8)
    by = draw.one_of("torch", "products", "function")

    def keras_side(k: Any, n: str) -> Any:
        def call(x: Any) -> Any:
            scores = k.ops.matmul(x, k.ops.transpose(x, (0, 2, 1))) * (sharp / width**0.5)
            return k.ops.matmul(k.ops.softmax(scores, -1), x)

        return call

    def torch_side(t: Any) -> Any:
        def call(x: Any) -> Any:
            if by == "function":
                return t.nn.functional.scaled_dot_product_attention(x, x, x, scale=sharp / width**0.5)
            return (x @ x.mT * (sharp / width**0.5)).softmax(-1) @ x

        return call

    return judged(network(draw, [Step("attend", keras_side, torch_side)], width, time), batch_size=4)


@HONEST.add("convolution", "convolutions, normalised or not, and pools")
def convolution(draw: Draw) -> Case:
    side, depth, wide = size(draw, "side", 6, 24), draw.whole("depth", 1, 3), size(draw, "filters", 2, 48)
    channels, extent = draw.whole("channels", 1, 4), draw.one_of("extent", 1, 3, 5)
    steps, given = [], channels
    for number in range(depth):
        steps += [conv(f"conv{number}", given, wide, extent)]
        steps += [image_norm(f"norm{number}", wide)] if draw.one_of(f"norm{number}", True, False) else []
        steps += [activation(draw, str(number))]
        given = wide
    if draw.one_of("pool", True, False):
        steps.append(Step("pool", lambda k, n: k.layers.MaxPooling2D(2, name=n), lambda t: t.nn.MaxPool2d(2)))
    steps += [mean_of_image(), dense("last", wide, 3)]
    return judged(Body({"input": Input((side, side, channels))}, steps), batch_size=size(draw, "batch", 2, 16))


def image_norm(name: str, width: int) -> Step:
    return Step(
        name,
        lambda k, n: k.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=n),
        lambda t: t.nn.BatchNorm2d(width, momentum=0.1, eps=1e-3),
    )


@HONEST.add("recurrence", "an LSTM, GRU or simple layer over up to 40 steps")
def recurrence(draw: Draw) -> Case:
    kind, time = draw.one_of("layer", "LSTM", "GRU", "SimpleRNN"), size(draw, "time", 2, 40)
    features, hidden = size(draw, "features", 2, 32), size(draw, "hidden", 2, 64)
    step = Step(
        "recurrent",
        lambda k, n: getattr(k.layers, kind)(hidden, return_sequences=True, name=n),
        lambda t: recurrent(t, {"SimpleRNN": "RNN"}.get(kind, kind), features, hidden),
    )
    steps = [step, mean_of_sequence(), dense("last", hidden, 2)]
    return judged(Body({"input": Input((time, features))}, steps), batch_size=8)


@HONEST.add("tokens", "rows of a table, some of them many times")
def tokens(draw: Draw) -> Case:
    vocabulary, time, width = size(draw, "vocabulary", 3, 2000), size(draw, "time", 2, 24), size(draw, "width", 2, 64)
    steps = [embedding(vocabulary, width), mean_of_sequence(), dense("last", width, 2)]
    return judged(Body({"input": Input((time,), kind="tokens", size=vocabulary)}, steps), batch_size=8)


@HONEST.add("loss", "a loss of small or large outputs")
def losses(draw: Draw) -> Case:
    classes, sharp = size(draw, "classes", 2, 500), draw.real("sharpness", 0.01, 30)
    loss = {
        "classes": CrossEntropy(),
        "binary": BinaryCrossEntropy(),
        "squares": SquaredError(),
        "huber": Huber(),
    }[draw.one_of("loss", "classes", "binary", "squares", "huber")]
    features = size(draw, "features", 2, 64)
    steps = [dense("last", features, classes), function("sharp", lambda _, x: x * sharp)]
    return judged(Body({"input": Input((features,))}, steps), loss=loss, batch_size=size(draw, "batch", 2, 64))


FUNCTIONS = {
    "difference": (lambda o, x: (x + 1000.0) - 1000.0, lambda t, x: (x + 1000.0) - 1000.0),
    "root": (lambda o, x: o.sqrt(o.square(x) + 1e-3), lambda t, x: (x.square() + 1e-3).sqrt()),
    "quotient": (lambda o, x: x / (o.abs(x) + 0.01), lambda t, x: x / (x.abs() + 0.01)),
    "logarithm": (lambda o, x: o.log(o.sigmoid(x)), lambda t, x: x.sigmoid().log()),
    "sine": (lambda o, x: o.sin(20.0 * x), lambda t, x: (20.0 * x).sin()),
    "power": (lambda o, x: o.exp(3.0 * o.tanh(x)), lambda t, x: (3.0 * x.tanh()).exp()),
}


@HONEST.add("function", "functions that lose digits, such as a difference of large numbers")
def lossy(draw: Draw) -> Case:
    own, theirs = FUNCTIONS[draw.one_of("function", *FUNCTIONS)]
    width = size(draw, "width", 2, 64)
    step = Step("lossy", lambda k, n: lambda x: own(k.ops, x), lambda t: lambda x: theirs(t, x))
    return judged(network(draw, [step], width), batch_size=size(draw, "batch", 2, 64))
