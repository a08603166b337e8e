"""Pairs that are trained on replicas: what shares out as it stands, and what several replicas do otherwise than one."""

from collections.abc import Callable
from typing import Any

from twotrack import EMA, SGD, Adam, AdamW, ClipGlobalNorm, ClipValue, CustomLoss, Huber, Input, Pair, Sophia

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


def _synchronised(layers: Any, x: Any) -> Any:
    norm = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, synchronized=True, name="norm")
    return layers.Dense(3, name="head")(layers.Activation("tanh")(norm(layers.Dense(16, name="hidden")(x))))


def _centred(layers: Any, x: Any) -> Any:
    """Take the mean over the rows of a batch away, which no layer of the frameworks does."""
    import keras

    x = layers.Dense(16, activation="tanh", name="hidden")(x)
    return layers.Dense(3, name="head")(x - keras.ops.mean(x, axis=0, keepdims=True))


def _torch_batch_norm(nn: Any) -> dict[str, Any]:
    from twotrack.torch_track.layers import BatchNorm1d

    return {"hidden": nn.Linear(6, 16), "norm": BatchNorm1d(16), "tanh": nn.Tanh(), "head": nn.Linear(16, 3)}


def _torch_synchronised(nn: Any) -> dict[str, Any]:
    return {"hidden": nn.Linear(6, 16), "norm": nn.SyncBatchNorm(16), "tanh": nn.Tanh(), "head": nn.Linear(16, 3)}


def _torch_centred(nn: Any) -> dict[str, Any]:
    class Centred(nn.Module):  # type: ignore[name-defined]
        def forward(self, x: Any) -> Any:
            return x - x.mean(0, keepdim=True)

    return {"hidden": nn.Linear(6, 16), "tanh": nn.Tanh(), "centre": Centred(), "head": nn.Linear(16, 3)}


def _torch_dense(nn: Any) -> dict[str, Any]:
    return {"hidden": nn.Linear(6, 16), "tanh": nn.Tanh(), "drop": nn.Dropout(0.25), "head": nn.Linear(16, 3)}


def _torch_layer_norm(nn: Any) -> dict[str, Any]:
    return {"hidden": nn.Linear(6, 16), "norm": nn.LayerNorm(16), "tanh": nn.Tanh(), "head": nn.Linear(16, 3)}


TOKENS = Input((5,), "tokens", 4)


def _keras_masked() -> Any:
    """Normalise what is no padding, which Keras does by hand under a mask."""
    import keras
    from keras import layers

    given = keras.Input((5,), dtype="int32")
    x = layers.Embedding(4, 6, mask_zero=True, name="words")(given)
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="norm")(x)
    return keras.Model(given, layers.Dense(3, name="head")(layers.GlobalAveragePooling1D()(x)))


def _torch_masked() -> Any:
    import torch
    from torch import nn

    class Norm(nn.BatchNorm1d):
        def forward(self, x: Any, real: Any) -> Any:
            mean, variance = self.running_mean, self.running_var
            if self.training:
                count, axes = real.sum() + 1e-7, (0, 1)
                mean = (x * real).sum(axes) / count
                variance = ((x - mean).square() * real).sum(axes) / count
                with torch.no_grad():
                    self.running_mean.lerp_(mean, 0.1)
                    self.running_var.lerp_(variance, 0.1)
            return (x - mean) / (variance + 1e-5).sqrt() * self.weight + self.bias

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.norm, self.head = nn.Embedding(4, 6), Norm(6), nn.Linear(6, 3)

        def forward(self, tokens: Any) -> Any:
            real = (tokens != 0).unsqueeze(-1)
            x = self.norm(self.words(tokens), real)
            return self.head((x * real).sum(1) / real.sum(1))

    return Network()


def _keras_sum() -> Any:
    import keras

    return keras.losses.MeanSquaredError(reduction="sum")


def _torch_sum() -> Any:
    return lambda outputs, targets: ((outputs - targets) ** 2).mean(-1).sum()


def _keras_scalar() -> Any:
    import keras

    class Squares(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return keras.ops.mean((y_pred - y_true) ** 2)

    return Squares()


def _torch_mean() -> Any:
    return lambda outputs, targets: ((outputs - targets) ** 2).mean()


def _pair(keras: Callable[[Any, Any], Any], torch: Callable[[Any], dict[str, Any]], **options: Any) -> Pair:
    return Pair(keras=_keras((6,), keras), torch=_torch(torch), input_shape=(6,), batch_size=ROWS, **options)


CLIPS = SGD(0.1, clip=ClipValue(1e-3))
"""Nearly every number of a gradient is larger."""

DENSE = _pair(_dense, _torch_dense, optimizer=Adam(learning_rate=1e-3))
BATCH_NORM = _pair(_batch_norm, _torch_batch_norm)
LAYER_NORM = _pair(_layer_norm, _torch_layer_norm)
SYNCHRONISED = _pair(_synchronised, _torch_synchronised)
CLIPPED = _pair(_dense, _torch_dense, optimizer=CLIPS)
CLIPPED_BATCH_NORM = _pair(_batch_norm, _torch_batch_norm, optimizer=CLIPS)
SUMMED = _pair(_dense, _torch_dense, optimizer=SGD(0.01), loss=CustomLoss(_keras_sum, _torch_sum, target="real"))
UPDATES = _pair(_dense, _torch_dense, optimizer=AdamW(1e-3, accumulate=2, clip=ClipGlobalNorm(0.1), average=EMA()))
OVERWRITTEN = _pair(_dense, _torch_dense, optimizer=AdamW(1e-3, average=EMA(overwrite_every=5)))
SOPHIA = _pair(_dense, _torch_dense, optimizer=Sophia(1e-3, interval=3))
SCALAR = _pair(_dense, _torch_dense, loss=CustomLoss(_keras_scalar, _torch_mean, target="real"))
SPECIFIED = _pair(_dense, _torch_dense, loss=Huber(delta=0.5))
"""A loss that twotrack writes itself, in Keras too."""
CENTRED = _pair(_centred, _torch_centred)
MASKED = Pair(keras=_keras_masked, torch=_torch_masked, input_shape=TOKENS, batch_size=ROWS)
"""Statistics of a share alone on every track but JAX, whatever it is asked for."""
