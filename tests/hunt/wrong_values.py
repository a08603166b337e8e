"""Wrong pairs that are equal on ordinary values: a bound, a slope, a tie or an epsilon that no drawn value meets."""

from dataclasses import replace

from tests.hunt import forms
from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import Forms, Site, Step, around, dense, differ
from tests.support.families import Draw


def elementwise(draw: Draw, one: Forms, other: Forms, reveal: Reveal, **rest: object) -> Case:
    """Return a network in which one side has `one` where the other has `other`."""
    body = around(draw, lambda site: [differ(draw, one, other)], **rest)
    return body.case(draw, far(draw, reveal))


def far(draw: Draw, reveal: Reveal) -> Reveal:
    """Let weights be as large as inputs where the difference stands at the output."""
    return replace(reveal, weight_scale=max(1.0, reveal.scale)) if draw.values["place"] == "output" else reveal


@WRONG.add("values", "ReLU against ReLU6")
def relu6(draw: Draw) -> Case:
    return elementwise(draw, forms.RELU, forms.RELU6, Reveal(scale=60), places=("input", "output"))


@WRONG.add("values", "ReLU against ReLU with an upper bound")
def relu_bound(draw: Draw) -> Case:
    bound = draw.real("bound", 6, 1000)
    return elementwise(draw, forms.RELU, forms.capped_relu(bound), Reveal(scale=20 * bound))


@WRONG.add("values", "nothing against values clipped on both sides")
def hardtanh(draw: Draw) -> Case:
    low, high = -draw.real("low", 6, 1000), draw.real("high", 6, 1000)
    return elementwise(draw, forms.LINEAR, forms.clip(low, high), Reveal(scale=20 * max(high, -low)))


@WRONG.add("values", "nothing against values clipped on one side")
def upper_bound(draw: Draw) -> Case:
    bound = draw.real("bound", 6, 1000)
    return elementwise(draw, forms.LINEAR, forms.below(bound), Reveal(scale=20 * bound))


@WRONG.add("values", "two different bounds, both far out")
def two_bounds(draw: Draw) -> Case:
    bound, times = draw.real("bound", 6, 300), draw.real("times", 1.01, 2)
    reveal = Reveal(scale=40 * bound)
    return elementwise(draw, forms.clip(-bound, bound), forms.clip(-bound, bound * times), reveal)


@WRONG.add("values", "a leaky slope that differs far below 0 only")
def leaky_bend(draw: Draw) -> Case:
    slope, other, at = draw.one_of("slope", 0.01, 0.1, 0.2), draw.real("other", 0.3, 0.9), draw.real("at", 6, 300)
    return elementwise(draw, forms.leaky(slope), forms.bent(slope, other, at), Reveal(scale=20 * at))


@WRONG.add("values", "values that fall to 0 far below 0")
def threshold(draw: Draw) -> Case:
    low = -draw.real("low", 6, 500)
    value = draw.one_of("value", 0.0, low)
    return elementwise(draw, forms.LINEAR, forms.threshold(low, value), Reveal(scale=20 * -low))


@WRONG.add("values", "ELU against ELU with a floor just above its own")
def elu_floor(draw: Draw) -> Case:
    alpha, at = draw.one_of("alpha", 0.5, 1.0, 1.7), draw.real("at", 7, 9)
    floor = alpha * (2.718281828**-at - 1)
    clipped = forms.then(forms.elu(alpha), Forms(
        {"maximum": lambda k, n: lambda x: k.ops.maximum(x, floor)}, {"clamp": lambda t: lambda x: x.clamp(min=floor)}
    ))  # fmt: skip
    return elementwise(draw, forms.elu(alpha), clipped, Reveal(scale=30, least=1e-12))


@WRONG.add("values", "a sigmoid against one clipped away from 0 and 1")
def sigmoid_clip(draw: Draw) -> Case:
    margin = draw.real("margin", 1e-7, 1e-5)
    clipped = forms.then(forms.SIGMOID, forms.clip(margin, 1 - margin))
    return elementwise(draw, forms.SIGMOID, clipped, Reveal(scale=200))


