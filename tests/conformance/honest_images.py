"""Honest pairs on images and sequences of steps, as people write such networks."""

from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import SGD, Input, Pair


def _keras_unet() -> Any:
    import keras
    from keras import layers

    image = keras.Input((8, 8, 2), name="image")
    down = layers.Conv2D(3, 3, padding="same", activation="relu", name="down")(image)
    deep = layers.Conv2D(4, 3, padding="same", activation="relu", name="deep")(layers.MaxPooling2D(name="pool")(down))
    up = layers.Conv2DTranspose(3, 2, strides=2, name="up")(deep)
    joined = layers.Concatenate(name="skip")([up, down])
    return keras.Model(image, layers.Conv2D(1, 1, name="scores")(joined))


def _torch_unet() -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.ModuleList([nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)])
            self.up, self.head = nn.ConvTranspose2d(4, 3, 2, stride=2), nn.Conv2d(6, 1, 1)

        def forward(self, x):
            down = functional.relu(self.encoder[0](x))
            deep = functional.relu(self.encoder[1](functional.max_pool2d(down, 2)))
            return self.head(torch.cat([self.up(deep), down], 1))

    return UNet()


UNET = Pair(
    _keras_unet,
    _torch_unet,
    (8, 8, 2),
    loss="binary_cross_entropy",
    rename={"encoder.0": "down", "encoder.1": "deep", "head": "scores"},
)


def _keras_bottleneck() -> Any:
    """A subclassed model with an inverted residual block."""
    import keras
    from keras import layers

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.expand = layers.Conv2D(6, 1, use_bias=False, name="expand")
            self.depthwise = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")
            self.project = layers.Conv2D(3, 1, use_bias=False, name="project")
            self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")
            self.head = layers.Dense(4, name="head")

        def call(self, x, training=None):
            y = keras.ops.relu6(self.depthwise(keras.ops.relu6(self.expand(x))))
            return self.head(keras.ops.mean(x + self.norm(self.project(y), training=training), axis=(1, 2)))

    return Network()


def _torch_bottleneck() -> Any:
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm2d

    class InvertedResidual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Sequential(
                nn.Conv2d(3, 6, 1, bias=False), nn.ReLU6(),
                nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), nn.ReLU6(),
                nn.Conv2d(6, 3, 1, bias=False), BatchNorm2d(3),
            )  # fmt: skip

        def forward(self, x):
            return x + self.conv(x)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.block, self.pool, self.classifier = InvertedResidual(), nn.AdaptiveAvgPool2d(1), nn.Linear(3, 4)

        def forward(self, x):
            return self.classifier(self.pool(self.block(x)).flatten(1))

    return Network()


INVERTED_RESIDUAL = Pair(
    _keras_bottleneck,
    _torch_bottleneck,
    (6, 6, 3),
    loss="cross_entropy",
    optimizer=SGD(0.05, momentum=0.9),
    rename={
        "block.conv.0": "expand", "block.conv.2": "depthwise", "block.conv.4": "project", "block.conv.5": "norm",
        "classifier": "head",
    },
)  # fmt: skip


def _keras_dense_block() -> Any:
    import keras
    from keras import layers

    image = keras.Input((5, 5, 2))
    held = [image]
    for number in range(3):
        x = layers.Concatenate(name=f"join{number}")(held) if number else image
        held.append(layers.Conv2D(2, 3, padding="same", activation="elu", name=f"grow{number}")(x))
    pooled = layers.GlobalMaxPooling2D(name="largest")(layers.Concatenate(name="all")(held))
    return keras.Model(image, layers.Dense(3, name="head")(pooled))


def _torch_dense_block() -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.grow = nn.ModuleList(nn.Conv2d(2 * number + 2, 2, 3, padding="same") for number in range(3))
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            for layer in self.grow:
                x = torch.cat([x, nn.functional.elu(layer(x))], 1)
            return self.head(x.amax((2, 3)))

    return Network()


