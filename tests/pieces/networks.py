"""Pairs with one piecewise function each between two dense layers, as a layer or as a function of the framework."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import Input, Pair

UNITS = 5


def between(keras: Callable[[Any], Any], torch: Callable[[Any], Any]) -> Pair:
    """The function is the layer `act`."""
    return Pair(
        keras=sequential(
            lambda k: k.Input((4,)),
            lambda k: k.Dense(UNITS, name="dense1"),
            keras,
            lambda k: k.Dense(2, name="dense2"),
        ),
        torch=modules(dense1=lambda nn: nn.Linear(4, UNITS), act=torch, dense2=lambda nn: nn.Linear(UNITS, 2)),
        input_shape=(4,),
        batch_size=32,
    )


def named(kind: str) -> Callable[[Any], Any]:
    return lambda k: k.Activation(kind, name="act")


ACTIVATIONS: dict[str, tuple[Pair, tuple[float, ...]]] = {
    "RELU": (between(lambda k: k.ReLU(name="act"), lambda nn: nn.ReLU()), (0,)),
    "RELU6": (between(lambda k: k.ReLU(6.0, name="act"), lambda nn: nn.ReLU6()), (0, 6)),
    "LEAKY": (between(lambda k: k.LeakyReLU(0.1, name="act"), lambda nn: nn.LeakyReLU(0.1)), (0,)),
    "ELU": (between(lambda k: k.ELU(name="act"), lambda nn: nn.ELU()), (0,)),
    "SELU": (between(named("selu"), lambda nn: nn.SELU()), (0,)),
    "CELU": (between(named("celu"), lambda nn: nn.CELU()), (0,)),
    "PRELU": (between(lambda k: k.PReLU(name="act"), lambda nn: nn.PReLU(UNITS)), (0,)),
    "HARD_TANH": (between(named("hard_tanh"), lambda nn: nn.Hardtanh()), (-1, 1)),
    "HARD_SIGMOID": (between(named("hard_sigmoid"), lambda nn: nn.Hardsigmoid()), (-3, 3)),
    "HARD_SWISH": (between(named("hard_silu"), lambda nn: nn.Hardswish()), (-3, 3)),
    "HARD_SHRINK": (between(named("hard_shrink"), lambda nn: nn.Hardshrink()), (-0.5, 0.5)),
    "SOFT_SHRINK": (between(named("soft_shrink"), lambda nn: nn.Softshrink()), (-0.5, 0.5)),
    "SOFTSIGN": (between(named("softsign"), lambda nn: nn.Softsign()), (0,)),
}
"""A pair, and where the function has its corners, by name."""
globals().update({name: pair for name, (pair, _) in ACTIVATIONS.items()})

SMOOTH = {
    "TANH": between(named("tanh"), lambda nn: nn.Tanh()),
    "SOFTMAX": between(lambda k: k.Softmax(name="act"), lambda nn: nn.Softmax(-1)),
    "LOG_SOFTMAX": between(named("log_softmax"), lambda nn: nn.LogSoftmax(-1)),
    "GELU": between(named("gelu"), lambda nn: nn.GELU(approximate="tanh")),
    "SILU": between(named("silu"), lambda nn: nn.SiLU()),
    "LAYER_NORM": between(lambda k: k.LayerNormalization(epsilon=1e-5, name="act"), lambda nn: nn.LayerNorm(UNITS)),
}
globals().update(SMOOTH)

POOLED = Pair(
    keras=sequential(
        lambda k: k.Input((6, 6, 2)),
        lambda k: k.Conv2D(3, 3, padding="same", name="conv"),
        lambda k: k.MaxPooling2D(2, name="pool"),
        lambda k: k.GlobalMaxPooling2D(name="most"),
        lambda k: k.Dense(2, name="dense"),
    ),
    torch=modules(
        conv=lambda nn: nn.Conv2d(2, 3, 3, padding="same"),
        pool=lambda nn: nn.MaxPool2d(2),
        most=lambda nn: nn.AdaptiveMaxPool2d(1),
        flat=lambda nn: nn.Flatten(),
        dense=lambda nn: nn.Linear(3, 2),
    ),
    input_shape=(6, 6, 2),
)


def _keras_masked() -> Any:
    import keras
    from keras import layers, ops

    tokens = keras.Input((7,), dtype="int32", name="tokens")
    mask = keras.Input((7,), dtype="bool", name="mask")
    x = layers.Embedding(11, 4, name="table")(tokens)
    x = ops.where(ops.expand_dims(mask, -1), x, 0.0)
    return keras.Model([tokens, mask], layers.Dense(2, name="dense")(ops.sum(x, axis=1)))


def _torch_masked() -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.dense = nn.Embedding(11, 4), nn.Linear(4, 2)

        def forward(self, tokens: Any, mask: Any) -> Any:
            x = torch.where(mask[..., None], self.table(tokens), 0.0)
            return self.dense(x.sum(dim=1))

    return Network()


MASKED = Pair(_keras_masked, _torch_masked, {"tokens": Input((7,), "tokens", 11), "mask": Input((7,), "mask")})
