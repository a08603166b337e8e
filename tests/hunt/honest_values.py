"""Honest pairs: one function of values, or one normalisation, written in two ways."""

from collections.abc import Mapping
from typing import Any

from tests.hunt import forms
from tests.hunt.family import HONEST, Case, Reveal
from tests.hunt.network import (
    Body,
    ByMode,
    Forms,
    Site,
    Step,
    agree,
    around,
    conv,
    dense,
    differ,
    keras_layer,
    mean_of_image,
    tanh,
)
from tests.hunt.wrong_values import biased_norm
from tests.support.families import Draw
from twotrack import Input


def elementwise(draw: Draw, same: Forms, scale: float = 20, **rest: Any) -> Case:
    """Return a network with one function in two forms."""
    body = around(draw, lambda site: [agree(draw, same)], **rest)
    return body.case(draw, Reveal(scale=scale))


@HONEST.add("same function", "ReLU6 as layer, function, clip or hardtanh")
def relu6_forms(draw: Draw) -> Case:
    return elementwise(draw, forms.RELU6)


@HONEST.add("same function", "a bounded ReLU in different forms")
def bounded_relu_forms(draw: Draw) -> Case:
    bound = draw.real("bound", 0.5, 300)
    return elementwise(draw, forms.capped_relu(bound), 3 * bound)


@HONEST.add("same function", "values clipped on both sides, in different forms")
def clip_forms(draw: Draw) -> Case:
    low, high = -draw.real("low", 0.3, 300), draw.real("high", 0.3, 300)
    return elementwise(draw, forms.clip(low, high), 3 * high)


@HONEST.add("same function", "a threshold in different forms")
def threshold_forms(draw: Draw) -> Case:
    low = -draw.real("low", 0.3, 30)
    return elementwise(draw, forms.threshold(low, draw.one_of("value", 0.0, -1.0)), 60)


@HONEST.add("same function", "a leaky ReLU as layer, function or maximum")
def leaky_forms(draw: Draw) -> Case:
    return elementwise(draw, forms.leaky(draw.real("slope", 0.01, 0.5)))


@HONEST.add("same function", "a slope that changes twice, as where or as a sum")
def bent_forms(draw: Draw) -> Case:
    return elementwise(draw, forms.bent(0.2, draw.real("other", 0.3, 0.9), draw.real("at", 0.5, 50)), 100)


@HONEST.add("same function", "ELU as layer or function")
def elu_forms(draw: Draw) -> Case:
    return elementwise(draw, forms.elu(draw.real("alpha", 0.3, 2)))


@HONEST.add("same function", "hard sigmoid and hard swish in their forms")
def hard_sigmoid_forms(draw: Draw) -> Case:
    hard = Forms(
        {
            "layer": lambda k, n: k.layers.Activation("hard_sigmoid", name=n),
            "relu6": lambda k, n: lambda x: k.ops.relu6(x + 3.0) / 6.0,
            "clip": lambda k, n: lambda x: k.ops.clip(x / 6.0 + 0.5, 0.0, 1.0),
        },
        {
            "module": lambda t: t.nn.Hardsigmoid(),
            "relu6": lambda t: lambda x: t.nn.functional.relu6(x + 3) / 6,
            "clamp": lambda t: lambda x: (x / 6 + 0.5).clamp(0, 1),
        },
    )
    swish = Forms(
        {
            "layer": lambda k, n: k.layers.Activation("hard_silu", name=n),
            "ops": lambda k, n: lambda x: x * k.ops.hard_sigmoid(x),
        },
        {"module": lambda t: t.nn.Hardswish(), "relu6": lambda t: lambda x: x * t.nn.functional.relu6(x + 3) / 6},
    )
    return elementwise(draw, {"sigmoid": hard, "swish": swish}[draw.one_of("function", "sigmoid", "swish")])


