"""Pairs whose sides part in a piece that neither ordinary nor wide inputs reach, and pairs that are one model.

Each has two dense layers, and something of its own between them or behind them on one side or on both.
"""

from collections.abc import Callable
from typing import Any

from twotrack import Input, Pair

Change = Callable[[Any, Any], Any]
"""Maps the functions of a framework, as `_keras_functions` has them, and a value to what becomes of it."""


def same(functions: Any, x: Any) -> Any:
    return x


def _keras(middle: Change, end: Change) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import ops

        class Network(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.dense1 = keras.layers.Dense(6, name="dense1")
                self.dense2 = keras.layers.Dense(3, name="dense2")

            def call(self, x: Any) -> Any:
                return end(ops, self.dense2(middle(ops, self.dense1(x))))

        return Network()

    return build


class TorchFunctions:
    """PyTorch's functions under the names that keras.ops has."""

    def __init__(self) -> None:
        import torch

        self.torch = torch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch.nn.functional if name.startswith("relu") else self.torch, name)

    def cast(self, x: Any, dtype: Any) -> Any:
        return x.to(dtype)


def _torch(middle: Change, end: Change) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.dense1, self.dense2 = nn.Linear(4, 6), nn.Linear(6, 3)

            def forward(self, x: Any) -> Any:
                functions = TorchFunctions()
                return end(functions, self.dense2(middle(functions, self.dense1(x))))

        return Network()

    return build


def pair(torch: Change = same, keras: Change = same, torch_end: Change = same, keras_end: Change = same) -> Pair:
    return Pair(keras=_keras(keras, keras_end), torch=_torch(torch, torch_end), input_shape=(4,))


# === What lies beyond ===


def clamped(limit: float) -> Change:
    return lambda functions, x: functions.minimum(x, functions.zeros_like(x) + limit)


def band(centre: float, width: float) -> Change:
    """Adds 1 where x is near a number."""
    return lambda functions, x: x + functions.cast(functions.abs(x - centre) < width, x.dtype)


def corner(functions: Any, x: Any) -> Any:
    """Adds 1 where three numbers lie in narrow places at once."""
    first = functions.logical_and(x[:, 0] > 123.4, x[:, 1] < -55.5)
    both = functions.logical_and(first, functions.abs(x[:, 2] - 7.7) < 1e-3)
    return x + functions.cast(both, x.dtype)[:, None]


def saturating(size: float, limit: float | None) -> Change:
    """A tanh of what is far larger than any input, with or without a clamp near its end."""

    def change(functions: Any, x: Any) -> Any:
        y = functions.tanh(x / size) * 10.0
        return y if limit is None else functions.minimum(y, functions.zeros_like(y) + limit)

    return change


WRONG = {
    "FAR_CLAMP": pair(torch=clamped(3e9)),
    "FAR_CLAMP_IN_KERAS": pair(keras=clamped(3e9)),
    "NARROW_BAND": pair(torch=band(3.7, 1e-6)),
    "NARROW_BAND_IN_KERAS": pair(keras=band(-812.5, 1e-6)),
    "BAND_BEHIND_ALL": pair(torch_end=band(41.3, 1e-6)),
    "CORNER": pair(torch=corner),
    "SATURATED": pair(torch=saturating(1e9, 9.0), keras=saturating(1e9, None)),
}
globals().update(WRONG)

# === One model ===


def never(functions: Any, x: Any) -> Any:
    """A ReLU of what is never negative, which no bounds of single operations prove: |x| - x."""
    return functions.relu(functions.abs(x) - x + 1e-3)


def needless(functions: Any, x: Any) -> Any:
    """ReLUs and clamps that what is before them makes needless."""
    y = functions.relu(functions.relu(x) + 1.0)
    return functions.minimum(functions.sigmoid(y), functions.zeros_like(y) + 6.0)


HONEST = {
    "SAME_BAND": pair(band(3.7, 1e-6), band(3.7, 1e-6)),
    "SAME_CLAMP": pair(clamped(3e9), clamped(3e9)),
    "NEEDLESS": pair(needless, needless),
}
NAMED = {"NEVER": pair(never, never)}
"""One model whose piece cannot be reached, nor be proved impossible: it passes with an exception."""
globals().update(HONEST | NAMED)


# === Rows of tables ===


def _keras_table(skipped: int | None) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import ops

        class Network(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.tokens = keras.layers.Embedding(3000, 4, name="tokens")
                self.dense = keras.layers.Dense(2, name="dense")

            def call(self, x: Any) -> Any:
                y = self.tokens(x)
                if skipped is not None:
                    y = y * ops.expand_dims(ops.cast(ops.not_equal(x, skipped), y.dtype), -1)
                return self.dense(ops.mean(y, axis=1))

        return Network()

    return build


def _torch_table(skipped: int | None) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.tokens, self.dense = nn.Embedding(3000, 4), nn.Linear(4, 2)

            def forward(self, x: Any) -> Any:
                y = self.tokens(x)
                return self.dense((y if skipped is None else y * (x != skipped).to(y.dtype)[..., None]).mean(dim=1))

        return Network()

    return build


def table(torch: int | None, keras: int | None) -> Pair:
    return Pair(_keras_table(keras), _torch_table(torch), Input((5,), "tokens", 3000))


WRONG_TABLES = {"SKIPPED_ROW": table(1717, None), "SKIPPED_ROW_IN_KERAS": table(None, 2311)}
HONEST_TABLES = {"TABLE": table(None, None), "SAME_ROW": table(1717, 1717)}
globals().update(WRONG_TABLES | HONEST_TABLES)
