"""The networks that faults are planted into: each has two places."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.faults.family import Called, Part, Plant, Spot
from tests.conformance.faults.network import Bed, Sown
from tests.support.families import Draw
from twotrack import Input

Sow = Callable[[Spot], Plant] | None


def _begun(draw: Draw, kind: str) -> tuple[Bed, int, dict[str, Input]]:
    """Return the beginning of a network, its hidden width and its inputs."""
    features, hidden = draw.whole("features", 3, 5), draw.one_of("hidden", 4, 6, 8)
    sizes: tuple[int, ...] = ()
    if kind != "dense":
        sizes = (draw.one_of("time", 5, 6),) if kind == "sequence" else draw.one_of("image", (6, 8), (8, 6))
    return Bed(kind, features, sizes), hidden, {"input": Input((*sizes, features))}


def plain(draw: Draw, first: Sow, second: Sow) -> Sown:
    """Dense layers in a row."""
    bed, hidden, inputs = _begun(draw, "dense")
    bed.dense("first", hidden).sow(first).tanh("bend").dense("second", hidden).sow(second).tanh("squash")
    return bed.dense("last", 3).done(inputs)


def residual(draw: Draw, first: Sow, second: Sow) -> Sown:
    """A dense layer with a connection around it."""
    bed, hidden, inputs = _begun(draw, "dense")
    bed.dense("first", hidden).sow(first).tanh("bend").keep("skip").dense("inner", hidden).sow(second).add("skip")
    return bed.dense("last", 3).done(inputs)


def branches(draw: Draw, first: Sow, second: Sow) -> Sown:
    """Two dense branches side by side."""
    bed, hidden, inputs = _begun(draw, "dense")
    bed.dense("first", hidden).sow(first).tanh("bend").keep("trunk").dense("left", hidden).sow(second).keep("left_side")
    bed.take("trunk").dense("right", 3).tanh("squash").join("left_side", hidden)
    return bed.dense("last", 3).done(inputs)


def tokens(draw: Draw, first: Sow, second: Sow) -> Sown:
    """Words, each with its vector."""
    time, size, hidden = draw.one_of("time", 5, 6), draw.whole("words", 7, 12), draw.one_of("hidden", 4, 6, 8)
    bed = Bed("sequence", hidden, (time,))
    bed.put(
        Part("words", lambda k, n: k.layers.Embedding(size, hidden, name=n), lambda t: t.nn.Embedding(size, hidden))
    )
    bed.sow(first).dense("first", hidden).tanh("bend").sow(second).mean()
    return bed.dense("last", 3).done({"input": Input((time,), kind="tokens", size=size)})


def recurrent(draw: Draw, first: Sow, second: Sow) -> Sown:
    """A recurrent layer over vectors."""
    bed, hidden, inputs = _begun(draw, "sequence")
    bed.dense("first", hidden).sow(first)
    bed.put(recurrent_layer("recurrent", draw.one_of("recurrent", "LSTM", "GRU"), bed.width, hidden))
    bed.width = hidden
    bed.sow(second)
    return bed.dense("last", 3).done(inputs)


def recurrent_layer(name: str, kind: str, features: int, hidden: int) -> Part:
    """Return a recurrent layer that gives all steps."""

    def torch_side(t: Any) -> Called:
        module = getattr(t.nn, kind)(features, hidden, batch_first=True)
        if kind != "GRU":
            t.nn.init.zeros_(module.bias_hh_l0)
            module.bias_hh_l0.requires_grad_(False)
        return Called(module, lambda m, x: m(x)[0])

    return Part(name, lambda k, n: getattr(k.layers, kind)(hidden, return_sequences=True, name=n), torch_side)


def signal(draw: Draw, first: Sow, second: Sow) -> Sown:
    """A convolution over time."""
    bed, hidden, inputs = _begun(draw, "sequence")
    bed.conv("first", hidden).sow(first).tanh("bend").conv("second", hidden).sow(second).mean()
    return bed.dense("last", 3).done(inputs)


def transformer(draw: Draw, first: Sow, second: Sow) -> Sown:
    """A block with attention, a normalisation in front of it, and residual connections."""
    bed, _, inputs = _begun(draw, "sequence")
    width = 8
    bed.dense("first", width).sow(first).keep("skip")
    bed.put(layer_norm("norm_in", width), attention_layer("attention", width, draw.one_of("heads", 2, 4)))
    bed.add("skip").keep("behind").dense("expand", 10).tanh("bend").dense("contract", width).sow(second)
    return bed.add("behind").mean().dense("last", 3).done(inputs)


def layer_norm(name: str, width: int) -> Part:
    """Return a normalisation on which both sides agree."""
    return Part(name, lambda k, n: k.layers.LayerNormalization(epsilon=1e-5, name=n), lambda t: t.nn.LayerNorm(width))


def attention_layer(name: str, width: int, heads: int) -> Part:
    """Return self-attention."""

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.MultiHeadAttention(heads, width // heads, name=n)
        return lambda x: layer(x, x)

    def torch_side(t: Any) -> Called:
        module = t.nn.MultiheadAttention(width, heads, batch_first=True)
        return Called(module, lambda m, x: m(x, x, x, need_weights=False)[0])

    return Part(name, keras_side, torch_side)


def pictures(draw: Draw, first: Sow, second: Sow) -> Sown:
    """Convolutions in a row."""
    bed, hidden, inputs = _begun(draw, "image")
    bed.conv("first", hidden).sow(first).tanh("bend").conv("second", hidden).sow(second).mean()
    return bed.dense("last", 3).done(inputs)


def residual_pictures(draw: Draw, first: Sow, second: Sow) -> Sown:
    """A convolution with a connection around it."""
    bed, hidden, inputs = _begun(draw, "image")
    bed.conv("first", hidden).sow(first).tanh("bend").keep("skip").conv("inner", hidden).sow(second).add("skip")
    return bed.mean().dense("last", 3).done(inputs)


def picture_branches(draw: Draw, first: Sow, second: Sow) -> Sown:
    """Two convolutions side by side, joined by channels."""
    bed, hidden, inputs = _begun(draw, "image")
    bed.conv("first", hidden).sow(first).tanh("bend").keep("trunk").conv("left", hidden).sow(second).keep("left_side")
    bed.take("trunk").conv("right", 2).join("left_side", hidden)
    return bed.mean().dense("last", 3).done(inputs)


HOSTS: dict[str, Sequence[Callable[[Draw, Sow, Sow], Sown]]] = {
    "dense": (plain, residual, branches),
    "sequence": (tokens, recurrent, signal, transformer),
    "image": (pictures, residual_pictures, picture_branches),
}