@WRONG.add("values", "tanh against ReLU, hidden by a sigmoid that is saturated for ordinary values")
def saturated(draw: Draw) -> Case:
    shift = draw.real("shift", 45, 300) * draw.one_of("sign", 1, -1)
    activation = differ(draw, forms.TANH, forms.RELU)
    gate = Step("gate", lambda k, n: lambda x: k.ops.sigmoid(x + shift), lambda t: lambda x: t.sigmoid(x + shift))
    width = draw.whole("middle", 3, 6)

    def middle(site: Site) -> list[Step]:
        return [activation, dense("narrow", site.width, width), gate, dense("wide", width, site.width)]

    body = around(draw, middle, kinds=("dense", "sequence"))
    return body.case(draw, Reveal(scale=100, weight_scale=1000))


@WRONG.add("values", "exact softplus against one that is linear above a threshold")
def softplus_threshold(draw: Draw) -> Case:
    at = draw.real("at", 8, 14)
    step = Step("softplus", lambda k, n: k.layers.Activation("softplus", name=n), lambda t: t.nn.Softplus(threshold=at))
    body = around(draw, lambda site: [step])
    return body.case(draw, Reveal(scale=2 * at, batch_size=4096, least=1e-11))


@WRONG.add("values", "exp against exp of a clipped value")
def exponential_clip(draw: Draw) -> Case:
    bound = draw.real("bound", 7, 60)
    clipped = forms.then(forms.below(bound), forms.EXPONENTIAL)
    return elementwise(draw, forms.EXPONENTIAL, clipped, Reveal(scale=bound), places=("output",))


@WRONG.add("values", "softmax against softmax of clipped scores")
def softmax_clip(draw: Draw) -> Case:
    bound = draw.real("bound", 8, 100)
    clipped = forms.then(forms.clip(-bound, bound), forms.SOFTMAX)
    return elementwise(draw, forms.SOFTMAX, clipped, Reveal(scale=50 * bound), kinds=("dense", "sequence"))


@WRONG.add("values", "nothing against a soft cap that bends very far out")
def soft_cap(draw: Draw) -> Case:
    cap = draw.real("cap", 2e7, 1e8)
    capped = Forms(
        {"ops": lambda k, n: lambda x: cap * k.ops.tanh(x / cap)},
        {"function": lambda t: lambda x: cap * t.tanh(x / cap)},
    )
    return elementwise(draw, forms.LINEAR, capped, Reveal(scale=1e6))


@WRONG.add("ties", "halves rounded to even against halves rounded up")
def round_ties(draw: Draw) -> Case:
    up = Forms(
        {"ops": lambda k, n: lambda x: x + k.ops.floor(x + 0.5)}, {"function": lambda t: lambda x: x + t.floor(x + 0.5)}
    )
    return elementwise(draw, forms.ROUND, up, Reveal(inputs={"input": 0.5}), places=("input",))


@WRONG.add("ties", "a step that is taken at 0 against one that is not")
def zero_included(draw: Draw) -> Case:
    weight = draw.real("weight", 0.1, 10)

    def forms_of(above):
        return Forms(
            {"where": lambda k, n: lambda x: x + k.ops.where(above(x), weight, 0.0)},
            {
                "where": lambda t: lambda x: x + t.where(above(x), weight, 0.0),
                "cast": lambda t: lambda x: x + weight * above(x),
            },
        )

    return elementwise(
        draw, forms_of(lambda x: x > 0), forms_of(lambda x: x >= 0), Reveal(inputs={"input": 0.0}), places=("input",)
    )


@WRONG.add("tiny values", "values near 0 set to 0 on one side")
def hard_shrink(draw: Draw) -> Case:
    width = draw.real("width", 1e-8, 1e-6)
    shrunk = Forms(
        {
            "ops": lambda k, n: lambda x: k.ops.hard_shrink(x, width),
            "where": lambda k, n: lambda x: k.ops.where(k.ops.abs(x) > width, x, 0.0),
        },
        {"module": lambda t: t.nn.Hardshrink(width), "where": lambda t: lambda x: t.where(x.abs() > width, x, 0.0)},
    )
    return elementwise(draw, forms.LINEAR, shrunk, Reveal(scale=width / 3), places=("input",))


