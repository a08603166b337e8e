"""Pairs whose own code computes something else on each side, as hand-written ports do; each with a single cause."""

from collections.abc import Callable
from typing import Any

from tests.diagnosis.faults.fault import Fault, fault
from tests.support.named_pairs import named
from twotrack import Pair

STEPS, WIDTH, HEADS = 5, 8, 2


def keras_code(shape: tuple[int, ...], code: Callable[[Any, Any, Any], Any]) -> Callable[[], Any]:
    """Return a build function; `code` makes the output of keras, keras.layers and the input."""

    def build() -> Any:
        import keras

        x = keras.Input(shape)
        return keras.Model(x, code(keras, keras.layers, x))

    return build


def torch_code(layers: Callable[[Any], dict[str, Any]], code: Callable[[Any, Any, Any], Any]) -> Callable[[], Any]:
    """Return a build function; `code` makes the output of the module, torch.nn.functional and the input."""

    def build() -> Any:
        from torch import nn
        from torch.nn import functional

        class Coded(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                for name, layer in layers(nn).items():
                    self.add_module(name, layer)

            def forward(self, x: Any) -> Any:
                return code(self, functional, x)

        return Coded()

    return build


def two(nn: Any) -> dict[str, Any]:
    return {"first": nn.Linear(5, 4), "last": nn.Linear(4, 3)}


def between(keras: Callable[[Any, Any], Any], torch: Callable[[Any, Any], Any]) -> Pair:
    """Return two dense layers with code between them, of keras.ops and of functional."""
    return Pair(
        keras_code(
            (5,), lambda k, layers, x: layers.Dense(3, name="last")(keras(k.ops, layers.Dense(4, name="first")(x)))
        ),
        torch_code(two, lambda m, f, x: m.last(torch(f, m.first(x)))),
        (5,),
    )


def keras_normalised(ops: Any, x: Any) -> Any:
    mean = ops.mean(x, -1, keepdims=True)
    return (x - mean) / ops.sqrt(ops.var(x, -1, keepdims=True) + 1e-6)


def torch_normalised(f: Any, x: Any) -> Any:
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6)


def block(nn: Any) -> dict[str, Any]:
    return {"norm": nn.LayerNorm(6), "inner": nn.Linear(6, 6), "last": nn.Linear(6, 2)}


def keras_block(normalises_first: bool) -> Callable[[], Any]:
    def code(k: Any, layers: Any, x: Any) -> Any:
        norm, inner = (
            layers.LayerNormalization(epsilon=1e-5, name="norm"),
            layers.Dense(6, activation="relu", name="inner"),
        )
        y = layers.Add()([inner(norm(x)), x]) if normalises_first else norm(layers.Add()([inner(x), x]))
        return layers.Dense(2, name="last")(y)

    return keras_code((STEPS, 6), code)


def around_normalised(m: Any, f: Any, x: Any) -> Any:
    """The skip connection goes around the inner layer alone."""
    x = m.norm(x)
    return m.last(f.relu(m.inner(x)) + x)


def attention(nn: Any) -> dict[str, Any]:
    return {name: nn.Linear(WIDTH, WIDTH) for name in ("query", "key", "value")} | {"last": nn.Linear(WIDTH, 2)}


