"""Functions of one value as people write them, in both frameworks."""

from tests.hunt.network import Forms, keras_layer

LINEAR = Forms(
    keras={"layer": lambda k, n: k.layers.Activation("linear", name=n), "nothing": lambda k, n: lambda x: x},
    torch={"module": lambda t: t.nn.Identity(), "nothing": lambda t: lambda x: x},
)
RELU = Forms(
    keras={
        "layer": lambda k, n: k.layers.ReLU(name=n),
        "activation": lambda k, n: k.layers.Activation("relu", name=n),
        "ops": lambda k, n: k.ops.relu,
        "maximum": lambda k, n: lambda x: k.ops.maximum(x, 0.0),
    },
    torch={
        "module": lambda t: t.nn.ReLU(),
        "functional": lambda t: t.nn.functional.relu,
        "method": lambda t: t.relu,
        "clamp": lambda t: lambda x: x.clamp(min=0),
    },
)
RELU6 = Forms(
    keras={
        "layer": lambda k, n: k.layers.ReLU(max_value=6.0, name=n),
        "activation": lambda k, n: k.layers.Activation("relu6", name=n),
        "ops": lambda k, n: k.ops.relu6,
    },
    torch={
        "module": lambda t: t.nn.ReLU6(),
        "functional": lambda t: t.nn.functional.relu6,
        "hardtanh": lambda t: t.nn.Hardtanh(0.0, 6.0),
        "clamp": lambda t: lambda x: x.clamp(0, 6),
    },
)
SIGMOID = Forms(
    keras={"layer": lambda k, n: k.layers.Activation("sigmoid", name=n), "ops": lambda k, n: k.ops.sigmoid},
    torch={"module": lambda t: t.nn.Sigmoid(), "function": lambda t: t.sigmoid},
)
TANH = Forms(
    keras={"layer": lambda k, n: k.layers.Activation("tanh", name=n), "ops": lambda k, n: k.ops.tanh},
    torch={"module": lambda t: t.nn.Tanh(), "function": lambda t: t.tanh},
)
SOFTMAX = Forms(
    keras={"layer": lambda k, n: k.layers.Softmax(name=n), "ops": lambda k, n: lambda x: k.ops.softmax(x, -1)},
    torch={"function": lambda t: lambda x: t.softmax(x, -1)},
)
EXPONENTIAL = Forms(
    keras={"layer": lambda k, n: k.layers.Activation("exponential", name=n), "ops": lambda k, n: k.ops.exp},
    torch={"function": lambda t: t.exp},
)
ROUND = Forms(
    keras={
        "ops": lambda k, n: lambda x: x + k.ops.round(x),
        "layer": lambda k, n: _own(k, n, lambda x: x + k.ops.round(x)),
    },
    torch={"function": lambda t: lambda x: x + t.round(x)},
)


def _own(keras, name, function):
    return keras_layer(keras, name, lambda x, training: function(x))


def capped_relu(high: float) -> Forms:
    """min(max(x, 0), high)."""
    return Forms(
        keras={
            "layer": lambda k, n: k.layers.ReLU(max_value=high, name=n),
            "clip": lambda k, n: lambda x: k.ops.clip(x, 0.0, high),
            "minimum": lambda k, n: lambda x: k.ops.minimum(k.ops.relu(x), high),
        },
        torch={
            "hardtanh": lambda t: t.nn.Hardtanh(0.0, high),
            "functional": lambda t: lambda x: t.nn.functional.hardtanh(x, 0.0, high),
            "clamp": lambda t: lambda x: x.clamp(0, high),
            "minimum": lambda t: lambda x: t.relu(x).clamp(max=high),
        },
    )


def clip(low: float, high: float) -> Forms:
    """min(max(x, low), high)."""
    return Forms(
        keras={
            "ops": lambda k, n: lambda x: k.ops.clip(x, low, high),
            "layer": lambda k, n: _own(k, n, lambda x: k.ops.clip(x, low, high)),
            "where": lambda k, n: lambda x: k.ops.where(x > high, high, k.ops.where(x < low, low, x)),
        },
        torch={
            "module": lambda t: t.nn.Hardtanh(low, high),
            "clamp": lambda t: lambda x: x.clamp(low, high),
            "functional": lambda t: lambda x: t.nn.functional.hardtanh(x, low, high),
            "where": lambda t: lambda x: t.where(x > high, high, t.where(x < low, low, x)),
        },
    )


def below(high: float) -> Forms:
    """min(x, high)."""
    return Forms(
        keras={
            "minimum": lambda k, n: lambda x: k.ops.minimum(x, high),
            "layer": lambda k, n: _own(k, n, lambda x: k.ops.minimum(x, high)),
        },
        torch={
            "clamp": lambda t: lambda x: x.clamp(max=high),
            "where": lambda t: lambda x: t.where(x < high, x, high),
        },
    )


def threshold(low: float, value: float) -> Forms:
    """x above low, else value."""
    return Forms(
        keras={
            "ops": lambda k, n: lambda x: k.ops.threshold(x, low, value),
            "where": lambda k, n: lambda x: k.ops.where(x > low, x, value),
        },
        torch={
            "module": lambda t: t.nn.Threshold(low, value),
            "where": lambda t: lambda x: t.where(x > low, x, value),
        },
    )


def leaky(slope: float) -> Forms:
    """x, times slope below 0."""
    return Forms(
        keras={
            "layer": lambda k, n: k.layers.LeakyReLU(negative_slope=slope, name=n),
            "ops": lambda k, n: lambda x: k.ops.leaky_relu(x, negative_slope=slope),
            "maximum": lambda k, n: lambda x: k.ops.maximum(x, slope * x),
        },
        torch={
            "module": lambda t: t.nn.LeakyReLU(slope),
            "functional": lambda t: lambda x: t.nn.functional.leaky_relu(x, slope),
            "maximum": lambda t: lambda x: t.maximum(x, slope * x),
        },
    )


def bent(slope: float, other: float, at: float) -> Forms:
    """As leaky, with another slope below -at."""
    return Forms(
        keras={
            "where": lambda k, n: (
                lambda x: k.ops.where(x < -at, other * (x + at) - slope * at, k.ops.maximum(x, slope * x))
            )
        },
        torch={
            "where": lambda t: lambda x: t.where(x < -at, other * (x + at) - slope * at, t.maximum(x, slope * x)),
            "sum": lambda t: lambda x: t.maximum(x, slope * x) + (slope - other) * t.relu(-x - at),
        },
    )


def elu(alpha: float) -> Forms:
    """x, alpha (exp(x) - 1) below 0."""
    return Forms(
        keras={
            "layer": lambda k, n: k.layers.ELU(alpha=alpha, name=n),
            "ops": lambda k, n: lambda x: k.ops.elu(x, alpha),
        },
        torch={
            "module": lambda t: t.nn.ELU(alpha),
            "functional": lambda t: lambda x: t.nn.functional.elu(x, alpha),
        },
    )


def then(first: Forms, second: Forms) -> Forms:
    """The second function of the first, in every form of the first."""
    keras_second, torch_second = next(iter(second.keras.values())), list(second.torch.values())[-1]

    def keras_both(make):
        return lambda k, n: lambda x: keras_second(k, f"{n}_then")(make(k, n)(x))

    def torch_both(make):
        def build(t):
            one, two = make(t), torch_second(t)
            return lambda x: two(one(x))

        return build

    return Forms(
        {name: keras_both(make) for name, make in first.keras.items()},
        {name: torch_both(make) for name, make in first.torch.items()},
    )