@WRONG.add("tiny values", "the absolute value against the root of a square with a floor")
def root_floor(draw: Draw) -> Case:
    floor = draw.real("floor", 1e-8, 1e-5)
    plain = Forms({"ops": lambda k, n: k.ops.abs}, {"function": lambda t: t.abs})
    rooted = Forms(
        {"ops": lambda k, n: lambda x: k.ops.sqrt(k.ops.maximum(x * x, floor * floor))},
        {"function": lambda t: lambda x: t.sqrt((x * x).clamp(min=floor * floor))},
    )
    return elementwise(draw, plain, rooted, Reveal(scale=floor / 3), places=("input",))


@WRONG.add("tiny values", "a row divided by its length, or by a floor under it")
def norm_floor(draw: Draw) -> Case:
    floor = draw.real("floor", 1e-5, 1e-3)
    step = Step(
        "unit",
        lambda k, n: k.layers.UnitNormalization(name=n),
        lambda t: lambda x: t.nn.functional.normalize(x, dim=-1, eps=floor),
    )
    body = around(draw, lambda site: [step], kinds=("dense", "sequence"), places=("input",))
    return body.case(draw, Reveal(scale=floor / 10))


@WRONG.add("tiny values", "a normalisation with another epsilon, far below ordinary variances")
def norm_epsilon(draw: Draw) -> Case:
    small, times = draw.real("epsilon", 1e-16, 1e-15), draw.real("times", 10, 60)
    kind = draw.one_of("norm", "layer", "batch", "group")
    body = around(draw, lambda site: [_norm(kind, site, small, small * times)], kinds=("dense",), places=("input",))
    return body.case(draw, Reveal(scale=1e-8, by="outputs" if kind != "batch" else "training"))


def _norm(kind: str, site: Site, keras_epsilon: float, torch_epsilon: float) -> Step:
    width = site.width
    keras_side = {
        "layer": lambda k, n: k.layers.LayerNormalization(epsilon=keras_epsilon, name=n),
        "batch": lambda k, n: k.layers.BatchNormalization(epsilon=keras_epsilon, momentum=0.9, name=n),
        "group": lambda k, n: k.layers.GroupNormalization(groups=1, epsilon=keras_epsilon, name=n),
    }
    torch_side = {
        "layer": lambda t: t.nn.LayerNorm(width, torch_epsilon),
        "batch": lambda t: biased_norm(t, width, torch_epsilon),
        "group": lambda t: t.nn.GroupNorm(1, width, torch_epsilon),
    }
    return Step("norm", keras_side[kind], torch_side[kind])


def biased_norm(torch, width: int, epsilon: float, momentum: float = 0.1):
    """Return batch normalisation over (batch, features) whose running variance is Keras'."""
    from torch.nn import functional

    class BatchNorm1d(torch.nn.BatchNorm1d):
        def forward(self, x):
            if not self.training:
                return super().forward(x)
            axes = [axis for axis in range(x.ndim) if axis != 1]
            with torch.no_grad():
                self.running_mean.lerp_(x.mean(axes), self.momentum)
                self.running_var.lerp_(x.var(axes, unbiased=False), self.momentum)
            return functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)

    return BatchNorm1d(width, epsilon, momentum)


@WRONG.add("constants", "rows of one value only are treated apart on one side")
def constant_rows(draw: Draw) -> Case:
    factor = draw.real("factor", 1.1, 5)
    apart = Forms(
        {
            "ops": lambda k, n: (
                lambda x: k.ops.where(k.ops.max(x, -1, keepdims=True) > k.ops.min(x, -1, keepdims=True), x, factor * x)
            )
        },
        {"where": lambda t: lambda x: t.where(x.amax(-1, True) > x.amin(-1, True), x, factor * x)},
    )
    reveal = Reveal(inputs={"input": draw.one_of("value", 1.0, -2.0, 7.0)})
    return elementwise(draw, forms.LINEAR, apart, reveal, kinds=("dense", "sequence"), places=("input",))


