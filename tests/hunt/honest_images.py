"""Honest pairs: one architecture written in two ways, on images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.hunt import forms
from tests.hunt.family import HONEST, Case
from tests.hunt.network import (
    Body,
    Step,
    agree,
    conv,
    dense,
    mean_of_image,
    mean_of_sequence,
    relu,
    tanh,
    training,
)
from tests.support.families import Draw
from twotrack import Input


def image(draw: Draw, steps: list[Step], features: int, last: int, sizes: tuple[int, int] = (6, 4)) -> Case:
    """Return the case of steps on an image of `features` channels that end with `last`, a mean and a dense layer."""
    ends = [mean_of_image(), dense("last", last, draw.whole("outputs", 2, 4))]
    return Body({"input": Input((*sizes, features))}, [*steps, *ends]).case(draw)


@HONEST.add("layer for layer", "padding as an argument, or as a layer in front")
def padding(draw: Draw) -> Case:
    features, hidden, size = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5), draw.one_of("size", 3, 5)
    stride = draw.one_of("stride", 1, 2)
    keras_side: Mapping[str, Any] = {
        "layer": lambda k, n: (
            lambda x: k.layers.Conv2D(hidden, size, stride, name=n)(k.layers.ZeroPadding2D(size // 2, name="pad")(x))
        ),
        "ops": lambda k, n: (
            lambda x: k.layers.Conv2D(hidden, size, stride, name=n)(
                k.ops.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)))
            )
        ),
    }
    step = Step(
        "first",
        keras_side[draw.one_of("keras", *keras_side)],
        lambda t: t.nn.Conv2d(features, hidden, size, stride, padding=size // 2),
    )
    return image(draw, [step, relu()], features, hidden)


@HONEST.add("layer for layer", "'same' padding with a stride, as torch has to write it")
def strided_same(draw: Draw) -> Case:
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5)

    def torch_side(t: Any) -> Any:
        class Same(t.nn.Conv2d):
            def forward(self, x: Any) -> Any:
                return super().forward(t.nn.functional.pad(x, (0, 1, 0, 1)))

        return Same(features, hidden, 3, stride=2)

    first = Step("first", lambda k, n: k.layers.Conv2D(hidden, 3, strides=2, padding="same", name=n), torch_side)
    return image(draw, [first, tanh()], features, hidden)


@HONEST.add("layer for layer", "a dense layer over channels as a convolution of one pixel")
def dense_as_convolution(draw: Draw) -> Case:
    features, hidden, width = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5), draw.whole("width", 2, 5)

    def keras_side(k: Any, n: str) -> Any:
        return k.layers.Dense(width, name=n)

    def torch_side(t: Any) -> Any:
        class Channels(t.nn.Linear):
            def forward(self, x: Any) -> Any:
                return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

        return Channels(hidden, width)

    return image(draw, [conv("first", features, hidden), tanh(), Step("mix", keras_side, torch_side)], features, width)


@HONEST.add("layer for layer", "a separable convolution as depthwise and pointwise ones")
def separable(draw: Draw) -> Case:
    features, width = draw.whole("features", 2, 4), draw.whole("width", 2, 5)
    multiplier = draw.one_of("multiplier", 1, 2)

    def keras_side(k: Any, n: str) -> Any:
        first = k.layers.DepthwiseConv2D(
            3, padding="same", depth_multiplier=multiplier, use_bias=False, name="depthwise"
        )
        second = k.layers.Conv2D(width, 1, name="pointwise")
        return lambda x: second(first(x))

    def torch_side(t: Any) -> Any:
        class Separable(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                inner = features * multiplier
                self.depthwise = t.nn.Conv2d(features, inner, 3, padding=1, groups=features, bias=False)
                self.pointwise = t.nn.Conv2d(inner, width, 1)

            def forward(self, x: Any) -> Any:
                return self.pointwise(self.depthwise(x))

        return Separable()

    case = image(draw, [Step("separable", keras_side, torch_side), tanh()], features, width)
    rename = {"separable.depthwise": "depthwise", "separable.pointwise": "pointwise"}
    return renamed(case, rename)


def renamed(case: Case, names: Mapping[str, str]) -> Case:
    """Return the case with torch's names mapped to Keras'."""
    return replace(case, pair=replace(case.pair, rename=dict(names)))


@HONEST.add("layout", "an image flattened by layer, view, reshape or a permutation in front of a dense layer")
def flattened_image(draw: Draw) -> Case:
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 4)
    written: Mapping[str, Any] = {
        "layer": lambda t: t.nn.Flatten(),
        "view": lambda t: lambda x: x.reshape(len(x), -1),
        "method": lambda t: lambda x: x.flatten(1),
        "reshape": lambda t: lambda x: t.reshape(x, (x.shape[0], x.shape[1] * x.shape[2] * x.shape[3])),
    }
    flatten = Step("flatten", lambda k, n: k.layers.Flatten(name=n), written[draw.one_of("torch", *written)])
    pool = Step("pool", lambda k, n: k.layers.MaxPooling2D(2, name=n), lambda t: t.nn.MaxPool2d(2))
    steps = [conv("first", features, hidden), relu(), pool, flatten, dense("last", 3 * 2 * hidden, 3)]
    case = Body({"input": Input((6, 4, features))}, steps).case(draw)
    return replace(case, flattened={"last": (3, 2, hidden)})


@HONEST.add("layout", "branches joined by channels, then pooled and flattened")
def joined_branches(draw: Draw) -> Case:
    features, one, two = draw.whole("features", 1, 3), draw.whole("one", 1, 4), draw.whole("two", 1, 4)
    order, end = draw.one_of("order", "one first", "two first"), draw.one_of("end", "flatten", "mean")

    def keras_side(k: Any, n: str) -> Any:
        def call(x: Any) -> Any:
            a = k.layers.Conv2D(one, 1, activation="relu", name="one")(x)
            b = k.layers.Conv2D(two, 3, padding="same", activation="relu", name="two")(x)
            joined = k.layers.Concatenate(name="join")([a, b] if order == "one first" else [b, a])
            pooled = k.layers.MaxPooling2D(2, name="pool")(joined)
            return k.layers.Flatten(name=n)(pooled) if end == "flatten" else k.ops.mean(pooled, (1, 2))

        return call

    def torch_side(t: Any) -> Any:
        class Branches(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.one, self.two = t.nn.Conv2d(features, one, 1), t.nn.Conv2d(features, two, 3, padding=1)
                self.pool = t.nn.MaxPool2d(2)

            def forward(self, x: Any) -> Any:
                a, b = self.one(x).relu(), self.two(x).relu()
                pooled = self.pool(t.cat([a, b] if order == "one first" else [b, a], 1))
                return pooled.flatten(1) if end == "flatten" else pooled.mean((2, 3))

        return Branches()

    width = (one + two) * (6 if end == "flatten" else 1)
    steps = [Step("branches", keras_side, torch_side), dense("last", width, 3)]
    pair = Body({"input": Input((6, 4, features))}, steps).pair(
        rename={"branches.one": "one", "branches.two": "two"}, **training(draw)
    )
    return Case(pair, flattened={"last": (3, 2, one + two)} if end == "flatten" else {})


@HONEST.add("layout", "channels weighed by a gate of one number each (squeeze and excitation)")
def squeeze_excitation(draw: Draw) -> Case:
    features, width = draw.whole("features", 1, 3), draw.whole("width", 2, 5)
    order, spread = draw.one_of("order", "gate first", "image first"), draw.one_of("spread", "view", "index")

    def keras_side(k: Any, n: str) -> Any:
        def call(x: Any) -> Any:
            image = k.layers.Conv2D(width, 3, padding="same", name="conv")(x)
            gate = k.layers.Dense(width, activation="sigmoid", name="excite")(
                k.layers.GlobalAveragePooling2D(name="squeeze")(image)
            )
            return k.layers.Multiply(name=n)([image, k.layers.Reshape((1, 1, width), name="spread")(gate)])

        return call

    def torch_side(t: Any) -> Any:
        class Gate(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.excite = t.nn.Conv2d(features, width, 3, padding=1), t.nn.Linear(width, width)

            def forward(self, x: Any) -> Any:
                x = self.conv(x)
                gate = self.excite(x.mean((2, 3))).sigmoid()
                gate = gate.view(len(x), width, 1, 1) if spread == "view" else gate[:, :, None, None]
                return gate * x if order == "gate first" else x * gate

        return Gate()

    pool = Step("pool", lambda k, n: k.layers.MaxPooling2D(2, name=n), lambda t: t.nn.MaxPool2d(2))
    flatten = Step("flatten", lambda k, n: k.layers.Flatten(name=n), lambda t: t.nn.Flatten())
    steps = [Step("gated", keras_side, torch_side), pool, flatten, dense("last", 6 * width, 3)]
    pair = Body({"input": Input((6, 4, features))}, steps).pair(
        rename={"gated.conv": "conv", "gated.excite": "excite"}, **training(draw)
    )
    return Case(pair, flattened={"last": (3, 2, width)})


@HONEST.add("layout", "Keras in channels_first, as torch has its images")
def channels_first(draw: Draw) -> Case:
    features, hidden, rank = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5), draw.one_of("rank", 2, 3)
    end, size = draw.one_of("end", "mean", "image"), 4

    def keras_conv(k: Any, n: str, filters: int) -> Any:
        kind = k.layers.Conv2D if rank == 2 else k.layers.Conv3D
        return kind(filters, 3, padding="same", data_format="channels_first", name=n)

    def torch_conv(t: Any, inputs: int, outputs: int) -> Any:
        return (t.nn.Conv2d if rank == 2 else t.nn.Conv3d)(inputs, outputs, 3, padding=1)

    def keras_mean_of(k: Any, n: str) -> Any:
        kind = k.layers.GlobalAveragePooling2D if rank == 2 else k.layers.GlobalAveragePooling3D
        return kind(data_format="channels_first", name=n)

    axes = tuple(range(2, 2 + rank))
    steps = [
        Step("first", lambda k, n: keras_conv(k, n, hidden), lambda t: torch_conv(t, features, hidden)), tanh(),
        Step("second", lambda k, n: keras_conv(k, n, 2), lambda t: torch_conv(t, hidden, 2)),
    ]  # fmt: skip
    if end == "mean":
        steps += [Step("mean", keras_mean_of, lambda t: lambda x: x.mean(axes)), dense("last", 2, 3)]
    given = Input((features, *(size,) * rank), torch_axes=tuple(range(rank + 2)))
    return Body({"input": given}, steps).case(draw)


@HONEST.add("layout", "a mean over positions, as layer, mean, sum or adaptive pooling")
def pooled_image(draw: Draw) -> Case:
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5)
    which = draw.one_of("pool", "mean", "max")
    keras_side: Mapping[str, Any] = {
        "mean": lambda k, n: k.layers.GlobalAveragePooling2D(name=n),
        "max": lambda k, n: k.layers.GlobalMaxPooling2D(name=n),
    }
    torch_forms: Mapping[str, Mapping[str, Any]] = {
        "mean": {
            "mean": lambda t: lambda x: x.mean((-1, -2)),
            "adaptive": lambda t: lambda x: t.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1),
            "sum": lambda t: lambda x: x.flatten(2).sum(-1) / 24,
            "einsum": lambda t: lambda x: t.einsum("bchw->bc", x) / 24,
        },
        "max": {
            "amax": lambda t: lambda x: x.amax((2, 3)),
            "adaptive": lambda t: lambda x: t.nn.functional.adaptive_max_pool2d(x, 1).squeeze(-1).squeeze(-1),
            "flat": lambda t: lambda x: x.flatten(2).max(-1).values,
        },
    }
    torch_side = torch_forms[which][draw.one_of("torch", *torch_forms[which])]
    steps = [
        conv("first", features, hidden),
        tanh(),
        Step("pool", keras_side[which], torch_side),
        dense("last", hidden, 3),
    ]
    return Body({"input": Input((6, 4, features))}, steps).case(draw)


@HONEST.add("layout", "an image as a row of patches or columns")
def image_as_sequence(draw: Draw) -> Case:
    features, width = draw.whole("features", 1, 3), draw.one_of("width", 2, 4)

    def keras_side(k: Any, n: str) -> Any:
        return k.layers.Reshape((6, width), name=n)

    patches = Step(
        "patches",
        lambda k, n: k.layers.Conv2D(width, 2, 2, name=n),
        lambda t: t.nn.Conv2d(features, width, 2, 2),
    )
    written: Mapping[str, Any] = {
        "flatten": lambda t: lambda x: x.flatten(2).transpose(1, 2),
        "permute": lambda t: lambda x: x.permute(0, 2, 3, 1).reshape(len(x), 6, width),
        "einsum": lambda t: lambda x: t.einsum("bcn->bnc", x.flatten(2)),
    }
    rows = Step("rows", keras_side, written[draw.one_of("torch", *written)])
    steps = [patches, rows, dense("mix", width, width), tanh(), mean_of_sequence(), dense("last", width, 3)]
    return Body({"input": Input((6, 4, features))}, steps).case(draw)


@HONEST.add("layout", "an image made larger by repeating its points")
def nearest(draw: Draw) -> Case:
    features, hidden, times = draw.whole("features", 1, 3), draw.whole("hidden", 2, 4), draw.one_of("times", 2, 3)
    written: Mapping[str, Any] = {
        "module": lambda t: t.nn.Upsample(scale_factor=times, mode="nearest"),
        "repeat": lambda t: lambda x: x.repeat_interleave(times, 2).repeat_interleave(times, 3),
        "functional": lambda t: lambda x: t.nn.functional.interpolate(x, scale_factor=times),
    }
    larger = Step("larger", lambda k, n: k.layers.UpSampling2D(times, name=n), written[draw.one_of("torch", *written)])
    steps = [conv("first", features, hidden), larger, conv("second", hidden, 2), tanh()]
    return image(draw, steps, features, 2, (3, 4))


@HONEST.add("layout", "an image made larger by interpolation")
def bilinear(draw: Draw) -> Case:
    features, hidden, times = draw.whole("features", 1, 3), draw.whole("hidden", 2, 4), draw.one_of("times", 2, 3)
    larger = Step(
        "larger",
        lambda k, n: k.layers.UpSampling2D(times, interpolation="bilinear", name=n),
        lambda t: t.nn.Upsample(scale_factor=times, mode="bilinear"),
    )
    return image(
        draw, [conv("first", features, hidden), larger, conv("second", hidden, 2), tanh()], features, 2, (3, 4)
    )


@HONEST.add("layer for layer", "a transposed convolution, or one with groups or dilation")
def convolutions(draw: Draw) -> Case:
    kind, hidden = draw.one_of("kind", "transposed", "groups", "dilation"), draw.one_of("hidden", 2, 4)
    keras_side: Mapping[str, Any] = {
        "transposed": lambda k, n: k.layers.Conv2DTranspose(hidden, 2, 2, name=n),
        "groups": lambda k, n: k.layers.Conv2D(hidden, 3, groups=2, padding="same", name=n),
        "dilation": lambda k, n: k.layers.Conv2D(hidden, 3, dilation_rate=2, padding="same", name=n),
    }
    torch_side: Mapping[str, Any] = {
        "transposed": lambda t: t.nn.ConvTranspose2d(4, hidden, 2, 2),
        "groups": lambda t: t.nn.Conv2d(4, hidden, 3, groups=2, padding=1),
        "dilation": lambda t: t.nn.Conv2d(4, hidden, 3, dilation=2, padding=2),
    }
    features = draw.whole("features", 1, 3)
    steps = [conv("first", features, 4), agree(draw, forms.RELU), Step("second", keras_side[kind], torch_side[kind])]
    return image(draw, steps, features, hidden)