@HONEST.add("same function", "a smooth activation, as layer, function or formula")
def smooth_forms(draw: Draw) -> Case:
    gelu = Forms(
        {
            "layer": lambda k, n: k.layers.Activation("gelu", name=n),
            "ops": lambda k, n: lambda x: k.ops.gelu(x, approximate=False),
        },
        {"module": lambda t: t.nn.GELU(), "functional": lambda t: t.nn.functional.gelu},
    )
    gelu_tanh = Forms(
        {"ops": lambda k, n: lambda x: k.ops.gelu(x, approximate=True)},
        {
            "module": lambda t: t.nn.GELU("tanh"),
            "formula": lambda t: lambda x: 0.5 * x * (1 + t.tanh((2 / t.pi) ** 0.5 * (x + 0.044715 * x**3))),
        },
    )
    silu = Forms(
        {
            "layer": lambda k, n: k.layers.Activation("swish", name=n),
            "formula": lambda k, n: lambda x: x * k.ops.sigmoid(x),
        },
        {"module": lambda t: t.nn.SiLU(), "formula": lambda t: lambda x: x * t.sigmoid(x)},
    )
    mish = Forms(
        {"formula": lambda k, n: lambda x: x * k.ops.tanh(k.ops.log1p(k.ops.exp(-k.ops.abs(x))) + k.ops.relu(x))},
        {"formula": lambda t: lambda x: x * t.tanh(t.log1p(t.exp(-x.abs())) + t.relu(x))},
    )
    chosen = {"gelu": gelu, "gelu_tanh": gelu_tanh, "silu": silu, "mish": mish, "sigmoid": forms.SIGMOID}
    return elementwise(draw, chosen[draw.one_of("function", *chosen)], 5)


@HONEST.add("same function", "softmax over features, log-softmax and their formulas")
def softmax_forms(draw: Draw) -> Case:
    plain = Forms(
        {
            "layer": lambda k, n: k.layers.Softmax(name=n),
            "formula": lambda k, n: lambda x: k.ops.exp(x - k.ops.logsumexp(x, -1, keepdims=True)),
        },
        {
            "module": lambda t: t.nn.Softmax(-1),
            "formula": lambda t: lambda x: t.exp(x - t.logsumexp(x, -1, keepdim=True)),
        },
    )
    log = Forms({"ops": lambda k, n: lambda x: k.ops.log_softmax(x, -1)}, {"module": lambda t: t.nn.LogSoftmax(-1)})
    chosen = {"softmax": plain, "log": log}[draw.one_of("function", "softmax", "log")]
    return elementwise(draw, chosen, 5, kinds=("dense", "sequence"))


