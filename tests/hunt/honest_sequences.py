"""Honest pairs: one architecture written in two ways, on sequences, tokens and masks."""

from collections.abc import Mapping
from typing import Any

from tests.hunt.family import HONEST, Case, Reveal
from tests.hunt.network import (
    Body,
    Step,
    dense,
    mean_of_sequence,
    tanh,
)
from tests.hunt.wrong_random import recurrent, self_attention
from tests.hunt.wrong_sequences import Masked, embedding, keras_mean, masked_step, torch_mean
from tests.support.families import Draw
from twotrack import Input


@HONEST.add("layout", "one convolution over time, on sequences that torch has channels first")
def convolution_over_time(draw: Draw) -> Case:
    features, hidden, time = draw.whole("features", 1, 4), draw.whole("hidden", 2, 5), draw.whole("time", 5, 9)
    size, causal = draw.one_of("size", 2, 3), draw.one_of("padding", "valid", "causal")

    def torch_side(t: Any) -> Any:
        class OverTime(t.nn.Conv1d):
            def forward(self, x: Any) -> Any:
                x = x.transpose(1, 2)
                x = t.nn.functional.pad(x, (size - 1, 0)) if causal == "causal" else x
                return super().forward(x).transpose(1, 2)

        return OverTime(features, hidden, size)

    first = Step("first", lambda k, n: k.layers.Conv1D(hidden, size, padding=causal, name=n), torch_side)
    steps = [first, tanh(), mean_of_sequence(), dense("last", hidden, 3)]
    return Body({"input": Input((time, features))}, steps).case(draw)


@HONEST.add("same algebra", "a product of matrices, as matmul, einsum or a sum")
def products(draw: Draw) -> Case:
    time, width = draw.whole("time", 3, 5), draw.whole("width", 2, 4)
    keras_side: Mapping[str, Any] = {
        "einsum": lambda k, n: lambda x: k.ops.einsum("btc,bsc->bts", x, x),
        "matmul": lambda k, n: lambda x: k.ops.matmul(x, k.ops.transpose(x, (0, 2, 1))),
        "dot": lambda k, n: lambda x: k.layers.Dot((2, 2), name=n)([x, x]),
    }
    torch_side: Mapping[str, Any] = {
        "einsum": lambda t: lambda x: t.einsum("bsc,btc->bts", x, x),
        "matmul": lambda t: lambda x: x @ x.mT,
        "sum": lambda t: lambda x: (x[:, :, None] * x[:, None]).sum(-1),
    }
    step = Step("dot", keras_side[draw.one_of("keras", *keras_side)], torch_side[draw.one_of("torch", *torch_side)])
    steps = [dense("first", 3, width), step, dense("last", time, 2)]
    return Body({"input": Input((time, 3))}, steps).case(draw)


