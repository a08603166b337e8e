"""Wrong pairs that differ in what is drawn: kind, rate, shape of the mask, or place, while inference is equal."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import (
    Body,
    ByMode,
    KerasMake,
    Step,
    TorchMake,
    around,
    conv,
    dense,
    keras_layer,
    mean_of_image,
    tanh,
    torch_module,
)
from tests.hunt.stochastic_depth import keras_depth, torch_depth
from tests.support.families import Draw
from twotrack import Input

DRAWS = Reveal(by="draws", batch_size=6000)


def keras_drops(rate: float) -> Mapping[str, KerasMake]:
    """Layers of Keras for (batch, ..., features) that drop at a rate, by the kind of draw."""
    return {
        "elements": lambda k, n: k.layers.Dropout(rate, name=n),
        "alpha": lambda k, n: k.layers.AlphaDropout(rate, name=n),
        "gaussian": lambda k, n: k.layers.GaussianDropout(rate, name=n),
        "features": lambda k, n: k.layers.SpatialDropout1D(rate, name=n),
        "places": lambda k, n: k.layers.Dropout(rate, noise_shape=(None, None, 1), name=n),
        "examples": lambda k, n: k.layers.Dropout(rate, noise_shape=(None, 1, 1), name=n),
        "batch": lambda k, n: k.layers.Dropout(rate, noise_shape=(1, None, None), name=n),
    }


def torch_drops(rate: float) -> Mapping[str, TorchMake]:
    """Modules of torch for (batch, time, features) that drop at a rate, by the kind of draw."""

    def masked(*ones: int) -> TorchMake:
        """Dropout by hand; the mask has size 1 on these axes."""

        def make(torch: Any) -> Any:
            def call(module: Any, x: Any) -> Any:
                if not module.training:
                    return x
                shape = [1 if axis in ones else size for axis, size in enumerate(x.shape)]
                return x * (torch.rand(shape, dtype=x.dtype) >= rate) / (1 - rate)

            return torch_module(torch, call)

        return make

    def gaussian(torch: Any) -> Any:
        deviation = (rate / (1 - rate)) ** 0.5
        return torch_module(
            torch, lambda module, x: x * (1 + deviation * torch.randn_like(x)) if module.training else x
        )

    return {
        "elements": lambda t: t.nn.Dropout(rate),
        "alpha": lambda t: t.nn.AlphaDropout(rate),
        "gaussian": gaussian,
        "features": masked(1),
        "places": lambda t: t.nn.Dropout1d(rate),
        "examples": masked(1, 2),
        "batch": masked(0),
    }


KINDS = tuple(keras_drops(0.5))


def torch_elements(rate: float) -> Mapping[str, TorchMake]:
    """Dropout of single elements as people write it in torch."""

    def by_hand(draw: Callable[[Any, Any], Any]) -> TorchMake:
        return lambda t: ByMode(lambda x, mode: x * draw(t, x) / (1 - rate) if mode else x)

    return {
        "module": lambda t: t.nn.Dropout(rate),
        "functional": lambda t: ByMode(lambda x, mode: t.nn.functional.dropout(x, rate, mode)),
        "rand": by_hand(lambda t, x: t.rand(x.shape, dtype=x.dtype) >= rate),
        "bernoulli": by_hand(lambda t, x: t.bernoulli(t.full_like(x, 1 - rate))),
    }


@WRONG.add("random kind", "another kind of dropout at the same rate")
def dropout_kind(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5)
    one = draw.one_of("keras_kind", *KINDS)
    other = draw.one_of("torch_kind", *(kind for kind in KINDS if kind != one))
    step = Step("drop", keras_drops(rate)[one], torch_drops(rate)[other])
    body = around(draw, lambda site: [step], kinds=("sequence",), places=("input", "hidden"))
    return body.case(draw, DRAWS)


@WRONG.add("random kind", "dropout of elements against dropout of whole maps of an image")
def dropout_of_maps(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5)
    keras_side: Mapping[str, KerasMake] = {
        "elements": lambda k, n: k.layers.Dropout(rate, name=n),
        "maps": lambda k, n: k.layers.SpatialDropout2D(rate, name=n),
        "examples": lambda k, n: k.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=n),
    }
    torch_side: Mapping[str, TorchMake] = {
        "elements": lambda t: t.nn.Dropout(rate),
        "maps": lambda t: t.nn.Dropout2d(rate),
        "functional": lambda t: ByMode(lambda x, mode: t.nn.functional.dropout2d(x, rate, mode)),
    }
    odd = [
        (one, other)
        for one in keras_side
        for other in torch_side
        if one != other and (one, other) != ("maps", "functional")
    ]
    one, other = draw.one_of("kinds", *odd)
    step = Step("drop", keras_side[one], torch_side[other])
    body = around(draw, lambda site: [step], kinds=("image",), places=("hidden",))
    return body.case(draw, DRAWS)


@WRONG.add("random rate", "another rate, written so that no layer tells it")
def dropout_rate(draw: Draw) -> Case:
    rate, other = draw.one_of("one", 0.1, 0.2, 0.3), draw.one_of("other", 0.4, 0.5, 0.6)
    made = torch_elements(other)
    step = Step("drop", keras_drops(rate)["elements"], made[draw.one_of("torch", *made)])
    body = around(draw, lambda site: [step], places=("input", "hidden"))
    return body.case(draw, DRAWS)


@WRONG.add("random rate", "dropout on one side only")
def dropout_on_one_side(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    made = torch_elements(rate)
    form = draw.one_of("form", "keras", *made)
    step = Step("drop", keras_drops(rate)["elements"], None) if form == "keras" else Step("drop", None, made[form])
    body = around(draw, lambda site: [step], places=("input", "hidden"))
    return body.case(draw, DRAWS)


@WRONG.add("random rate", "two rates of dropout that have changed places")
def swapped_rates(draw: Draw) -> Case:
    one, other = draw.one_of("one", 0.1, 0.2), draw.one_of("other", 0.4, 0.5, 0.6)
    features, hidden = draw.whole("features", 3, 6), draw.whole("hidden", 3, 7)
    names = draw.one_of("names", "equal", "own")

    def drop(name: str, keras_rate: float, torch_rate: float) -> list[Step]:
        if names == "equal":
            return [Step(name, keras_drops(keras_rate)["elements"], torch_drops(torch_rate)["elements"])]
        return [
            Step(f"keras_{name}", keras_drops(keras_rate)["elements"], None),
            Step(f"torch_{name}", None, torch_drops(torch_rate)["elements"]),
        ]

    steps = [*drop("drop1", one, other), dense("first", features, hidden), tanh(), *drop("drop2", other, one)]
    body = Body({"input": Input((features,))}, [*steps, dense("last", hidden, 3)])
    return body.case(draw, DRAWS)


@WRONG.add("random rate", "dropout that does not scale what it keeps, on one side")
def not_scaled(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    step = Step(
        "drop",
        keras_drops(rate)["elements"],
        lambda t: ByMode(lambda x, mode: t.nn.functional.dropout(x, rate, mode) * (1 - rate) if mode else x),
    )
    body = around(draw, lambda site: [step], places=("hidden",))
    return body.case(draw, DRAWS)


@WRONG.add("random place", "dropout before a layer on one side, behind it on the other")
def dropout_place(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    features, hidden, outputs = draw.whole("features", 3, 6), draw.whole("hidden", 3, 7), draw.whole("outputs", 2, 4)
    steps = [dense("first", features, hidden), tanh(), dense("second", hidden, hidden), dense("last", hidden, outputs)]
    one = draw.one_of("keras_place", 0, 1, 2, 3)
    other = draw.one_of("torch_place", *(place for place in range(4) if place != one))
    placed: list[Step] = []
    for place, step in enumerate(steps):
        placed += [Step("drop", keras_drops(rate)["elements"], None)] if place == one else []
        placed += [Step("drop", None, torch_drops(rate)["elements"])] if place == other else []
        placed.append(step)
    return Body({"input": Input((features,))}, placed).case(draw, DRAWS)


@WRONG.add("random place", "dropout before pooling on one side, behind it on the other")
def dropout_and_pooling(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    features, hidden = draw.whole("features", 1, 3), draw.whole("hidden", 2, 5)
    pool = Step("pool", lambda k, n: k.layers.MaxPooling2D(2, name=n), lambda t: t.nn.MaxPool2d(2))
    keras_drop = Step("drop", keras_drops(rate)["elements"], None)
    torch_drop = Step("drop", None, torch_drops(rate)["elements"])
    before, behind = (
        (keras_drop, torch_drop) if draw.one_of("before", "keras", "torch") == "keras" else (torch_drop, keras_drop)
    )
    steps = [conv("first", features, hidden), before, pool, behind, mean_of_image(), dense("last", hidden, 3)]
    return Body({"input": Input((6, 4, features))}, steps).case(draw, DRAWS)


@WRONG.add("random place", "dropout inside and outside a residual")
def dropout_in_residual(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    features, width = draw.whole("features", 3, 6), draw.whole("width", 3, 6)

    def keras_block(k: Any, n: str) -> Any:
        def call(x: Any) -> Any:
            y = k.layers.Dense(width, activation="tanh", name="inner")(x)
            return x + k.layers.Dropout(rate, name="drop")(y)

        return call

    def torch_block(t: Any) -> Any:
        class Block(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner, self.drop = t.nn.Linear(width, width), t.nn.Dropout(rate)

            def forward(self, x: Any) -> Any:
                return self.drop(x + self.inner(x).tanh())

        return Block()

    steps = [dense("first", features, width), Step("block", keras_block, torch_block), dense("last", width, 3)]
    return Body({"input": Input((features,))}, steps).case(draw, DRAWS, rename={"block.inner": "inner"})


@WRONG.add("random place", "recurrent dropout, or dropout of a recurrent layer's inputs, on one side")
def recurrent_dropout(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    kind, which = draw.one_of("layer", "LSTM", "GRU"), draw.one_of("which", "dropout", "recurrent_dropout", "outside")
    features, hidden, time = draw.whole("features", 2, 4), draw.whole("hidden", 2, 5), draw.whole("time", 3, 5)
    settings = {} if which == "outside" else {which: rate}

    def keras_side(k: Any, n: str) -> Any:
        return getattr(k.layers, kind)(hidden, return_sequences=True, name=n, **settings)

    def torch_side(t: Any) -> Any:
        return recurrent(t, kind, features, hidden)

    outside = Step("drop", keras_drops(rate)["features"] if which == "outside" else None, None)
    inside = Step("drop", None, torch_drops(rate)["elements"] if which == "recurrent_dropout" else None)
    steps = [outside, Step("recurrent", keras_side, torch_side), inside, dense("last", hidden, 3)]
    return Body({"input": Input((time, features))}, steps).case(draw, DRAWS)


def recurrent(torch: Any, kind: str, features: int, hidden: int, two_ways: bool = False) -> Any:
    """Return a recurrent layer of torch with one bias where Keras has one, that returns the sequence."""

    class Sequence(getattr(torch.nn, kind)):
        def forward(self, x: Any) -> Any:
            return super().forward(x)[0]

    layer = Sequence(features, hidden, batch_first=True, bidirectional=two_ways)
    if kind != "GRU":
        for name, parameter in layer.named_parameters():
            if name.startswith("bias_hh"):
                torch.nn.init.zeros_(parameter)
                parameter.requires_grad_(False)
    return layer


@WRONG.add("random place", "attention drops its weights on one side, or its outputs on the other")
def attention_dropout(draw: Draw) -> Case:
    rate, outside = draw.one_of("rate_dropped", 0.1, 0.2, 0.5), draw.one_of("torch", "nothing", "outputs", "inputs")
    time, width, heads = draw.whole("time", 3, 6), draw.one_of("width", 4, 8), draw.one_of("heads", 1, 2)

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.MultiHeadAttention(heads, width // heads, dropout=rate, name=n)
        return lambda x: layer(x, x)

    drop = Step("drop", None, torch_drops(rate)["elements"])
    steps = [Step("attention", keras_side, lambda t: self_attention(t, width, heads)), dense("last", width, 3)]
    steps = {"nothing": steps, "outputs": [steps[0], drop, steps[1]], "inputs": [drop, *steps]}[outside]
    return Body({"input": Input((time, width))}, steps).case(draw, DRAWS)


def self_attention(torch: Any, width: int, heads: int, rate: float = 0.0) -> Any:
    """Return attention of a sequence to itself."""

    class Attention(torch.nn.MultiheadAttention):
        def forward(self, x: Any) -> Any:
            return super().forward(x, x, x, need_weights=False)[0]

    return Attention(width, heads, dropout=rate, batch_first=True)


@WRONG.add("random kind", "stochastic depth by example against single elements, or by batch")
def stochastic_depth(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    one, other = draw.one_of("kinds", ("examples", "elements"), ("examples", "batch"), ("elements", "examples"))
    features, width = draw.whole("features", 3, 6), draw.whole("width", 3, 6)

    def shape(kind: str, size: Any) -> tuple:
        return {"examples": (size, 1), "elements": (size, width), "batch": (1, 1)}[kind]

    block = Step(
        "block", keras_depth(width, rate, partial(shape, one)), torch_depth(width, rate, partial(shape, other))
    )
    steps = [dense("first", features, width), block, dense("last", width, 3)]
    return Body({"input": Input((features,))}, steps).case(draw, DRAWS, rename={"block.inner": "inner"})


@WRONG.add("random kind", "noise of another kind or size")
def noise(draw: Draw) -> Case:
    deviation, kind = draw.real("deviation", 0.05, 0.5), draw.one_of("torch", "nothing", "larger", "shared")
    times = draw.real("times", 1.5, 3)
    made: Mapping[str, TorchMake] = {
        "nothing": lambda t: lambda x: x,
        "larger": lambda t: ByMode(lambda x, mode: x + times * deviation * t.randn_like(x) if mode else x),
        "shared": lambda t: ByMode(lambda x, mode: x + deviation * t.randn_like(x[..., :1]) if mode else x),
    }
    step = Step("noise", lambda k, n: k.layers.GaussianNoise(deviation, name=n), made[kind])
    body = around(draw, lambda site: [step], kinds=("dense", "sequence"), places=("input", "hidden"))
    return body.case(draw, DRAWS)


@WRONG.add("random kind", "noise with another distribution of equal variance")
def noise_distribution(draw: Draw) -> Case:
    deviation, kind = draw.real("deviation", 0.5, 1.0), draw.one_of("torch", "uniform", "signs")
    made: Mapping[str, TorchMake] = {
        "uniform": lambda t: ByMode(lambda x, mode: x + deviation * 12**0.5 * (t.rand_like(x) - 0.5) if mode else x),
        "signs": lambda t: ByMode(lambda x, mode: x + deviation * (2 * (t.rand_like(x) < 0.5) - 1) if mode else x),
    }
    step = Step("noise", lambda k, n: k.layers.GaussianNoise(deviation, name=n), made[kind])
    square = Step("square", lambda k, n: lambda x: x * x, lambda t: lambda x: x * x)
    body = around(draw, lambda site: [step, square], kinds=("dense",), places=("input", "hidden"))
    return body.case(draw, Reveal(by="draws", batch_size=100_000))


@WRONG.add("random mode", "dropout that goes on in inference, on one side")
def dropout_in_inference(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    if draw.one_of("odd_side", "keras", "torch") == "keras":

        def always(k: Any, n: str) -> Any:
            seed = k.random.SeedGenerator(1)
            return keras_layer(k, n, lambda x, mode: k.random.dropout(x, rate, seed=seed))

        step = Step("drop", always, torch_drops(rate)["elements"])
    else:
        step = Step("drop", keras_drops(rate)["elements"], lambda t: lambda x: t.nn.functional.dropout(x, rate))
    body = around(draw, lambda site: [step], places=("hidden",))
    return body.case(draw, Reveal())


@WRONG.add("random mode", "dropout that is off while training, on one side")
def dropout_never(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)

    def never(t: Any) -> Any:
        class Never(t.nn.Dropout):
            def train(self, mode: bool = True) -> Any:
                return super().train(False)

        return Never(rate).eval()

    step = Step("drop", keras_drops(rate)["elements"], never)
    body = around(draw, lambda site: [step], places=("hidden",))
    return body.case(draw, DRAWS)