@HONEST.add("same function", "a gate: features that multiply others, by halves or by two layers")
def gated(draw: Draw) -> Case:
    features, width = draw.whole("features", 2, 5), draw.whole("width", 2, 5)
    order = draw.one_of("order", "value first", "gate first")

    def keras_side(k: Any, n: str) -> Any:
        def call(x: Any) -> Any:
            value, gate = (
                k.layers.Dense(width, name="value")(x),
                k.layers.Dense(width, activation="sigmoid", name="gate")(x),
            )
            return k.layers.Multiply(name=n)([value, gate] if order == "value first" else [gate, value])

        return call

    def torch_side(t: Any) -> Any:
        class Gated(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.value, self.gate = t.nn.Linear(features, width), t.nn.Linear(features, width)

            def forward(self, x: Any) -> Any:
                return self.value(x) * self.gate(x).sigmoid()

        return Gated()

    steps = [Step("gated", keras_side, torch_side), dense("last", width, 3)]
    sizes = draw.one_of("sizes", (), (4,))
    return Body({"input": Input((*sizes, features))}, steps).case(
        draw, rename={"gated.value": "value", "gated.gate": "gate"}
    )


@HONEST.add("same function", "GLU of halves, as split, chunk or slices")
def glu(draw: Draw) -> Case:
    width, features = draw.whole("width", 2, 4), draw.whole("features", 2, 5)
    keras_side: Mapping[str, Any] = {
        "split": lambda k, n: lambda x: k.ops.split(x, 2, -1)[0] * k.ops.sigmoid(k.ops.split(x, 2, -1)[1]),
        "slices": lambda k, n: lambda x: x[..., :width] * k.ops.sigmoid(x[..., width:]),
    }
    torch_side: Mapping[str, Any] = {
        "module": lambda t: t.nn.GLU(-1),
        "chunk": lambda t: lambda x: x.chunk(2, -1)[0] * x.chunk(2, -1)[1].sigmoid(),
        "slices": lambda t: lambda x: x[..., :width] * x[..., width:].sigmoid(),
    }
    step = Step("glu", keras_side[draw.one_of("keras", *keras_side)], torch_side[draw.one_of("torch", *torch_side)])
    sizes = draw.one_of("sizes", (), (4,))
    steps = [dense("first", features, 2 * width), step, dense("last", width, 3)]
    return Body({"input": Input((*sizes, features))}, steps).case(draw)


@HONEST.add("normalisation", "layer, group or root-mean-square normalisation with equal settings")
def normalisation(draw: Draw) -> Case:
    epsilon, kind = draw.real("epsilon", 1e-8, 1e-2), draw.one_of("norm", "layer", "group", "rms", "formula")

    def rms(t: Any, width: int) -> Any:
        class RMS(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.scale = t.nn.Parameter(t.ones(width))

            def forward(self, x: Any) -> Any:
                return x * t.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * self.scale

        return RMS()

    def keras_formula(k: Any, x: Any) -> Any:
        centred = x - k.ops.mean(x, -1, keepdims=True)
        return centred / k.ops.sqrt(k.ops.mean(centred * centred, -1, keepdims=True) + epsilon)

    keras_side: Mapping[str, Any] = {
        "layer": lambda k, n: k.layers.LayerNormalization(epsilon=epsilon, name=n),
        "group": lambda k, n: k.layers.GroupNormalization(groups=1, epsilon=epsilon, name=n),
        "rms": lambda k, n: k.layers.RMSNormalization(epsilon=epsilon, name=n),
        "formula": lambda k, n: lambda x: keras_formula(k, x),
    }
    torch_side: Mapping[str, Any] = {
        "layer": lambda t, width: t.nn.LayerNorm(width, epsilon),
        "group": lambda t, width: t.nn.GroupNorm(1, width, epsilon),
        "rms": rms,
        "formula": lambda t, width: t.nn.LayerNorm(width, epsilon, elementwise_affine=False),
    }

    def middle(site: Site) -> list[Step]:
        return [Step("norm", keras_side[kind], lambda t: torch_side[kind](t, site.width))]

    kinds = ("dense",) if kind == "group" else ("dense", "sequence")
    return around(draw, middle, kinds=kinds).case(draw, Reveal(scale=3))


@HONEST.add("normalisation", "batch normalisation with aligned settings")
def aligned_batch_norm(draw: Draw) -> Case:
    epsilon, momentum = draw.real("epsilon", 1e-8, 1e-2), draw.one_of("momentum", 0.9, 0.99, 0.5)
    place = draw.one_of("norm", "features", "channels")
    features, hidden, outputs = draw.whole("features", 2, 5), draw.whole("hidden", 2, 6), draw.whole("outputs", 2, 4)

    def keras_side(k: Any, n: str) -> Any:
        return k.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=n)

    def torch_image(t: Any) -> Any:
        norm = biased_norm(t, hidden, epsilon, 1 - momentum)
        norm._check_input_dim = lambda x: None
        return norm

    if place == "features":
        norm = Step("norm", keras_side, lambda t: biased_norm(t, hidden, epsilon, 1 - momentum))
        steps, shape = [dense("first", features, hidden), norm, tanh(), dense("last", hidden, outputs)], (features,)
    else:
        norm = Step("norm", keras_side, torch_image)
        steps = [conv("first", features, hidden), norm, tanh(), mean_of_image(), dense("last", hidden, outputs)]
        shape = (5, 4, features)
    return Body({"input": Input(shape)}, steps).case(draw, Reveal(by="after", steps=5))


@HONEST.add("normalisation", "batch normalisation without scale or shift, or frozen on both sides")
def plain_batch_norm(draw: Draw) -> Case:
    kind = draw.one_of("kind", "plain", "frozen")

    def keras_side(k: Any, n: str) -> Any:
        own = {"scale": False, "center": False} if kind == "plain" else {"trainable": False}
        return k.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=n, **own)

    def torch_side(t: Any, width: int) -> Any:
        norm = biased_norm(t, width, 1e-5)
        if kind == "plain":
            norm.weight = norm.bias = None
            norm.affine = False
            return norm

        class Frozen(type(norm)):
            def train(self, mode: bool = True) -> Any:
                return super().train(False)

        norm.__class__ = Frozen
        return norm.requires_grad_(False).eval()

    def middle(site: Site) -> list[Step]:
        return [Step("norm", keras_side, lambda t: torch_side(t, site.width))]

    return around(draw, middle, kinds=("dense",)).case(draw, Reveal(by="after", steps=3))


