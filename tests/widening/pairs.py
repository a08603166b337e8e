"""Pairs whose models insist on float32 inside, or give mappings and dataclasses; each framework apart."""

from dataclasses import dataclass
from typing import Any

from twotrack import Input, Pair

LENGTH, SIZE = 6, 8
TOKENS = {"tokens": Input((LENGTH,), kind="tokens", size=11), "mask": Input((LENGTH,), kind="mask")}


# === float32 inside: rotary angles, root mean square, masked softmax ===


def narrow_keras(epsilon: float = 1e-6, dtype: str = "float32") -> Any:
    import keras
    from keras import ops

    class Scale(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            wide = ops.cast(x, dtype)
            root = ops.rsqrt(ops.mean(ops.square(wide), axis=-1, keepdims=True) + epsilon)
            return ops.cast(wide * root, self.compute_dtype)

    class Mix(keras.layers.Layer):
        def __init__(self, **options: Any):
            super().__init__(**options)
            self.softmax = keras.layers.Softmax(dtype="float32")

        def call(self, x: Any, mask: Any) -> Any:
            places = ops.arange(LENGTH, dtype="float32")
            angles = ops.power(ops.cast(10000.0, "float32"), -ops.arange(SIZE, dtype="float32") / SIZE)
            turned = x * ops.cast(ops.cos(ops.outer(places, angles)), x.dtype)
            scores = ops.matmul(turned, ops.transpose(turned, (0, 2, 1)))
            weights = self.softmax(scores, mask=ops.expand_dims(mask, 1))
            return ops.matmul(ops.cast(weights, x.dtype), x)

    tokens, mask = (
        keras.Input((LENGTH,), dtype=kind, name=name) for name, kind in (("tokens", "int32"), ("mask", "bool"))
    )
    x = keras.layers.Embedding(11, SIZE, name="table")(tokens)
    x = Mix(name="mix")(Scale(name="scale")(x), mask)
    return keras.Model([tokens, mask], keras.layers.Dense(3, name="out")(x))


def narrow_torch() -> Any:
    import torch
    from torch import nn

    class Scale(nn.Module):
        def forward(self, x: Any) -> Any:
            wide = x.to(torch.float32)
            return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x)

    class Mix(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            places, powers = torch.arange(LENGTH).float(), -torch.arange(SIZE, dtype=torch.float32) / SIZE
            self.register_buffer("turn", torch.outer(places, 10000.0**powers).cos(), persistent=False)

        def forward(self, x: Any, mask: Any) -> Any:
            turned = x * self.turn.to(x.dtype)
            scores = turned @ turned.transpose(1, 2)
            scores = scores + (~mask[:, None]).float() * torch.finfo(torch.float32).min
            return nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(x.dtype) @ x

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.scale, self.mix, self.out = nn.Embedding(11, SIZE), Scale(), Mix(), nn.Linear(SIZE, 3)

        def forward(self, tokens: Any, mask: Any) -> Any:
            return self.out(self.mix(self.scale(self.table(tokens)), mask))

    return Net()


def nearly_keras() -> Any:
    """Another epsilon, which makes a difference below what float32 shows."""
    return narrow_keras(epsilon=1.0001e-6)


def half_keras() -> Any:
    return narrow_keras(dtype="bfloat16")


NARROW = Pair(narrow_keras, narrow_torch, TOKENS)
NEARLY = Pair(nearly_keras, narrow_torch, TOKENS)
HALF = Pair(half_keras, narrow_torch, TOKENS)


# === Outputs ===


@dataclass
class Given:
    """What a torch module gives."""

    features: Any
    scores: Any
    cache: Any = None


def named_keras(names: tuple[str, str] = ("features", "scores")) -> Any:
    import keras

    x = keras.Input((5,), name="input")
    features = keras.layers.Dense(4, name="first")(x)
    return keras.Model(x, dict(zip(names, (features, keras.layers.Dense(2, name="second")(features)), strict=True)))


def renamed_keras() -> Any:
    return named_keras(("zs", "as"))


def single_keras() -> Any:
    import keras

    x = keras.Input((5,), name="input")
    return keras.Model(x, keras.layers.Dense(2, name="second")(keras.layers.Dense(4, name="first")(x)))


def named_torch() -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(5, 4), nn.Linear(4, 2)

        def forward(self, other: Any = None, x: Any = None) -> Given:
            features = self.first(x if other is None else other)
            return Given(features, self.second(features))

    return Net()


def swapped_torch() -> Any:
    """Gives under each name what the other name says."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(5, 4), nn.Linear(4, 4)

        def forward(self, x: Any) -> Given:
            features = self.first(x)
            return Given(self.second(features), features)

    return Net()


def alike_keras() -> Any:
    """Two outputs of one shape."""
    import keras

    x = keras.Input((5,), name="input")
    features = keras.layers.Dense(4, name="first")(x)
    return keras.Model(x, {"features": features, "scores": keras.layers.Dense(4, name="second")(features)})


BY_NAME = Pair(named_keras, named_torch, (5,))
BY_VALUE = Pair(renamed_keras, named_torch, (5,))
SWAPPED = Pair(alike_keras, swapped_torch, (5,))
ALONE = Pair(single_keras, named_torch, (5,))
CHOSEN = Pair(single_keras, named_torch, (5,), outputs={"output": "scores"})
UNKNOWN = Pair(single_keras, named_torch, (5,), outputs={"output": "logits"})
BY_KEYWORD = Pair(named_keras, named_torch, {"input": Input((5,), torch_name="x")})
