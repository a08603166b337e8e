"""Pairs that are trained on replicas: dense, batch and layer normalisation, convolutions, an LSTM, a Transformer."""

from collections.abc import Callable
from typing import Any

from twotrack import Adam, Pair

ROWS = 9
"""Of a batch: two replicas get 5 and 4."""


def _keras(shape: tuple[int, ...], make: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        given = keras.Input(shape, name="input")
        return keras.Model(given, make(keras.layers, given))

    return build


def _torch(make: Callable[[Any], dict[str, Any]]) -> Callable[[], Any]:
    def build() -> Any:
        import torch

        model = torch.nn.Sequential()
        for name, layer in make(torch.nn).items():
            model.add_module(name, layer)
        return model

    return build


def _dense(layers: Any, x: Any) -> Any:
    x = layers.Dropout(0.25)(layers.Dense(16, activation="tanh", name="hidden")(x))
    return layers.Dense(3, name="head")(x)


def _batch_norm(layers: Any, x: Any) -> Any:
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="norm")(layers.Dense(16, name="hidden")(x))
    return layers.Dense(3, name="head")(layers.Activation("tanh")(x))


def _layer_norm(layers: Any, x: Any) -> Any:
    x = layers.LayerNormalization(epsilon=1e-5, name="norm")(layers.Dense(16, name="hidden")(x))
    return layers.Dense(3, name="head")(layers.Activation("tanh")(x))


def _torch_batch_norm(nn: Any) -> dict[str, Any]:
    from twotrack.torch_track.layers import BatchNorm1d

    return {"hidden": nn.Linear(6, 16), "norm": BatchNorm1d(16), "tanh": nn.Tanh(), "head": nn.Linear(16, 3)}


DENSE = Pair(
    keras=_keras((6,), _dense),
    torch=_torch(
        lambda nn: {
            "hidden": nn.Linear(6, 16),
            "tanh": nn.Tanh(),
            "drop": nn.Dropout(0.25),
            "head": nn.Linear(16, 3),
        }
    ),
    input_shape=(6,),
    batch_size=ROWS,
    optimizer=Adam(learning_rate=1e-3),
)
BATCH_NORM = Pair(
    keras=_keras((6,), _batch_norm), torch=_torch(_torch_batch_norm), input_shape=(6,), batch_size=ROWS
)  # fmt: skip
LAYER_NORM = Pair(
    keras=_keras((6,), _layer_norm),
    torch=_torch(
        lambda nn: {
            "hidden": nn.Linear(6, 16),
            "norm": nn.LayerNorm(16),
            "tanh": nn.Tanh(),
            "head": nn.Linear(16, 3),
        }
    ),
    input_shape=(6,),
    batch_size=ROWS,
)