@HONEST.add("precision", "both sides go through the same narrower type")
def same_rounding(draw: Draw) -> Case:
    """The rounding of x/8 and so on is exact: what both sides round is one number."""
    largest = draw.real("largest", 2, 300)
    rounded = Forms(
        {"ops": lambda k, n: lambda x: k.ops.round(k.ops.clip(x, -largest, largest) * 16) / 16},
        {"function": lambda t: lambda x: t.round(x.clamp(-largest, largest) * 16) / 16},
    )
    return elementwise(draw, rounded, 3 * largest, places=("input",))


@HONEST.add("saturated", "a branch that no input can reach, on one side")
def unreachable(draw: Draw) -> Case:
    """Clipping behind a function whose values lie within the bounds changes nothing."""
    bound = draw.real("bound", 1.0, 50)
    inner, clipped = draw.one_of(
        "function", ("tanh", (-bound, bound)), ("sigmoid", (0.0, bound)), ("relu", (0.0, 1e30))
    )
    plain = {"tanh": forms.TANH, "sigmoid": forms.SIGMOID, "relu": forms.RELU}[inner]
    both = forms.then(plain, forms.clip(*clipped))
    if draw.one_of("odd_side", "keras", "torch") == "keras":
        same = Forms(both.keras, plain.torch)
    else:
        same = Forms(plain.keras, both.torch)
    return elementwise(draw, same, 50)


@HONEST.add("saturated", "zeros padded before max pooling of values that are never negative")
def padded_pool(draw: Draw) -> Case:
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5)
    size = draw.one_of("size", 2, 3)
    positive = draw.one_of("positive", "relu", "sigmoid")

    def keras_side(k: Any, n: str) -> Any:
        return lambda x: k.layers.MaxPooling2D(size, 2, name=n)(k.layers.ZeroPadding2D(1, name="pad")(x))

    activation = agree(draw, {"relu": forms.RELU, "sigmoid": forms.SIGMOID}[positive], "positive")
    pool = Step("pool", keras_side, lambda t: t.nn.MaxPool2d(size, 2, padding=1))
    steps = [conv("first", features, hidden), activation, pool, mean_of_image(), dense("last", hidden, 3)]
    return Body({"input": Input((6, 4, features))}, steps).case(draw, Reveal(scale=10))


@HONEST.add("same branch", "a branch by batch size or by mode that both sides have")
def same_branch(draw: Draw) -> Case:
    factor, which = draw.real("factor", 1.1, 3), draw.one_of("branch", "training", "batch", "odd")

    def holds(size: Any) -> Any:
        return size == 1 if which == "batch" else size % 2 == 1

    def keras_side(k: Any, n: str) -> Any:
        def call(x: Any, training: bool) -> Any:
            if which == "training":
                return x * factor if training else x
            one = k.ops.cast(1.0, x.dtype)
            return x * k.ops.where(holds(k.ops.shape(x)[0]), k.ops.cast(factor, x.dtype), one)

        return keras_layer(k, n, call)

    def torch_side(t: Any) -> Any:
        def call(x: Any, mode: bool) -> Any:
            return x * factor if (mode if which == "training" else holds(len(x))) else x

        return ByMode(call)

    body = around(draw, lambda site: [Step("branch", keras_side, torch_side)])
    return body.case(draw, Reveal(batch_size=draw.one_of("batch", 1, 2, 3)))


@HONEST.add("precision", "a value goes through a narrower type on one side, which the proof widens and tells")
def narrow_type(draw: Draw) -> Case:
    dtype = draw.one_of("dtype", "float32", "float16", "bfloat16")
    rounded = Forms(
        {"layer": lambda k, n: keras_layer(k, n, lambda x, _: k.ops.cast(k.ops.cast(x, dtype), x.dtype))},
        {"function": lambda t: lambda x: x.to(getattr(t, dtype)).to(x.dtype)},
    )
    return around(draw, lambda site: [differ(draw, forms.LINEAR, rounded)]).case(draw, Reveal())
