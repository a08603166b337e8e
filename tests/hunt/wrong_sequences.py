"""Wrong pairs over tokens and masks: ids that are hardly ever drawn, and masks that no drawn mask looks like."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.hunt.family import WRONG, Case, Reveal
from tests.hunt.network import Body, Step, dense, mean_of_sequence, tanh
from tests.support.families import Draw
from twotrack import Input


def embedding(size: int, width: int, keras: dict[str, Any] | None = None, torch: dict[str, Any] | None = None) -> Step:
    return Step(
        "embedding",
        lambda k, n: k.layers.Embedding(size, width, name=n, **(keras or {})),
        lambda t: t.nn.Embedding(size, width, **(torch or {})),
    )


class Tokens:
    """The parameters of a network over tokens whose vocabulary is large: few of its rows are ever drawn."""

    def __init__(self, draw: Draw):
        self.size, self.time = draw.whole("size", 20_000, 60_000), draw.whole("time", 2, 4)
        self.width, self.outputs = draw.whole("width", 2, 4), draw.whole("outputs", 2, 4)
        self.draw = draw

    def case(self, steps: list[Step], reveal: Reveal) -> Case:
        """Return the case of these steps, a mean over time and a dense layer."""
        steps = [*steps, tanh(), mean_of_sequence(), dense("last", self.width, self.outputs)]
        body = Body({"input": Input((self.time,), kind="tokens", size=self.size)}, steps)
        return body.case(self.draw, reveal, batch_size=2)


def on_one_side(draw: Draw, name: str, keras_function: Callable, torch_function: Callable) -> Step:
    """Return a step that is there on one side."""
    if draw.one_of("odd_side", "keras", "torch") == "torch":
        return Step(name, lambda k, n: lambda x: x, torch_function)
    return Step(name, keras_function, lambda t: lambda x: x)


@WRONG.add("tokens", "the last ids are clipped on one side")
def last_tokens(draw: Draw) -> Case:
    tokens, cut = Tokens(draw), draw.whole("cut", 1, 3)
    last = tokens.size - 1 - cut
    step = on_one_side(
        draw, "clip", lambda k, n: lambda x: k.ops.minimum(x, last), lambda t: lambda x: x.clamp(max=last)
    )
    return tokens.case([step, embedding(tokens.size, tokens.width)], Reveal(inputs={"input": tokens.size - 1}))


@WRONG.add("tokens", "id 0 or 1 stands for another one on one side")
def first_tokens(draw: Draw) -> Case:
    tokens, odd, other = Tokens(draw), draw.one_of("id", 0, 1), draw.whole("other", 2, 9)
    step = on_one_side(
        draw,
        "swap",
        lambda k, n: lambda x: k.ops.where(k.ops.equal(x, odd), other, x),
        lambda t: lambda x: t.where(x == odd, other, x),
    )
    return tokens.case([step, embedding(tokens.size, tokens.width)], Reveal(inputs={"input": odd}))


@WRONG.add("tokens", "mask_zero on one side, and id 0 is hardly ever drawn")
def mask_zero(draw: Draw) -> Case:
    tokens = Tokens(draw)
    step = embedding(tokens.size, tokens.width, {"mask_zero": True})
    return tokens.case([step], Reveal(inputs={"input": [[0] + [5] * (tokens.time - 1)]}))


@WRONG.add("tokens", "padding_idx on one side: its row is not trained")
def padding_row(draw: Draw) -> Case:
    tokens = Tokens(draw)
    row = draw.one_of("row", 0, 1, tokens.size - 1)
    step = embedding(tokens.size, tokens.width, torch={"padding_idx": row})
    return tokens.case([step], Reveal(by="trained", steps=2, inputs={"input": row}))


@WRONG.add("tokens", "padding_idx of a row that no batch may hold")
def any_padding_row(draw: Draw) -> Case:
    tokens = Tokens(draw)
    row = draw.whole("row", 2, tokens.size - 2)
    step = embedding(tokens.size, tokens.width, torch={"padding_idx": row})
    return tokens.case([step], Reveal(by="trained", steps=2, inputs={"input": row}))


@WRONG.add("tokens", "a token that repeats the one before it counts for less on one side")
def repeated_tokens(draw: Draw) -> Case:
    tokens, factor = Tokens(draw), draw.real("factor", 0.1, 0.9)

    def keras_side(k: Any, n: str) -> Any:
        def both(ids: Any) -> Any:
            x = k.layers.Embedding(tokens.size, tokens.width, name="embedding")(ids)
            repeats = k.ops.cast(k.ops.equal(ids[:, 1:], ids[:, :-1]), x.dtype)[..., None]
            return k.ops.concatenate([x[:, :1], x[:, 1:] * (1 - repeats * (1 - factor))], axis=1)

        return both

    step = Step("embedding", keras_side, lambda t: t.nn.Embedding(tokens.size, tokens.width))
    return tokens.case([step], Reveal(inputs={"input": 7}))


@WRONG.add("tokens", "rows of a table are shortened to a norm that no drawn row has")
def embedding_norm(draw: Draw) -> Case:
    size, width, norm = draw.whole("size", 5, 30), draw.whole("width", 2, 5), draw.real("norm", 6, 100)
    steps = [embedding(size, width, torch={"max_norm": norm}), mean_of_sequence(), dense("last", width, 3)]
    body = Body({"input": Input((draw.whole("time", 2, 5),), kind="tokens", size=size)}, steps)
    return body.case(draw, Reveal(weight_scale=30 * norm))


class Masked:
    """The parameters of a network over a sequence and its mask."""

    def __init__(self, draw: Draw):
        self.time, self.features = draw.whole("time", 4, 7), draw.whole("features", 2, 5)
        self.outputs = draw.whole("outputs", 2, 4)
        self.draw = draw

    def case(self, pooled: Step, mask: Any) -> Case:
        """Return the case of one step on (sequence, mask) and a dense layer, and the mask that shows the difference."""
        steps = [pooled, tanh(), dense("last", self.features, self.outputs)]
        inputs = {"sequence": Input((self.time, self.features)), "mask": Input((self.time,), kind="mask")}
        return Body(inputs, steps).case(self.draw, Reveal(inputs={"mask": mask}))

    def row(self, *real: int) -> list[list[bool]]:
        """Return the mask of an example with these real places."""
        return [[place in real for place in range(self.time)]]


def keras_mean(k: Any, x: Any, mask: Any, least: float = 1.0) -> Any:
    """The mean over real places; at least `least` is divided by."""
    weight = k.ops.cast(mask, x.dtype)[..., None]
    return k.ops.sum(x * weight, 1) / k.ops.maximum(k.ops.sum(weight, 1), least)


def torch_mean(x: Any, mask: Any, least: float = 1.0) -> Any:
    """As keras_mean."""
    weight = mask[..., None].to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp(min=least)


def masked_step(keras_function: Callable, torch_function: Callable) -> Step:
    """Return the step of two functions of (sequence, mask); Keras' gets keras first, torch's torch."""
    return Step(
        "pooled",
        lambda k, n: keras_layer_of_two(k, n, keras_function),
        lambda t: lambda both: torch_function(t, *both),
    )


def keras_layer_of_two(keras: Any, name: str, function: Callable) -> Any:
    class Pooled(keras.layers.Layer):
        def call(self, both: Any) -> Any:
            return function(keras, *both)

    return Pooled(name=name)


@WRONG.add("masks", "as many places from the front as the mask has, against the places that it marks")
def mask_with_holes(draw: Draw) -> Case:
    masked = Masked(draw)

    def by_length(t: Any, x: Any, mask: Any) -> Any:
        return torch_mean(x, t.arange(x.shape[1]) < mask.sum(1, keepdim=True))

    return masked.case(masked_step(keras_mean, by_length), masked.row(1, 3))


@WRONG.add("masks", "the last real place, counted or looked for")
def last_real(draw: Draw) -> Case:
    masked = Masked(draw)

    def keras_side(k: Any, x: Any, mask: Any) -> Any:
        places = k.ops.cast(k.ops.arange(x.shape[1]), "int32") * k.ops.cast(mask, "int32")
        last = k.ops.max(places, 1)
        return k.ops.sum(x * k.ops.one_hot(last, x.shape[1], dtype=x.dtype)[..., None], 1)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        return x[t.arange(len(x)), mask.sum(1).sub(1).clamp(min=0)]

    return masked.case(masked_step(keras_side, torch_side), masked.row(0, 2))


@WRONG.add("masks", "a mask that hides all but one place is ignored on one side")
def mask_of_one(draw: Draw) -> Case:
    masked, least = Masked(draw), draw.one_of("least", 0, 1)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        few = mask.sum(1, keepdim=True) <= least
        return torch_mean(x, mask | few)

    return masked.case(masked_step(keras_mean, torch_side), masked.row() if least == 0 else masked.row(2))


@WRONG.add("masks", "where nothing is real, one side has something else than zeros")
def mask_of_none(draw: Draw) -> Case:
    masked, value = Masked(draw), draw.real("value", 0.1, 3)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        return torch_mean(x, mask) + value * (~mask.any(1, keepdim=True))

    return masked.case(masked_step(keras_mean, torch_side), masked.row())


@WRONG.add("masks", "the first place counts on one side whatever the mask says")
def first_place(draw: Draw) -> Case:
    masked = Masked(draw)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        return torch_mean(x, mask | (t.arange(x.shape[1]) == 0))

    return masked.case(masked_step(keras_mean, torch_side), masked.row(2, 3))


@WRONG.add("masks", "hidden scores are lowered by a number on one side, which extreme scores outweigh")
def finite_mask(draw: Draw) -> Case:
    masked, low = Masked(draw), draw.real("low", 60, 1e4)

    def keras_side(k: Any, x: Any, mask: Any) -> Any:
        scores = k.ops.where(mask, x[..., 0], -1e30)
        return k.ops.sum(x * k.ops.softmax(scores, -1)[..., None], 1)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        scores = x[..., 0] - low * (~mask)
        return (x * t.softmax(scores, -1)[..., None]).sum(1)

    case = masked.case(masked_step(keras_side, torch_side), masked.row(0))
    return replace(case, reveal=Reveal(scale=20 * low, inputs=case.reveal.inputs))


@WRONG.add("masks", "a maximum over real places that starts at 0 on one side")
def maximum_from_zero(draw: Draw) -> Case:
    masked, lift = Masked(draw), draw.real("lift", 6, 9)

    def keras_side(k: Any, x: Any, mask: Any) -> Any:
        return k.ops.max(k.ops.where(mask[..., None], x + lift, -1e30), 1)

    def torch_side(t: Any, x: Any, mask: Any) -> Any:
        return ((x + lift) * mask[..., None]).amax(1)

    case = masked.case(masked_step(keras_side, torch_side), masked.row(0, 1))
    return replace(case, reveal=Reveal(scale=50, offset=-100, inputs=case.reveal.inputs))


@WRONG.add("masks", "attention that hides places behind a number of them, against the places that the mask hides")
def attention_mask(draw: Draw) -> Case:
    time, width, heads = draw.whole("time", 4, 6), draw.one_of("width", 4, 8), draw.one_of("heads", 1, 2)

    def keras_side(k: Any, n: str) -> Any:
        def call(both: Any) -> Any:
            sequence, mask = both
            layer = k.layers.MultiHeadAttention(heads, width // heads, name=n)
            return layer(sequence, sequence, attention_mask=k.ops.expand_dims(mask, 1))

        return call

    def torch_side(t: Any) -> Any:
        class Attention(t.nn.MultiheadAttention):
            def forward(self, both: Any) -> Any:
                sequence, mask = both
                mask = t.arange(mask.shape[1]) < mask.sum(1, keepdim=True)
                return super().forward(sequence, sequence, sequence, key_padding_mask=~mask, need_weights=False)[0]

        return Attention(width, heads, batch_first=True)

    steps = [Step("attention", keras_side, torch_side), mean_of_sequence(), dense("last", width, 3)]
    inputs = {"sequence": Input((time, width)), "mask": Input((time,), kind="mask")}
    row = [[place in (1, 3) for place in range(time)]]
    return Body(inputs, steps).case(draw, Reveal(inputs={"mask": row}))