DENSE_BLOCK = Pair(
    _keras_dense_block,
    _torch_dense_block,
    (5, 5, 2),
    rename={f"grow.{number}": f"grow{number}" for number in range(3)},
)


def _keras_patches() -> Any:
    """A small vision transformer's beginning: patches, a class token, positions."""
    import keras
    from keras import layers

    class Tokens(layers.Layer):
        def build(self, shape):
            self.first = self.add_weight(shape=(1, 1, 4), name="first", initializer="zeros")
            self.positions = self.add_weight(shape=(1, 5, 4), name="positions", initializer="zeros")

        def call(self, x):
            first = keras.ops.repeat(self.first, keras.ops.shape(x)[0], axis=0)
            return keras.ops.concatenate([first, x], axis=1) + self.positions

    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(4, 3, strides=3, name="patches"),
            layers.Reshape((4, 4), name="row"),
            Tokens(name="tokens"),
            layers.LayerNormalization(epsilon=1e-6, name="norm"),
            layers.Dense(3, name="head"),
        ]
    )


def _torch_patches() -> Any:
    import torch
    from torch import nn

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.positions = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.zeros(1, 5, 4))

        def forward(self, x):
            return torch.cat([self.first.expand(len(x), -1, -1), x], 1) + self.positions

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.tokens = nn.Conv2d(3, 4, 3, stride=3), Tokens()
            self.norm, self.head = nn.LayerNorm(4, eps=1e-6), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.norm(self.tokens(self.patches(x).flatten(2).transpose(1, 2))))

    return Network()


PATCHES = Pair(_keras_patches, _torch_patches, (6, 6, 3))

AUTOENCODER = Pair(
    keras=sequential(
        lambda k: k.Input((7,)),
        lambda k: k.Dense(5, activation="silu", name="encode"),
        lambda k: k.Dense(2, name="code"),
        lambda k: k.Dense(5, activation="silu", name="decode"),
        lambda k: k.Dense(7, name="restore"),
    ),
    torch=modules(
        encoder=lambda nn: nn.Sequential(nn.Linear(7, 5), nn.SiLU(), nn.Linear(5, 2)),
        decoder=lambda nn: nn.Sequential(nn.Linear(2, 5), nn.SiLU(), nn.Linear(5, 7)),
    ),
    input_shape=(7,),
    rename={"encoder.0": "encode", "encoder.2": "code", "decoder.0": "decode", "decoder.2": "restore"},
)


def _keras_mixer() -> Any:
    """Mixing over places, then over channels."""
    import keras
    from keras import layers

    x = given = keras.Input((5, 4))
    y = layers.Permute((2, 1), name="turn")(layers.LayerNormalization(epsilon=1e-5, name="norm1")(x))
    y = layers.Dense(5, name="places_out")(layers.Dense(7, activation="gelu", name="places_in")(y))
    x = layers.Add(name="sum1")([x, layers.Permute((2, 1), name="back")(y)])
    y = layers.Dense(6, activation="gelu", name="channels_in")(layers.LayerNormalization(epsilon=1e-5, name="norm2")(x))
    x = layers.Add(name="sum2")([x, layers.Dense(4, name="channels_out")(y)])
    return keras.Model(given, layers.Dense(2, name="head")(layers.GlobalAveragePooling1D(name="mean")(x)))


def _torch_mixer() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(4), nn.LayerNorm(4)
            self.places = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 5))
            self.channels = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            x = x + self.places(self.norm1(x).mT).mT
            x = x + self.channels(self.norm2(x))
            return self.head(x.mean(dim=1))

    return Network()


MIXER = Pair(
    _keras_mixer,
    _torch_mixer,
    (5, 4),
    rename={
        "places.0": "places_in", "places.2": "places_out", "channels.0": "channels_in", "channels.2": "channels_out",
    },
)  # fmt: skip


def _keras_causal() -> Any:
    """Causal convolutions with growing dilation and a connection around each."""
    import keras
    from keras import layers

    x = given = keras.Input((9, 3))
    for number, dilation in enumerate((1, 2)):
        y = layers.Conv1D(3, 2, padding="causal", dilation_rate=dilation, name=f"conv{number}")(x)
        x = layers.Add(name=f"sum{number}")([x, layers.Activation("relu", name=f"relu{number}")(y)])
    return keras.Model(given, layers.Dense(1, name="head")(x))