@HONEST.add("same algebra", "self-attention by layer or by hand")
def attention(draw: Draw) -> Case:
    time, width, heads = draw.whole("time", 3, 6), draw.one_of("width", 4, 8), draw.one_of("heads", 1, 2)

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.MultiHeadAttention(heads, width // heads, name=n)
        return lambda x: layer(x, x)

    steps = [Step("attention", keras_side, lambda t: self_attention(t, width, heads)), dense("last", width, 3)]
    return Body({"input": Input((time, width))}, steps).case(draw)


@HONEST.add("same algebra", "one dense layer used twice, and a residual")
def shared_layer(draw: Draw) -> Case:
    features, width = draw.whole("features", 2, 5), draw.whole("width", 2, 5)

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.Dense(width, activation="tanh", name=n)
        return lambda x: x + layer(layer(x))

    def torch_side(t: Any) -> Any:
        class Twice(t.nn.Linear):
            def forward(self, x: Any) -> Any:
                return x + super().forward(super().forward(x).tanh()).tanh()

        return Twice(width, width)

    sizes = draw.one_of("sizes", (), (4,))
    steps = [dense("first", features, width), Step("shared", keras_side, torch_side), dense("last", width, 3)]
    return Body({"input": Input((*sizes, features))}, steps).case(draw)


@HONEST.add("recurrent", "an LSTM, GRU or simple layer, one way or both")
def recurrent_layer(draw: Draw) -> Case:
    kind, two_ways = draw.one_of("layer", "LSTM", "GRU", "SimpleRNN"), draw.one_of("two_ways", False, True)
    features, hidden, time = draw.whole("features", 2, 4), draw.whole("hidden", 2, 4), draw.whole("time", 2, 5)

    def keras_side(k: Any, n: str) -> Any:
        made = getattr(k.layers, kind)
        if not two_ways:
            return made(hidden, return_sequences=True, name=n)
        return k.layers.Bidirectional(made(hidden, return_sequences=True), name=n)

    def torch_side(t: Any) -> Any:
        return recurrent(t, {"SimpleRNN": "RNN"}.get(kind, kind), features, hidden, two_ways)

    last = Step("mean", lambda k, n: lambda x: k.ops.mean(x, 1), lambda t: lambda x: x.mean(1))
    steps = [Step("recurrent", keras_side, torch_side), last, dense("last", hidden * (1 + two_ways), 3)]
    return Body({"input": Input((time, features))}, steps).case(draw)


@HONEST.add("tokens", "an embedding, its mean or sum, and a dense layer")
def token_mean(draw: Draw) -> Case:
    size, width, time = draw.whole("size", 4, 3000), draw.whole("width", 2, 5), draw.whole("time", 2, 6)
    pooled = draw.one_of("pool", "mean", "max", "flatten")
    keras_side: Mapping[str, Any] = {
        "mean": lambda k, n: k.layers.GlobalAveragePooling1D(name=n),
        "max": lambda k, n: k.layers.GlobalMaxPooling1D(name=n),
        "flatten": lambda k, n: k.layers.Flatten(name=n),
    }
    torch_side: Mapping[str, Any] = {
        "mean": lambda t: lambda x: x.mean(1),
        "max": lambda t: lambda x: x.amax(1),
        "flatten": lambda t: lambda x: x.flatten(1),
    }
    pool = Step("pool", keras_side[pooled], torch_side[pooled])
    steps = [embedding(size, width), pool, dense("last", width * (time if pooled == "flatten" else 1), 3)]
    reveal = Reveal(inputs={"input": draw.one_of("id", 0, 1, size - 1)})
    return Body({"input": Input((time,), kind="tokens", size=size)}, steps).case(draw, reveal)


@HONEST.add("tokens", "tokens as rows of a table, or as one hot and a dense layer without bias")
def one_hot(draw: Draw) -> Case:
    size, width, time = draw.whole("size", 4, 12), draw.whole("width", 2, 5), draw.whole("time", 2, 5)

    def torch_side(t: Any) -> Any:
        class Table(t.nn.Embedding):
            def forward(self, x: Any) -> Any:
                return t.nn.functional.one_hot(x, size).to(self.weight.dtype) @ self.weight

        return Table(size, width)

    rows = Step("embedding", lambda k, n: k.layers.Embedding(size, width, name=n), torch_side)
    inputs = {"input": Input((time,), kind="tokens", size=size)}
    return Body(inputs, [rows, mean_of_sequence(), dense("last", width, 3)]).case(
        draw, Reveal(inputs={"input": size - 1})
    )


@HONEST.add("tokens", "mask_zero in Keras, and the same weights of places by hand in torch")
def masked_tokens(draw: Draw) -> Case:
    size, width, time = draw.whole("size", 3, 9), draw.whole("width", 2, 5), draw.whole("time", 3, 6)

    def torch_side(t: Any) -> Any:
        class Table(t.nn.Embedding):
            def forward(self, tokens: Any) -> Any:
                real = (tokens != 0)[..., None].to(self.weight.dtype)
                return (super().forward(tokens) * real).sum(1) / real.sum(1).clamp(min=1e-300)

        return Table(size, width)

    def keras_side(k: Any, n: str) -> Any:
        def call(tokens: Any) -> Any:
            x = k.layers.Embedding(size, width, name=n)(tokens)
            real = k.ops.cast(k.ops.not_equal(tokens, 0), x.dtype)[..., None]
            return k.ops.sum(x * real, 1) / k.ops.maximum(k.ops.sum(real, 1), 1.0)

        return call

    step = Step("embedding", keras_side, torch_side)
    body = Body({"input": Input((time,), kind="tokens", size=size)}, [step, dense("last", width, 3)])
    return body.case(draw, Reveal(inputs={"input": 0}))


@HONEST.add("masks", "a mean over real places, divided, weighed or filled")
def masked_mean(draw: Draw) -> Case:
    masked = Masked(draw)
    written: Mapping[str, Any] = {
        "weights": lambda t, x, mask: torch_mean(x, mask),
        "filled": lambda t, x, mask: x.masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True).clamp(min=1),
        "einsum": lambda t, x, mask: t.einsum(
            "btc,bt->bc", x, mask.to(x.dtype) / mask.sum(1, keepdim=True).clamp(min=1)
        ),
    }
    return masked.case(masked_step(keras_mean, written[draw.one_of("torch", *written)]), masked.row(1, 3))


@HONEST.add("masks", "scores that are hidden by the same number, or by infinity, where one is real at least")
def masked_softmax(draw: Draw) -> Case:
    masked = Masked(draw)

    def keras_side(k: Any, x: Any, mask: Any) -> Any:
        scores = k.ops.where(mask, x[..., 0], -1e30)
        return k.ops.sum(x * k.ops.softmax(scores, -1)[..., None], 1)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        scores = x[..., 0].masked_fill(~mask, -1e30)
        return (x * t.softmax(scores, -1)[..., None]).sum(1)

    return masked.case(masked_step(keras_side, torch_side), masked.row())