@WRONG.add("constants", "rows of zeros give something on one side")
def zero_rows(draw: Draw) -> Case:
    value = draw.real("value", 0.1, 5)
    filled = Forms(
        {
            "ops": lambda k, n: (
                lambda x: x + value * k.ops.cast(k.ops.all(k.ops.equal(x, 0.0), -1, keepdims=True), x.dtype)
            )
        },
        {"where": lambda t: lambda x: x + value * (x == 0).all(-1, keepdim=True)},
    )
    return elementwise(
        draw, forms.LINEAR, filled, Reveal(inputs={"input": 0.0}), kinds=("dense", "sequence"), places=("input",)
    )


@WRONG.add("constants", "a row whose mean is far from 0 is shifted on one side")
def large_mean(draw: Draw) -> Case:
    bound = draw.real("bound", 5, 500)
    shifted = Forms(
        {"ops": lambda k, n: lambda x: x - k.ops.relu(k.ops.mean(x, -1, keepdims=True) - bound)},
        {"function": lambda t: lambda x: x - t.relu(x.mean(-1, keepdim=True) - bound)},
    )
    reveal = Reveal(offset=3 * bound)
    return elementwise(draw, forms.LINEAR, shifted, reveal, kinds=("dense", "sequence"), places=("input",))


@WRONG.add("constants", "a norm clipped far out on one side")
def row_norm_clip(draw: Draw) -> Case:
    bound = draw.real("bound", 12, 500)
    clipped = Forms(
        {"ops": lambda k, n: lambda x: x / k.ops.maximum(1.0, k.ops.sqrt(k.ops.sum(x * x, -1, keepdims=True)) / bound)},
        {"function": lambda t: lambda x: x / (x.norm(dim=-1, keepdim=True) / bound).clamp(min=1)},
    )
    reveal = Reveal(scale=20 * bound)
    return elementwise(draw, forms.LINEAR, clipped, reveal, kinds=("dense", "sequence"), places=("input",))


@WRONG.add("pooling", "zeros padded before max pooling, against nothing that counts; values are positive mostly")
def pool_zero_padding(draw: Draw) -> Case:
    lift = draw.real("lift", 1e-4, 8e-4)
    positive = Step(
        "positive",
        lambda k, n: lambda x: k.ops.softplus(x) - lift,
        lambda t: lambda x: t.nn.functional.softplus(x, threshold=50) - lift,
    )
    size = draw.one_of("size", 2, 3)

    def keras_pool(k, n):
        return lambda x: k.layers.MaxPooling2D(size, 2, name=n)(k.layers.ZeroPadding2D(1, name="pad")(x))

    pool = Step("pool", keras_pool, lambda t: t.nn.MaxPool2d(size, 2, padding=1))
    body = around(draw, lambda site: [positive, pool], kinds=("image",), places=("input", "hidden"))
    inputs = {"input": -30.0} if draw.values["place"] == "input" else {}
    return body.case(draw, Reveal(scale=100, inputs=inputs))


@WRONG.add("precision", "large values overflow a narrower type on one side")
def narrow_range(draw: Draw) -> Case:
    """Clipped to the largest float16, as mixed-precision code does."""
    largest = draw.one_of("largest", 65504.0, 32752.0, 448.0, 57344.0)
    return elementwise(draw, forms.LINEAR, forms.clip(-largest, largest), Reveal(scale=30 * largest))


@WRONG.add("ordinary", "an activation in another approximation")
def approximation(draw: Draw) -> Case:
    keras_side, torch_side = draw.one_of(
        "activation",
        ("gelu", "tanh"),
        ("gelu", "sigmoid"),
        ("hard_sigmoid", "old"),
        ("silu", "hard"),
        ("sigmoid", "hard"),
    )
    by_name = {
        "tanh": lambda t: t.nn.GELU(approximate="tanh"),
        "sigmoid": lambda t: lambda x: x * t.sigmoid(1.702 * x),
        "old": lambda t: lambda x: (0.2 * x + 0.5).clamp(0, 1),
        "hard": lambda t: t.nn.Hardswish() if keras_side == "silu" else t.nn.Hardsigmoid(),
    }
    step = Step("act", lambda k, n: k.layers.Activation(keras_side, name=n), by_name[torch_side])
    body = around(draw, lambda site: [step])
    return body.case(draw, Reveal(scale=2))
