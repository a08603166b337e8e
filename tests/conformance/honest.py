"""Pairs that really are one model, written the way people write them; the ladder must raise no alarm."""

from typing import Any

from tests.conformance.planted import ATTENTION, LSTM, modules, sequential  # noqa: F401 - two more honest pairs
from twotrack import SGD, Adam, AdamW, CustomLoss, Input, OneCycle, Pair, RMSprop


def _keras_functional() -> Any:
    """Two inputs, two outputs, fused activations, one layer used twice."""
    import keras
    from keras import layers

    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(5, activation="relu", name="shared")
    both = layers.Concatenate(name="join")([shared(left), shared(layers.Dense(6, name="widen")(right))])
    first = layers.Dense(2, name="first")(both)
    second = layers.Dense(3, activation="gelu", name="second")(both)
    return keras.Model([left, right], [first, second])


def _torch_functional() -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.widen = nn.Linear(6, 5), nn.Linear(4, 6)
            self.first, self.second = nn.Linear(10, 2), nn.Linear(10, 3)

        def forward(self, left, right):
            left, right = self.shared(left).relu(), self.shared(self.widen(right)).relu()
            both = torch.cat([left, right], -1)
            return self.first(both), functional.gelu(self.second(both))

    return Network()


TWO_INPUTS_TWO_OUTPUTS = Pair(
    _keras_functional, _torch_functional, {"left": (6,), "right": (4,)}, optimizer=RMSprop(1e-3, rho=0.9, epsilon=1e-7)
)


def _keras_subclassed() -> Any:
    """Token ids with a mask through embedding, bidirectional GRU and mean over real steps."""
    import keras
    from keras import layers, ops

    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = layers.Embedding(11, 6, name="embedding")
            self.norm = layers.LayerNormalization(epsilon=1e-5, name="norm")
            self.hidden = layers.Dense(5, activation="tanh", name="hidden")
            self.logits = layers.Dense(3, name="logits")

        def call(self, inputs):
            tokens, mask = inputs
            x = self.hidden(self.norm(self.embedding(tokens)))
            weight = ops.cast(mask, x.dtype)[..., None]
            return self.logits(ops.sum(x * weight, axis=1) / ops.sum(weight, axis=1))

    return Reader()


def _torch_reader() -> Any:
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.norm = nn.Embedding(11, 6), nn.LayerNorm(6)
            self.fc1, self.classifier = nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, tokens, mask):
            x = self.fc1(self.norm(self.embedding(tokens))).tanh()
            weight = mask[..., None].to(x.dtype)
            return self.classifier((x * weight).sum(1) / weight.sum(1))

    return Reader()


TOKENS_WITH_MASK = Pair(
    _keras_subclassed,
    _torch_reader,
    {"tokens": Input((7,), kind="tokens", size=11), "mask": Input((7,), kind="mask")},
    loss="cross_entropy",
    optimizer=AdamW(1e-3, weight_decay=0.01),
    rename={"fc1": "hidden", "classifier": "logits"},
)


def _torch_conv_net() -> Any:
    """Everything in forward: view instead of nn.Flatten, functional activations and dropout."""
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1)
            self.bn1 = nn.BatchNorm2d(4)
            self.fc1, self.fc2 = nn.Linear(4 * 3 * 5, 8), nn.Linear(8, 2)

        def forward(self, x):
            x = functional.leaky_relu(self.bn1(self.conv1(x)), 0.1)
            x = x.view(x.size(0), -1)
            return self.fc2(functional.dropout(functional.relu(self.fc1(x)), 0.5, self.training))

    return Network()


def _torch_conv_net_aligned() -> Any:
    from twotrack.torch_track.layers import BatchNorm2d

    network = _torch_conv_net()
    network.bn1 = BatchNorm2d(4)
    return network


CONV_NET = Pair(
    keras=sequential(
        lambda k: k.Input((6, 10, 3)),
        lambda k: k.ZeroPadding2D(1, name="pad"),
        lambda k: k.Conv2D(4, 3, strides=2, name="conv1"),
        lambda k: k.BatchNormalization(momentum=0.9, epsilon=1e-5, name="bn1"),
        lambda k: k.LeakyReLU(negative_slope=0.1, name="leaky"),
        lambda k: k.Flatten(name="flatten"),
        lambda k: k.Dense(8, activation="relu", name="fc1"),
        lambda k: k.Dropout(0.5, name="dropout"),
        lambda k: k.Dense(2, name="fc2"),
    ),
    torch=_torch_conv_net_aligned,
    input_shape=(6, 10, 3),
    loss="cross_entropy",
    optimizer=SGD(0.05, momentum=0.9, nesterov=True),
    schedule=OneCycle(0.3, 25.0, 1e4),
)


def _keras_recurrent() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((6, 4)),
            layers.LSTM(5, return_sequences=True, name="lstm1"),
            layers.LSTM(5, return_sequences=True, name="lstm2"),
            layers.Bidirectional(layers.GRU(3, return_sequences=True), name="gru"),
            layers.GlobalAveragePooling1D(name="mean"),
            layers.Dense(1, name="logit"),
        ]
    )


