"""Pairs whose arithmetic is what it says, or is not: attention in another type, a cast on the way, sums in half."""

from functools import partial
from typing import Any

from twotrack import Pair

WIDTH, STEPS, TERMS, ROWS = 16, 12, 2048, 192


def _keras_attention(softmax_type: str | None = None) -> Any:
    """A sequence attends to itself, twice; the softmax may be in a type of its own."""
    import keras
    from keras import layers, ops

    @keras.saving.register_keras_serializable("tests")
    class Softmax(layers.Layer):
        def call(self, scores: Any) -> Any:
            own = ops.cast(scores, softmax_type) if softmax_type else scores
            return ops.cast(ops.softmax(own, axis=-1), scores.dtype)

    given = keras.Input((STEPS, WIDTH))
    query, key, value = (layers.Dense(WIDTH, name=name)(given) for name in ("query", "key", "value"))
    scores = layers.Dot((2, 2), name="scores")([query, key])
    weights = Softmax(name="softmax")(scores)
    mixed = layers.Dot((2, 1), name="mixed")([weights, value])
    return keras.Model(given, layers.Dense(1, name="out")(mixed))


def keras_attention() -> Any:
    return _keras_attention()


def keras_attention_with_float16_softmax() -> Any:
    return _keras_attention("float16")


def _torch_attention(softmax_type: str | None = None, cast: str | None = None) -> Any:
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
            self.out = nn.Linear(WIDTH, 1)

        def forward(self, given: Any) -> Any:
            if cast:
                given = given.to(getattr(torch, cast)).to(given.dtype)
            scores = self.query(given) @ self.key(given).transpose(1, 2)
            own = scores.to(getattr(torch, softmax_type)) if softmax_type else scores
            weights = torch.softmax(own, -1).to(scores.dtype)
            return self.out(weights @ self.value(given))

    return Attention()


def torch_attention() -> Any:
    return _torch_attention()


def torch_attention_with_float16_softmax() -> Any:
    return _torch_attention("float16")


def torch_attention_with_float32_softmax() -> Any:
    return _torch_attention("float32")


def torch_attention_cast() -> Any:
    return _torch_attention(cast="float32")


def keras_sums() -> Any:
    import keras
    from keras import layers

    given = keras.Input((TERMS,))
    return keras.Model(given, layers.Dense(4, name="sums")(given))


def torch_sums_in_half() -> Any:
    """A dense layer whose kernel, in bfloat16, keeps its running sums in bfloat16, as some kernels of GPUs do."""
    import torch
    from torch import nn

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, given: Any, weight: Any) -> Any:
            ctx.save_for_backward(given, weight)
            if given.dtype != torch.bfloat16:
                return given @ weight.T
            total = torch.zeros(len(given), len(weight), dtype=torch.bfloat16)
            for term in range(given.shape[1]):
                total = total + given[:, term, None] * weight[:, term]
            return total

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            given, weight = ctx.saved_tensors
            return gradient @ weight, gradient.T @ given

    class Sums(nn.Linear):
        def forward(self, given: Any) -> Any:
            return Product.apply(given, self.weight) + self.bias

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sums = Sums(TERMS, 4)

        def forward(self, given: Any) -> Any:
            return self.sums(given)

    return Model()


def _keras_normalised_mean(features: int) -> Any:
    import keras
    from keras import layers, ops

    given = keras.Input((ROWS, 4))
    hidden = ops.sigmoid(layers.Dense(features, name="dense")(given))
    normalised = layers.LayerNormalization(epsilon=1e-3, name="norm")(ops.mean(hidden, 1))
    return keras.Model(given, layers.Dense(1, name="head")(normalised))


def _torch_normalised_mean_in_half(features: int) -> Any:
    """A mean whose kernel, in bfloat16, keeps its running sum in bfloat16, in front of a layer normalisation."""
    import torch
    from torch import nn

    class Mean(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, given: Any) -> Any:
            ctx.rows = given.shape[1]
            if given.dtype != torch.bfloat16:
                return given.mean(1)
            total = torch.zeros_like(given[:, 0])
            for row in range(ctx.rows):
                total = total + given[:, row]
            return total / ctx.rows

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return (gradient / ctx.rows)[:, None].expand(-1, ctx.rows, -1)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.head = nn.Linear(4, features), nn.Linear(features, 1)
            self.norm = nn.LayerNorm(features, eps=1e-3)

        def forward(self, given: Any) -> Any:
            return self.head(self.norm(Mean.apply(torch.sigmoid(self.dense(given)))))

    return Model()


def _pair(keras: Any, torch: Any, **more: Any) -> Pair:
    return Pair(keras, torch, (STEPS, WIDTH), loss="mean_squared_error", **more)


HONEST = _pair(keras_attention, torch_attention)
FLOAT16_SOFTMAX = _pair(keras_attention, torch_attention_with_float16_softmax)
KERAS_FLOAT16_SOFTMAX = _pair(keras_attention_with_float16_softmax, torch_attention)
FLOAT32_SOFTMAX = _pair(keras_attention, torch_attention_with_float32_softmax)
CAST = _pair(keras_attention, torch_attention_cast)
HALF_SUMS = Pair(keras_sums, torch_sums_in_half, (TERMS,), loss="mean_squared_error")
OPAQUE_MEAN_32, OPAQUE_MEAN_16 = (
    Pair(partial(_keras_normalised_mean, features), partial(_torch_normalised_mean_in_half, features), (ROWS, 4))
    for features in (32, 16)
)
