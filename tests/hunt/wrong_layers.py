"""Wrong pairs that ordinary inputs show: the controls of the hunt."""

from collections.abc import Mapping
from typing import Any

from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import Body, Site, Step, around, conv, dense, mean_of_image, tanh
from tests.hunt.wrong_values import biased_norm
from tests.support.families import Draw
from twotrack import Input


@WRONG.add("ordinary", "batch normalisation with another epsilon, momentum or variance")
def batch_norm(draw: Draw) -> Case:
    which = draw.one_of("which", "epsilon", "momentum", "variance")
    momentum = {"momentum": draw.one_of("momentum", 0.99, 0.95)}.get(which, 0.9)
    epsilon = {"epsilon": draw.one_of("epsilon", 1e-3, 1e-4)}.get(which, 1e-5)

    def torch_side(t: Any, width: int) -> Any:
        return t.nn.BatchNorm1d(width) if which == "variance" else biased_norm(t, width, 1e-5)

    def middle(site: Site) -> list[Step]:
        return [
            Step(
                "norm",
                lambda k, n: k.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=n),
                lambda t: torch_side(t, site.width),
            )
        ]

    body = around(draw, middle, kinds=("dense",))
    return body.case(draw, Reveal(by="outputs" if which == "epsilon" else "after", steps=2))


@WRONG.add("ordinary", "padding of a pooling layer that counts, or does not")
def pool_padding(draw: Draw) -> Case:
    kind = draw.one_of("kind", "average", "maximum")
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5)
    keras_side: Mapping[str, Any] = {
        "average": lambda k, n: k.layers.AveragePooling2D(3, 1, padding="same", name=n),
        "maximum": lambda k, n: lambda x: k.layers.MaxPooling2D(3, 1, name=n)(k.layers.ZeroPadding2D(1, name="pad")(x)),
    }
    torch_side: Mapping[str, Any] = {
        "average": lambda t: t.nn.AvgPool2d(3, 1, padding=1),
        "maximum": lambda t: t.nn.MaxPool2d(3, 1, padding=1),
    }
    pool = Step("pool", keras_side[kind], torch_side[kind])
    steps = [conv("first", features, hidden), pool, mean_of_image(), dense("last", hidden, 3)]
    return Body({"input": Input((5, 4, features))}, steps).case(draw, Reveal())


@WRONG.add("ordinary", "a convolution with another padding, stride or dilation")
def convolution(draw: Draw) -> Case:
    which = draw.one_of("which", "reflect", "replicate", "circular", "even")
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5)

    def torch_side(t: Any) -> Any:
        if which == "even":
            return t.nn.Conv2d(features, hidden, 3, stride=2, padding=1)
        return t.nn.Conv2d(features, hidden, 3, padding=1, padding_mode=which)

    def keras_side(k: Any, n: str) -> Any:
        return k.layers.Conv2D(hidden, 3, strides=2 if which == "even" else 1, padding="same", name=n)

    steps = [Step("first", keras_side, torch_side), tanh(), mean_of_image(), dense("last", hidden, 3)]
    return Body({"input": Input((6, 4, features))}, steps).case(draw, Reveal())


@WRONG.add("ordinary", "positions or features in another order")
def order(draw: Draw) -> Case:
    which, features = draw.one_of("which", "flatten", "reversed", "rolled"), draw.whole("features", 2, 4)
    time, outputs = draw.whole("time", 3, 5), draw.whole("outputs", 2, 4)
    made: Mapping[str, Any] = {
        "flatten": lambda t: lambda x: x.transpose(1, 2).flatten(1),
        "reversed": lambda t: lambda x: x.flip(1).flatten(1),
        "rolled": lambda t: lambda x: x.roll(1, 1).flatten(1),
    }
    steps = [
        dense("first", features, features), tanh(), Step("flatten", lambda k, n: k.layers.Flatten(name=n), made[which]),
        dense("last", time * features, outputs),
    ]  # fmt: skip
    return Body({"input": Input((time, features))}, steps).case(draw, Reveal())


@WRONG.add("relative size", "a part of the model that ordinary weights make very small, on one side")
def faint_branch(draw: Draw) -> Case:
    power, scale = draw.one_of("power", 3, 5), draw.real("scale", 3e-17, 1e-16)
    step = Step("faint", lambda k, n: lambda x: x, lambda t: lambda x: x + scale * x**power)
    body = around(draw, lambda site: [step])
    return body.case(draw, Reveal(scale=3e3, least=1e-10))


@WRONG.add("two uses", "a layer used twice on one side, where the other has it once")
def used_twice(draw: Draw) -> Case:
    share = draw.real("share", 0.1, 1)
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 3, 6), draw.whole("outputs", 2, 4)

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.Dense(hidden, activation="tanh", name=n)
        return lambda x: layer(layer(x) * share)

    def torch_side(t: Any) -> Any:
        class Once(t.nn.Linear):
            def forward(self, x: Any) -> Any:
                return (super().forward(x) * share).tanh()

        return Once(hidden, hidden)

    steps = [dense("first", features, hidden), Step("twice", keras_side, torch_side), dense("last", hidden, outputs)]
    return Body({"input": Input((features,))}, steps).case(draw, Reveal())