def _torch_causal() -> Any:
    from torch import nn
    from torch.nn import functional

    class Causal(nn.Conv1d):
        def forward(self, x):
            return super().forward(functional.pad(x, (self.dilation[0], 0)))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv0, self.conv1, self.head = Causal(3, 3, 2), Causal(3, 3, 2, dilation=2), nn.Linear(3, 1)

        def forward(self, x):
            x = x + functional.relu(self.conv0(x))
            x = x + functional.relu(self.conv1(x))
            return self.head(x.transpose(1, 2))

    return Network()


CAUSAL_CONVOLUTIONS = Pair(_keras_causal, _torch_causal, Input((9, 3), torch_axes=(0, 2, 1)))


def _keras_by_hand() -> Any:
    """Weights of the model's own, and nothing but functions."""
    import keras

    class Dense(keras.layers.Layer):
        def __init__(self, units: int, **rest: Any):
            super().__init__(**rest)
            self.units = units

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
            self.offset = self.add_weight(shape=(self.units,), name="offset", initializer="zeros")

        def call(self, x):
            return keras.ops.einsum("bi,io->bo", x, self.kernel) + self.offset

        def compute_output_shape(self, shape):
            return (*shape[:-1], self.units)

    given = keras.Input((6,))
    return keras.Model(given, Dense(2, name="second")(keras.ops.tanh(Dense(5, name="first")(given))))


def _torch_by_hand() -> Any:
    import torch
    from torch import nn

    class Dense(nn.Module):
        def __init__(self, inputs: int, outputs: int):
            super().__init__()
            self.kernel, self.offset = nn.Parameter(torch.zeros(inputs, outputs)), nn.Parameter(torch.zeros(outputs))

        def forward(self, x):
            return torch.addmm(self.offset, x, self.kernel)

    return _in_a_row(nn, Dense(6, 5), Dense(5, 2))


def _in_a_row(nn: Any, first: Any, second: Any) -> Any:
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = first, second

        def forward(self, x):
            return self.second(self.first(x).tanh())

    return Network()


WEIGHTS_BY_HAND = Pair(_keras_by_hand, _torch_by_hand, (6,))


def _keras_inception() -> Any:
    import keras
    from keras import layers

    image = keras.Input((6, 6, 2))
    one = layers.Conv2D(2, 1, name="one")(image)
    three = layers.Conv2D(3, 3, padding="same", name="three")(layers.Conv2D(2, 1, name="reduce")(image))
    pooled = layers.Conv2D(1, 1, name="pooled")(layers.MaxPooling2D(3, 1, padding="same", name="pool")(image))
    joined = layers.ReLU(name="relu")(layers.Concatenate(name="join")([one, three, pooled]))
    return keras.Model(image, layers.Dense(2, name="head")(layers.Flatten(name="flat")(joined)))


def _torch_inception() -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.pooled = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 1, 1)
            self.long = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Conv2d(2, 3, 3, padding=1))
            self.head = nn.Linear(6 * 6 * 6, 2)

        def forward(self, x):
            pooled = self.pooled(nn.functional.max_pool2d(x, 3, 1, 1))
            joined = torch.cat((self.one(x), self.long(x), pooled), dim=1).relu()
            return self.head(joined.permute(0, 2, 3, 1).reshape(len(x), -1))

    return Network()


INCEPTION = Pair(_keras_inception, _torch_inception, (6, 6, 2), rename={"long.0": "reduce", "long.1": "three"})

HONEST = (
    "UNET",
    "INVERTED_RESIDUAL",
    "DENSE_BLOCK",
    "PATCHES",
    "AUTOENCODER",
    "MIXER",
    "CAUSAL_CONVOLUTIONS",
    "WEIGHTS_BY_HAND",
    "INCEPTION",
)