def _torch_recurrent() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5, num_layers=2, batch_first=True)
            self.gru = nn.GRU(5, 3, batch_first=True, bidirectional=True)
            self.logit = nn.Linear(6, 1)
            for name, parameter in self.lstm.named_parameters():
                if name.startswith("bias_hh"):
                    nn.init.zeros_(parameter)
                    parameter.requires_grad_(False)

        def forward(self, x):
            x, _ = self.lstm(x)
            x, _ = self.gru(x)
            return self.logit(x.mean(1))

    return Network()


RECURRENT = Pair(
    _keras_recurrent,
    _torch_recurrent,
    (6, 4),
    loss="binary_cross_entropy",
    optimizer=Adam(1e-2),
    rename={"lstm.l0": "lstm1", "lstm.l1": "lstm2"},
)


SIGNAL = Pair(
    keras=sequential(
        lambda k: k.Input((12, 3)),
        lambda k: k.Conv1D(4, 3, dilation_rate=2, activation="relu", name="conv1"),
        lambda k: k.MaxPooling1D(2, name="pool"),
        lambda k: k.Flatten(name="flatten"),
        lambda k: k.Dense(2, name="dense1"),
    ),
    torch=modules(
        conv1=lambda nn: nn.Conv1d(3, 4, 3, dilation=2),
        relu=lambda nn: nn.ReLU(),
        pool=lambda nn: nn.MaxPool1d(2),
        flatten=lambda nn: nn.Flatten(),
        dense1=lambda nn: nn.Linear(16, 2),
    ),
    input_shape=Input((12, 3), torch_axes=(0, 2, 1)),
)


def _keras_mse() -> Any:
    import keras

    return keras.losses.MeanSquaredError()


def _torch_mse() -> Any:
    from torch import nn

    return nn.MSELoss()


DEPTHWISE = Pair(
    keras=sequential(
        lambda k: k.Input((8, 8, 3)),
        lambda k: k.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
        lambda k: k.PReLU(shared_axes=[1, 2], name="prelu"),
        lambda k: k.Conv2DTranspose(2, 3, strides=2, name="up"),
        lambda k: k.GroupNormalization(groups=2, epsilon=1e-5, name="norm"),
    ),
    torch=modules(
        depthwise=lambda nn: nn.Conv2d(3, 6, 3, groups=3),
        prelu=lambda nn: nn.PReLU(6),
        up=lambda nn: nn.ConvTranspose2d(6, 2, 3, stride=2),
        norm=lambda nn: nn.GroupNorm(2, 2),
    ),
    input_shape=(8, 8, 3),
    loss=CustomLoss(_keras_mse, _torch_mse, "real"),
)

RESIZED = Pair(
    keras=sequential(
        lambda k: k.Input((6, 6, 3), dtype="float32"),
        lambda k: k.Conv2D(4, 3, padding="same", activation="relu", name="conv1"),
        lambda k: k.UpSampling2D(3, interpolation="bilinear", name="upsample"),
        lambda k: k.Conv2D(2, 1, name="scores"),
    ),
    torch=modules(
        conv1=lambda nn: nn.Conv2d(3, 4, 3, padding=1),
        relu=lambda nn: nn.ReLU(),
        upsample=lambda nn: nn.Upsample(scale_factor=3, mode="bilinear"),
        scores=lambda nn: nn.Conv2d(4, 2, 1),
    ),
    input_shape=(6, 6, 3),
)
FLOAT32_HEAD = Pair(
    keras=sequential(
        lambda k: k.Input((8,)),
        lambda k: k.Dense(6, activation="tanh", name="dense1"),
        lambda k: k.Dense(3, dtype="float32", name="head"),
    ),
    torch=modules(dense1=lambda nn: nn.Linear(8, 6), tanh=lambda nn: nn.Tanh(), head=lambda nn: nn.Linear(6, 3)),
    input_shape=(8,),
    loss="cross_entropy",
)
"""The head of a model that is trained in mixed precision; in float64 it computes in float64 too."""
ONE_FILTER = Pair(
    keras=sequential(
        lambda k: k.Input((6, 6, 3)),
        lambda k: k.Conv2D(1, 3, activation="tanh", name="conv"),
        lambda k: k.Conv2DTranspose(2, 3, name="up"),
    ),
    torch=modules(
        conv=lambda nn: nn.Conv2d(3, 1, 3), tanh=lambda nn: nn.Tanh(), up=lambda nn: nn.ConvTranspose2d(1, 2, 3)
    ),
    input_shape=(6, 6, 3),
)
"""In float64 PyTorch's backward pass refuses such kernels as Keras lays them out."""

HONEST = (
    "ATTENTION",
    "LSTM",
    "TWO_INPUTS_TWO_OUTPUTS",
    "TOKENS_WITH_MASK",
    "CONV_NET",
    "RECURRENT",
    "SIGNAL",
    "DEPTHWISE",
    "RESIZED",
    "FLOAT32_HEAD",
)
