"""Pairs whose arithmetic is what it says, or is not: attention in another type, a cast on the way, sums in half."""

from typing import Any

from twotrack import Pair

WIDTH, STEPS, TERMS = 16, 12, 2048


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


def torch_attention_under_autocast() -> Any:
    import torch
    from torch import nn

    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = _torch_attention()

        def forward(self, given: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return self.inner(given)

    return Cast()


def _pair(keras: Any, torch: Any, **more: Any) -> Pair:
    return Pair(keras, torch, (STEPS, WIDTH), loss="mean_squared_error", **more)


HONEST = _pair(keras_attention, torch_attention)
FLOAT16_SOFTMAX = _pair(keras_attention, torch_attention_with_float16_softmax)
KERAS_FLOAT16_SOFTMAX = _pair(keras_attention_with_float16_softmax, torch_attention)
FLOAT32_SOFTMAX = _pair(keras_attention, torch_attention_with_float32_softmax)
CAST = _pair(keras_attention, torch_attention_cast)
AUTOCAST = _pair(keras_attention, torch_attention_under_autocast)
HALF_SUMS = Pair(keras_sums, torch_sums_in_half, (TERMS,), loss="mean_squared_error")