def keras_attention(k: Any, layers: Any, x: Any) -> Any:
    def apart(name: str) -> Any:
        y = k.ops.reshape(layers.Dense(WIDTH, name=name)(x), (-1, STEPS, HEADS, WIDTH // HEADS))
        return k.ops.transpose(y, (0, 2, 1, 3))

    query, key, value = map(apart, ("query", "key", "value"))
    weights = k.ops.softmax(k.ops.matmul(query, k.ops.transpose(key, (0, 1, 3, 2))) / 2.0, -1)
    y = k.ops.transpose(k.ops.matmul(weights, value), (0, 2, 1, 3))
    return layers.Dense(2, name="last")(k.ops.reshape(y, (-1, STEPS, WIDTH)))


def mixing_heads(m: Any, f: Any, x: Any) -> Any:
    """Heads are taken apart by a view alone, which mixes them with steps."""
    query, key, value = (one(x).view(len(x), HEADS, STEPS, -1) for one in (m.query, m.key, m.value))
    y = f.softmax(query @ key.transpose(-1, -2) / 2.0, -1) @ value
    return m.last(y.transpose(1, 2).reshape(len(x), STEPS, WIDTH))


def keras_causal(k: Any, layers: Any, x: Any) -> Any:
    import numpy as np

    query, key, value = (layers.Dense(WIDTH, name=name)(x) for name in ("query", "key", "value"))
    scores = k.ops.matmul(query, k.ops.transpose(key, (0, 2, 1))) - 1e9 * np.triu(np.ones((STEPS, STEPS)), 1)
    return layers.Dense(2, name="last")(k.ops.matmul(k.ops.softmax(scores, -1), value))


def causal(mask: Callable[[Any], Any] | None) -> Pair:
    """Return attention in code whose mask in torch is made of a matrix of True."""

    def code(m: Any, f: Any, x: Any) -> Any:
        import torch

        scores = (m.query(x) @ m.key(x).transpose(1, 2))[:, None]
        if mask:
            hides = mask(torch.ones(STEPS, STEPS, dtype=torch.bool, device=x.device))
            scores = scores.masked_fill(hides[None, None], -1e9)
        return m.last(f.softmax(scores, -1)[:, 0] @ m.value(x))

    return Pair(keras_code((STEPS, WIDTH), keras_causal), torch_code(attention, code), (STEPS, WIDTH))


def keras_gated(k: Any, layers: Any, x: Any) -> Any:
    inner, gate = layers.Dense(5, name="inner")(x), layers.Dense(5, activation="sigmoid", name="gate")(x)
    return layers.Dense(2, name="last")(gate * inner + (1 - gate) * x)


def gated(nn: Any) -> dict[str, Any]:
    return {"inner": nn.Linear(5, 5), "gate": nn.Linear(5, 5), "last": nn.Linear(5, 2)}


def keeping(m: Any, f: Any, x: Any) -> Any:
    """The gate keeps back what it lets through in Keras."""
    gate = m.gate(x).sigmoid()
    return m.last((1 - gate) * m.inner(x) + gate * x)


def keras_normed(k: Any, layers: Any, x: Any) -> Any:
    return layers.Dense(2, name="last")(layers.BatchNormalization(epsilon=1e-5, name="norm")(x))


def frozen(m: Any, f: Any, x: Any) -> Any:
    """The forward puts a batch normalisation into evaluation mode, as fine-tuning does."""
    return m.last(m.norm.eval()(x))


def keras_last_step(k: Any, layers: Any, x: Any) -> Any:
    return layers.Dense(2, name="last")(layers.Dense(4, name="first")(x)[:, -1])


def keras_positions(k: Any, layers: Any, x: Any) -> Any:
    import numpy as np

    y = layers.Dense(4, name="first")(x) + np.sin(np.arange(12.0).reshape(3, 4))
    return layers.Dense(3, name="last")(layers.Dense(4, activation="relu", name="inner")(y))


def torch_positions(m: Any, f: Any, x: Any) -> Any:
    import torch

    table = torch.arange(12.0, dtype=x.dtype, device=x.device).reshape(3, 4).cos()
    return m.last(f.relu(m.inner(m.first(x) + table)))


def pooled(nn: Any) -> dict[str, Any]:
    return {"conv": nn.Conv2d(2, 3, 3), "pool": nn.MaxPool2d(2, ceil_mode=True), "last": nn.Linear(3, 2)}


def keras_pooled(pools: bool) -> Callable[[], Any]:
    def code(k: Any, layers: Any, x: Any) -> Any:
        y = layers.Conv2D(3, 3, name="conv")(x)
        y = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(y)) if pools else layers.GlobalMaxPooling2D()(y)
        return layers.Dense(2, name="last")(y)

    return keras_code((7, 7, 2), code)


WRONG: dict[str, Fault] = {
    "QUICK_GELU": fault(
        between(lambda ops, x: x * ops.sigmoid(1.702 * x), lambda f, x: f.gelu(x)), "forward", "call", "quick_gelu"
    ),
    "WRITTEN_OUT": fault(
        between(lambda ops, x: ops.gelu(x, approximate=False), lambda f, x: x * (1.702 * x).sigmoid()),
        "forward", "sum", "gelu of what 'first' gives in Keras",
    ),
    "DEVIATION": fault(
        between(keras_normalised, torch_normalised), "forward", "call", "root of the biased variance plus 1e-06"
    ),
    "SCALED_SCORES": fault(
        between(lambda ops, x: ops.softmax(x / 5**0.5), lambda f, x: f.softmax(x, -1)),
        "forward", "call", "Keras multiplies what softmax (call 1 of it) is given by 0.447214 (1 / sqrt(5))",
    ),
    "SCALED_RESIDUAL": fault(
        between(lambda ops, x: x + 0.1 * ops.tanh(x), lambda f, x: x + f.tanh(x)),
        "forward", "call", "Keras multiplies the second of the two values of add (call 1 of it) by 0.1",
    ),
    "GATE": fault(
        Pair(keras_code((5,), keras_gated), torch_code(gated, keeping), (5,)),
        "forward", "call", "1 - sigmoid where torch computes sigmoid",
    ),
    "HIDDEN_DIAGONAL": fault(
        causal(lambda ones: ones.triu(0)), "forward", "call", "hides every step from itself on one side alone"
    ),
    "OTHER_DIRECTION": fault(causal(lambda ones: ones.tril(-1)), "forward", "call", "rows and columns exchanged"),
    "OPPOSITE_MASK": fault(causal(lambda ones: ones.tril()), "forward", "call", "hides in Keras what it lets through"),
    "NO_MASK": fault(causal(None), "forward", "call", "a step looks at no later step in Keras, at all steps in torch"),
    "FROZEN_IN_TORCH": fault(
        Pair(
            keras_code((4,), keras_normed),
            torch_code(lambda nn: {"norm": nn.BatchNorm1d(4), "last": nn.Linear(4, 2)}, frozen),
            (4,),
        ),
        "range", "statistics", "the running statistics of 'norm' stay as they are in torch",
    ),
    "LAST_EXAMPLE": fault(
        Pair(
            keras_code((3, 5), keras_last_step),
            torch_code(
                lambda nn: {"first": nn.Linear(5, 4), "last": nn.Linear(4, 2)}, lambda m, f, x: m.last(m.first(x)[-1])
            ),
            (3, 5),
        ),
        "data", "sum", "the last step along axis 1 of what 'first' gives",
    ),
    "NORM_IN_FRONT": fault(
        Pair(
            keras_block(normalises_first=False),
            torch_code(block, lambda m, f, x: m.last(f.relu(m.inner(m.norm(x))) + x)),
            (STEPS, 6),
        ),
        "forward", "moved layer", "'norm' stands in front of 'last' in Keras",
    ),
    "SKIP_AROUND_LESS": fault(
        Pair(keras_block(normalises_first=True), torch_code(block, around_normalised), (STEPS, 6)),
        "forward", "sum", "Keras has what 'norm' is given where torch has what 'norm' gives",
    ),
    "MIXED_HEADS": fault(
        Pair(keras_code((STEPS, WIDTH), keras_attention), torch_code(attention, mixing_heads), (STEPS, WIDTH)),
        "forward", "value", "taken apart",
    ),
    "POSITIONS": fault(
        Pair(
            keras_code((3, 5), keras_positions),
            torch_code(lambda nn: two(nn) | {"inner": nn.Linear(4, 4)}, torch_positions),
            (3, 5),
        ),
        "forward", "value", "one table of numbers (3, 4)",
    ),
    "WINDOW_AT_THE_END": fault(
        Pair(keras_pooled(True), torch_code(pooled, lambda m, f, x: m.last(m.pool(m.conv(x)).mean((2, 3)))), (7, 7, 2)),
        "forward", "hyperparameter", "not whole at the end",
    ),
    "OTHER_REDUCTION": fault(
        Pair(keras_pooled(False), torch_code(pooled, lambda m, f, x: m.last(m.conv(x).mean((2, 3)))), (7, 7, 2)),
        "forward", "sum", "the max over axes 1, 2 of what 'conv' gives",
    ),
}  # fmt: skip
"""By name."""


__getattr__ = named({name: wrong.pair for name, wrong in WRONG.items()})
