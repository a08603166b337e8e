"""Faults of attention: of torch's layer and written by hand."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from tests.conformance.faults.family import FAULTS, Called, Part, Plant, Spot, Truth
from tests.conformance.faults.signs import argues, maps, masks, reorders, skips
from tests.support.families import Draw

WIDTH = 8
BLOCK = ("recurrent", "signal", "tokens")


def _fused(spot: Spot) -> Part:
    """Return one projection for queries, keys and values."""
    return Part(
        spot.called("qkv"),
        lambda k, n: k.layers.Dense(3 * WIDTH, name=n),
        lambda t: t.nn.Linear(spot.width, 3 * WIDTH),
    )


def _out(spot: Spot) -> Part:
    return Part(
        spot.called("projection"),
        lambda k, n: k.layers.Dense(spot.width, name=n),
        lambda t: t.nn.Linear(WIDTH, spot.width),
    )


Axes = tuple[str, ...]


def _keras_apart(k: Any, x: Any, order: Axes, time: int, heads: int) -> tuple:
    """Return queries, keys and values (batch, heads, time, size) of one projection whose axis counts as `order`."""
    sizes = {"role": 3, "head": heads, "size": WIDTH // heads}
    x = k.ops.reshape(x, (-1, time, *(sizes[name] for name in order)))
    x = k.ops.transpose(x, (2 + order.index("role"), 0, 2 + order.index("head"), 1, 2 + order.index("size")))
    return x[0], x[1], x[2]


def _torch_apart(x: Any, order: Axes, heads: int) -> tuple:
    sizes = {"role": 3, "head": heads, "size": WIDTH // heads}
    x = x.unflatten(-1, tuple(sizes[name] for name in order))
    return x.permute(2 + order.index("role"), 0, 2 + order.index("head"), 1, 2 + order.index("size")).unbind(0)


def _keras_attend(k: Any, q: Any, key: Any, v: Any, scale: float) -> Any:
    weights = k.ops.softmax(k.ops.matmul(q, k.ops.swapaxes(key, -1, -2)) * scale, axis=-1)
    return k.ops.matmul(weights, v)


def _by_hand(
    spot: Spot, heads: int, keras_order: Axes, torch_order: Axes, roles: Sequence[Sequence[int]] = ((0, 1, 2),) * 2
) -> list[Part]:
    """Return attention whose projection the sides take apart in an order of axes and of roles each."""
    time, scale = spot.sizes[0], 1 / sqrt(WIDTH / heads)

    def keras_side(k: Any, n: str) -> Any:
        def attend(x: Any) -> Any:
            parts = _keras_apart(k, x, keras_order, time, heads)
            given = _keras_attend(k, *(parts[role] for role in roles[0]), scale)
            return k.ops.reshape(k.ops.transpose(given, (0, 2, 1, 3)), (-1, time, WIDTH))

        return attend

    def torch_side(t: Any) -> Any:
        def attend(x: Any) -> Any:
            parts = _torch_apart(x, torch_order, heads)
            given = t.nn.functional.scaled_dot_product_attention(*(parts[role] for role in roles[1]))
            return given.transpose(1, 2).flatten(2)

        return attend

    return [_fused(spot), Part(spot.called("attend"), keras_side, torch_side, paired=False), _out(spot)]


@FAULTS.add("attention", "queries, keys and values in another order in one projection", ("sequence",), BLOCK, count=2)
def qkv_order(draw: Draw, spot: Spot) -> Plant:
    keras, torch = draw.one_of("roles", ((0, 1, 2), (1, 0, 2)), ((0, 1, 2), (2, 0, 1)), ((1, 2, 0), (0, 1, 2)))
    axes = ("role", "head", "size")
    parts = _by_hand(spot, draw.one_of("heads", 2, 4), axes, axes, (keras, torch))
    signs = (maps("order"), reorders(spot.called("qkv")))
    return Plant(Truth("forward", spot.called("projection"), ("order",), signs), parts)


@FAULTS.add("attention", "one projection taken apart by heads first or by roles first", ("sequence",), BLOCK)
def heads_order(draw: Draw, spot: Spot) -> Plant:
    by_role, by_head = ("role", "head", "size"), ("head", "role", "size")
    keras, torch = draw.one_of("axes", (by_role, by_head), (by_head, by_role), (by_role, ("role", "size", "head")))
    parts = _by_hand(spot, draw.one_of("heads", 2, 4), keras, torch)
    signs = (maps("order"), reorders(spot.called("qkv")))
    return Plant(Truth("forward", spot.called("projection"), ("order",), signs), parts)


@FAULTS.add("attention", "how large the scores are before the softmax", ("sequence",), BLOCK, count=2)
def attention_scale(draw: Draw, spot: Spot) -> Plant:
    """Queries, keys and values of one head each, by a projection of their own."""
    odd, form = draw.one_of("odd_side", "keras", "torch"), draw.one_of("torch", "function", "by hand")
    scale, other = 1 / sqrt(WIDTH), draw.one_of("scale", 1.0, 1 / WIDTH, 1 / sqrt(2 * WIDTH))
    keras, torch = (other, scale) if odd == "keras" else (scale, other)

    def torch_side(t: Any) -> Any:
        if form == "function":
            return lambda q, k, v: t.nn.functional.scaled_dot_product_attention(q, k, v, scale=torch)
        return lambda q, k, v: t.softmax(q @ k.mT * torch, -1) @ v

    names = [spot.called(name) for name in ("queries", "keys", "values")]
    parts = [_role(spot, name) for name in names]
    attend = Part(
        spot.called("attend"), lambda k, n: lambda *x: _keras_attend(k, *x, keras), torch_side, names, paired=False
    )
    factor = keras / torch
    signs = (argues("scaled_dot_product_attention", "scale", keras), argues("mul", "other", keras),
             maps("scale", at=names[:2], factor=factor),
             skips("mul", "__mul__"))  # fmt: skip
    return Plant(Truth("forward", spot.called("projection"), (), signs), [*parts, attend, _out(spot)])


def _role(spot: Spot, name: str) -> Part:
    return Part(name, lambda k, n: k.layers.Dense(WIDTH, name=n), lambda t: t.nn.Linear(spot.width, WIDTH), gives=name)


@FAULTS.add("attention", "a step that looks ahead on one side only", ("sequence",), BLOCK, count=2)
def causal_mask(draw: Draw, spot: Spot) -> Plant:
    form, odd = draw.one_of("torch", "layer", "function"), draw.one_of("causal_side", "keras", "torch")
    time = spot.sizes[0]
    if form == "layer":
        return _causal_layer(spot, odd, time)
    names = [spot.called(name) for name in ("queries", "keys", "values")]

    def keras_side(k: Any, n: str) -> Any:
        def attend(q: Any, key: Any, v: Any) -> Any:
            hidden = k.ops.triu(k.ops.ones((time, time), dtype=q.dtype), 1) * (-1e9 if odd == "keras" else 0.0)
            scores = k.ops.matmul(q, k.ops.swapaxes(key, -1, -2)) / sqrt(WIDTH) + hidden
            return k.ops.matmul(k.ops.softmax(scores, axis=-1), v)

        return attend

    def torch_side(t: Any) -> Any:
        return lambda q, k, v: t.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=odd == "torch")

    attend = Part(spot.called("attend"), keras_side, torch_side, names, paired=False)
    signs = (argues("scaled_dot_product_attention", "is_causal", odd == "keras"),)
    parts = [*(_role(spot, name) for name in names), attend, _out(spot)]
    return Plant(Truth("forward", spot.called("projection"), ("is_causal|causal",), signs), parts)


def _causal_layer(spot: Spot, odd: str, time: int) -> Plant:
    name = spot.called("attention")
    heads = 2

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.MultiHeadAttention(heads, spot.width // heads, name=n)
        return lambda x: layer(x, x, use_causal_mask=odd == "keras")

    def torch_side(t: Any) -> Called:
        module = t.nn.MultiheadAttention(spot.width, heads, batch_first=True)
        mask = t.triu(t.ones(time, time, dtype=t.bool), 1) if odd == "torch" else None
        return Called(module, lambda m, x: m(x, x, x, attn_mask=mask, need_weights=False)[0])

    signs = (masks(name, odd == "keras"),)
    return Plant(Truth("forward", name, ("mask|causal|ahead|later step",), signs), [Part(name, keras_side, torch_side)])


@FAULTS.add("attention", "a mask that says in torch what to leave out", ("sequence",), BLOCK)
def inverted_mask(draw: Draw, spot: Spot) -> Plant:
    """The mask is made of what the layer is given: the first step, and where a feature is above 0."""
    name, heads = spot.called("attention"), draw.one_of("heads", 1, 2)

    def keras_side(k: Any, n: str) -> Any:
        layer = k.layers.MultiHeadAttention(heads, spot.width // heads, name=n)

        def attend(x: Any) -> Any:
            steps = k.ops.arange(spot.sizes[0])
            seen = k.ops.logical_and(k.ops.logical_or(x[..., 0] > 0, steps == 0), steps != 1)
            return layer(x, x, attention_mask=seen[:, None, :])

        return attend

    def torch_side(t: Any) -> Called:
        module = t.nn.MultiheadAttention(spot.width, heads, batch_first=True)

        def attend(m: Any, x: Any) -> Any:
            steps = t.arange(spot.sizes[0])
            seen = ((x[..., 0] > 0) | (steps == 0)) & (steps != 1)
            return m(x, x, x, key_padding_mask=seen, need_weights=False)[0]

        return Called(module, attend)

    truth = Truth("forward", name, ("mask",), (maps("logical_not", at=(name,)),))
    return Plant(truth, [Part(name, keras_side, torch_side)])
