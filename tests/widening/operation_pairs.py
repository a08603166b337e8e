"""Pairs that differ in one operation, inside a layer of one's own or in the code between layers; lines are marked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twotrack import Pair

Function = Callable[[Any], Any]


def keras_gelu(x: Any) -> Any:
    from keras import ops

    return ops.gelu(x, approximate=True)  # keras gelu


def torch_gelu(x: Any) -> Any:
    from torch.nn import functional

    return functional.gelu(x)  # torch gelu


def keras_scale(x: Any) -> Any:
    from keras import ops

    centred = x - ops.mean(x, axis=-1, keepdims=True)
    return centred / 2.5  # keras scale


def torch_scale(x: Any) -> Any:
    centred = x - x.mean(-1, keepdim=True)
    return centred / 2.0  # torch scale


def keras_softmax(x: Any) -> Any:
    from keras import ops

    scores = ops.matmul(ops.expand_dims(x, 2), ops.expand_dims(x, 1))
    return ops.matmul(ops.softmax(scores, axis=1), ops.expand_dims(x, 2))[:, :, 0]  # keras softmax


def torch_softmax(x: Any) -> Any:
    scores = x[:, :, None] @ x[:, None]
    scores = scores * 4 / 4  # other steps to the same value
    return (scores.softmax(-1) @ x[:, :, None])[:, :, 0] + 0.1 * x  # torch softmax


def keras_epsilon(x: Any) -> Any:
    from keras import ops

    variance = ops.var(x, axis=-1, keepdims=True)
    return x * ops.rsqrt(variance + 1e-5)  # keras epsilon


def torch_epsilon(x: Any) -> Any:
    import torch

    variance = (x - x.mean(-1, keepdim=True)).square().mean(-1, keepdim=True)  # other steps to the same value
    return x * torch.rsqrt(variance + 1e-6)  # torch epsilon


def keras_clip(x: Any) -> Any:
    from keras import ops

    y = ops.abs(x) + 1.0
    return ops.minimum(y, 1.5) * x  # keras clip


def torch_clip(x: Any) -> Any:
    y = x.abs() + 1.0
    return y.clamp(max=1.75) * x  # torch clip


FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "gelu": (keras_gelu, torch_gelu),
    "scale": (keras_scale, torch_scale),
    "softmax": (keras_softmax, torch_softmax),
    "epsilon": (keras_epsilon, torch_epsilon),
    "clip": (keras_clip, torch_clip),
}


def line_of(mark: str) -> str:
    """Return the place of the line that ends with a mark, as a report names it."""
    lines = Path(__file__).read_text().splitlines()
    number = next(number for number, line in enumerate(lines, start=1) if line.endswith(f"# {mark}"))
    return f"tests/widening/operation_pairs.py:{number}"


def _keras_between(function: Function) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        x = keras.Input((6,), name="input")
        h = function(keras.layers.Dense(8, name="first")(x))
        return keras.Model(x, keras.layers.Dense(3, name="last")(h))

    return build


def _torch_between(function: Function) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

            def forward(self, x: Any) -> Any:
                return self.last(function(self.first(x)))

        return Net()

    return build


def _keras_inside(function: Function) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        class Block(keras.layers.Layer):
            def __init__(self, **options: Any):
                super().__init__(**options)
                self.first, self.last = keras.layers.Dense(8, name="first"), keras.layers.Dense(6, name="last")

            def call(self, x: Any) -> Any:
                return x + self.last(function(self.first(x)))

        x = keras.Input((6,), name="input")
        return keras.Model(x, keras.layers.Dense(3, name="out")(Block(name="block")(x)))

    return build


def _torch_inside(function: Function) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Block(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 6)

            def forward(self, x: Any) -> Any:
                return x + self.last(function(self.first(x)))

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.block, self.out = Block(), nn.Linear(6, 3)

            def forward(self, x: Any) -> Any:
                return self.out(self.block(x))

        return Net()

    return build


for _name, (_keras, _torch) in FUNCTIONS.items():
    globals()[f"BETWEEN_{_name.upper()}"] = Pair(_keras_between(_keras), _torch_between(_torch), (6,))
    globals()[f"INSIDE_{_name.upper()}"] = Pair(_keras_inside(_keras), _torch_inside(_torch), (6,))


# === Layers that share a name and are not the same ===


def misnamed_keras() -> Any:
    """A block that ends with its projection, then an activation."""
    import keras
    from keras import ops

    class Block(keras.layers.Layer):
        def __init__(self, **options: Any):
            super().__init__(**options)
            self.first, self.last = keras.layers.Dense(8, name="first"), keras.layers.Dense(6, name="last")

        def call(self, x: Any) -> Any:
            return self.last(ops.tanh(self.first(x)))

    x = keras.Input((6,), name="input")
    h = keras.ops.gelu(Block(name="block")(x) + x, approximate=True)  # keras misnamed
    return keras.Model(x, keras.layers.Dense(3, name="out")(h))


def misnamed_torch() -> Any:
    """The block adds its input itself."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 6)

        def forward(self, x: Any) -> Any:
            return x + self.last(torch.tanh(self.first(x)))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.act, self.out = Block(), nn.GELU(), nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            return self.out(self.act(self.block(x)))  # torch misnamed

    return Net()


MISNAMED = Pair(misnamed_keras, misnamed_torch, (6,))
