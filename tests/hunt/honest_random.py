"""Honest pairs: what is drawn has one distribution, written in two ways."""

from collections.abc import Mapping
from typing import Any

from tests.hunt.family import HONEST, Case
from tests.hunt.network import Body, ByMode, Site, Step, around, dense
from tests.hunt.stochastic_depth import keras_depth, torch_depth
from tests.hunt.wrong_random import DRAWS, KINDS, keras_drops, recurrent, self_attention, torch_drops, torch_elements
from tests.support.families import Draw
from twotrack import Input


@HONEST.add("random", "dropout of one kind on both sides")
def same_dropout(draw: Draw) -> Case:
    rate, kind = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5), draw.one_of("kind", *KINDS)
    step = Step("drop", keras_drops(rate)[kind], torch_drops(rate)[kind])
    body = around(draw, lambda site: [step], kinds=("sequence",), places=("input", "hidden"))
    return body.case(draw, DRAWS)


@HONEST.add("random", "dropout as a layer in Keras, as a function or by hand in torch")
def dropout_forms(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5)
    written = torch_elements(rate)
    step = Step("drop", keras_drops(rate)["elements"], written[draw.one_of("torch", *written)])
    body = around(draw, lambda site: [step], kinds=("dense", "sequence"), places=("input", "hidden"))
    return body.case(draw, DRAWS)


@HONEST.add("random", "dropout of whole maps on both sides")
def same_map_dropout(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5)
    step = Step("drop", lambda k, n: k.layers.SpatialDropout2D(rate, name=n), lambda t: t.nn.Dropout2d(rate))
    body = around(draw, lambda site: [step], kinds=("image",), places=("hidden",))
    return body.case(draw, DRAWS)


@HONEST.add("random", "dropout with another name on each side, in one place")
def dropout_names(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5)

    def middle(site: Site) -> list[Step]:
        return [Step("drop_a", keras_drops(rate)["elements"], None), Step("p", None, torch_drops(rate)["elements"])]

    body = around(draw, middle, places=("input", "hidden"))
    return body.case(draw, DRAWS)


@HONEST.add("random", "dropout before or behind a ReLU: one and the same")
def dropout_and_relu(draw: Draw) -> Case:
    """Both multiply by numbers that are not negative, and ReLU(a x) = a ReLU(x)."""
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.3, 0.5)
    keras_drop = Step("drop", keras_drops(rate)["elements"], None)
    torch_drop = Step("drop", None, torch_drops(rate)["elements"])
    before, behind = (
        (keras_drop, torch_drop) if draw.one_of("before", "keras", "torch") == "keras" else (torch_drop, keras_drop)
    )
    activation = Step("relu", lambda k, n: k.layers.ReLU(name=n), lambda t: t.nn.ReLU())
    body = around(draw, lambda site: [before, activation, behind], places=("hidden",))
    return body.case(draw, DRAWS)


@HONEST.add("random", "noise of one size on both sides")
def same_noise(draw: Draw) -> Case:
    deviation = draw.real("deviation", 0.05, 0.5)
    written: Mapping[str, Any] = {
        "randn_like": lambda t: ByMode(lambda x, mode: x + deviation * t.randn_like(x) if mode else x),
        "normal": lambda t: ByMode(lambda x, mode: x + t.normal(0.0, deviation, x.shape, dtype=x.dtype) if mode else x),
    }
    noise = Step(
        "noise", lambda k, n: k.layers.GaussianNoise(deviation, name=n), written[draw.one_of("torch", *written)]
    )
    body = around(draw, lambda site: [noise], kinds=("dense", "sequence"), places=("input", "hidden"))
    return body.case(draw, DRAWS)


@HONEST.add("random", "stochastic depth by example on both sides")
def same_depth(draw: Draw) -> Case:
    rate, width, features = (
        draw.one_of("rate_dropped", 0.1, 0.2, 0.5),
        draw.whole("width", 2, 5),
        draw.whole("features", 2, 5),
    )
    keras_form = draw.one_of("keras", "uniform", "layer")

    def by_example(size: Any) -> tuple:
        return size, 1

    def keras_layers(k: Any, n: str) -> Any:
        inner = k.layers.Dense(width, activation="tanh", name="inner")
        return lambda x: x + k.layers.Dropout(rate, noise_shape=(None, 1), name="drop")(inner(x))

    keras_block = keras_layers if keras_form == "layer" else keras_depth(width, rate, by_example)
    block = Step("block", keras_block, torch_depth(width, rate, by_example))
    steps = [dense("first", features, width), block, dense("last", width, 3)]
    return Body({"input": Input((features,))}, steps).case(draw, DRAWS, rename={"block.inner": "inner"})


@HONEST.add("random", "attention that drops its weights at one rate on both sides")
def same_attention_dropout(draw: Draw) -> Case:
    rate = draw.one_of("rate_dropped", 0.1, 0.2, 0.5)
    time, width, heads = draw.whole("time", 3, 6), draw.one_of("width", 4, 8), draw.one_of("heads", 1, 2)

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.MultiHeadAttention(heads, width // heads, dropout=rate, name=n)
        return lambda x: layer(x, x)

    attention = Step("attention", keras_side, lambda t: self_attention(t, width, heads, rate))
    return Body({"input": Input((time, width))}, [attention, dense("last", width, 3)]).case(draw, DRAWS)


@HONEST.add("random", "dropout of a recurrent layer's inputs, in the layer or in front of it")
def recurrent_inputs(draw: Draw) -> Case:
    """Keras drops features of the inputs, the same ones at every step."""
    rate, kind = draw.one_of("rate_dropped", 0.1, 0.2, 0.5), draw.one_of("layer", "LSTM", "GRU")
    features, hidden, time = draw.whole("features", 2, 4), draw.whole("hidden", 2, 4), draw.whole("time", 2, 5)
    inside = draw.one_of("keras", "argument", "layer") == "argument"
    drop = Step("drop", None if inside else keras_drops(rate)["features"], torch_drops(rate)["features"])

    def keras_side(k: Any, n: str) -> Any:
        return getattr(k.layers, kind)(hidden, return_sequences=True, dropout=rate if inside else 0.0, name=n)

    layer = Step("recurrent", keras_side, lambda t: recurrent(t, kind, features, hidden))
    return Body({"input": Input((time, features))}, [drop, layer, dense("last", hidden, 3)]).case(draw, DRAWS)


@HONEST.add("random", "a rate of 0 on one side, nothing on the other")
def rate_of_zero(draw: Draw) -> Case:
    kind = draw.one_of(
        "kind", "Dropout", "SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "torch"
    )
    step = Step("drop", lambda k, n: getattr(k.layers, kind)(0.0, name=n), None)
    if kind == "torch":
        step = Step("drop", None, lambda t: t.nn.Dropout(0.0))
    body = around(draw, lambda site: [step], kinds=("sequence",), places=("input", "hidden"))
    return body.case(draw, DRAWS)
