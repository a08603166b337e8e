"""Blocks of public architectures as their ports write them, each with a wrong twin."""

from functools import partial
from typing import Any

from twotrack import Input, OutputLoss, Pair


def _keras_squeeze(shift: float = 3.0) -> Any:
    """Hard-swish and squeeze-and-excite of MobileNetV3, as keras.applications writes them."""
    import keras
    from keras import layers

    def hard_sigmoid(x: Any) -> Any:
        return layers.ReLU(6.0)(x + shift) * (1 / 6)

    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    x = x * hard_sigmoid(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x)
    squeezed = layers.Conv2D(4, 1, name="excite")(layers.Conv2D(2, 1, activation="relu", name="squeeze")(squeezed))
    x = layers.GlobalAveragePooling2D(name="pool")(x * hard_sigmoid(squeezed))
    return keras.Model(image, layers.Dense(3, name="head")(x))


def _torch_squeeze() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.swish = nn.Conv2d(3, 4, 3, padding=1), nn.Hardswish(inplace=True)
            self.squeeze, self.excite, self.gate = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1), nn.Hardsigmoid()
            self.head = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            x = self.swish(self.conv(x))
            weights = self.gate(self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu()))
            return self.head((x * weights).mean((2, 3)))

    return Network()


SQUEEZE = Pair(_keras_squeeze, _torch_squeeze, (6, 6, 3), "cross_entropy")
OTHER_SQUEEZE = Pair(partial(_keras_squeeze, 2.5), _torch_squeeze, (6, 6, 3), "cross_entropy")


def _keras_causal() -> Any:
    """Two causal convolutions and a residual sum, as in temporal convolutional networks."""
    import keras
    from keras import layers

    steps = keras.Input((8, 2))
    x = layers.Conv1D(4, 3, padding="causal", activation="relu", name="near")(steps)
    x = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu", name="far")(x)
    x = layers.ReLU(name="relu")(x + layers.Conv1D(4, 1, name="skip")(steps))
    return keras.Model(steps, layers.Dense(1, name="last")(x[:, -1]))


def _torch_chomped(from_front: bool = False) -> Any:
    """Padded at both ends, the last steps cut off, as locuslab/TCN does; or the first."""
    from torch import nn

    class Chomp(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

        def forward(self, x: Any) -> Any:
            return x[:, :, self.size :] if from_front else x[:, :, : -self.size].contiguous()

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv1d(2, 4, 3, padding=2), nn.Conv1d(4, 4, 3, padding=4, dilation=2)
            self.net = nn.Sequential(self.conv1, Chomp(2), nn.ReLU(), self.conv2, Chomp(4), nn.ReLU())
            self.downsample, self.linear = nn.Conv1d(2, 4, 1), nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            return self.linear((self.net(x) + self.downsample(x)).relu()[:, :, -1])

    return Block()


_STEPS = Input((8, 2), torch_axes=(0, 2, 1))
CHOMPED = Pair(_keras_causal, _torch_chomped, _STEPS)
CHOMPED_IN_FRONT = Pair(
    _keras_causal,
    partial(_torch_chomped, True),
    _STEPS,
    rename={"conv1": "near", "conv2": "far", "downsample": "skip", "linear": "last"},
)


def _keras_mirrored() -> Any:
    """A convolution behind mirrored borders, and a normalisation of its channels."""
    import keras
    from keras import layers, ops

    image = keras.Input((5, 5, 2))
    x = ops.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="reflect")
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(layers.Conv2D(3, 3, name="conv")(x))
    x = layers.GlobalAveragePooling2D(name="mean")(layers.ReLU(name="relu")(x))
    return keras.Model(image, layers.Dense(2, name="head")(x))


def _torch_mirrored(mode: str = "reflect") -> Any:
    """In torch the border belongs to a block, whose only layer with weights is the convolution.

    The normalisation moves the channels behind, and in front again.
    """
    from torch import nn

    class Mirrored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.border = nn.ReflectionPad2d(1) if mode == "reflect" else nn.ReplicationPad2d(1)
            self.conv2d = nn.Conv2d(2, 3, 3)

        def forward(self, x: Any) -> Any:
            return self.conv2d(self.border(x))

    class LayerNorm2d(nn.LayerNorm):
        def forward(self, x: Any) -> Any:
            return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.head = Mirrored(), LayerNorm2d(3, eps=1e-6), nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))

    return Network()


MIRRORED = Pair(_keras_mirrored, _torch_mirrored, (5, 5, 2), rename={"conv.conv2d": "conv"})
REPEATED = Pair(_keras_mirrored, partial(_torch_mirrored, "edge"), (5, 5, 2), rename={"conv.conv2d": "conv"})


def _keras_by_name(swapped: bool = False) -> Any:
    """A model of one's own that takes its inputs by name, and gives its outputs so."""
    import keras
    from keras import layers, ops

    class Network(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.city, self.device = layers.Embedding(7, 3, name="city"), layers.Embedding(7, 3, name="device")
            self.click, self.price = layers.Dense(1, name="click"), layers.Dense(1, name="price")

        def call(self, inputs: Any) -> Any:
            one, other = ("device", "city") if swapped else ("city", "device")
            x = ops.concatenate([self.city(inputs[one]), self.device(inputs[other]), inputs["numbers"]], axis=-1)
            return {"click": self.click(x), "price": self.price(x)}

    return Network()


def _torch_by_name() -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.city, self.device = nn.Embedding(7, 3), nn.Embedding(7, 3)
            self.heads = nn.ModuleDict({name: nn.Linear(8, 1) for name in ("click", "price")})

        def forward(self, city: Any, device: Any, numbers: Any) -> Any:
            x = torch.cat([self.city(city), self.device(device), numbers], -1)
            return {name: head(x) for name, head in self.heads.items()}

    return Network()


_FIELDS = {
    "city": Input((), kind="tokens", size=7),
    "device": Input((), kind="tokens", size=7),
    "numbers": Input((2,)),
}
_LOSSES = {"click": OutputLoss("binary_cross_entropy"), "price": OutputLoss("mean_squared_error", 0.3)}
_HEADS = {"heads.{name}": "{name}"}
BY_NAME = Pair(_keras_by_name, _torch_by_name, _FIELDS, _LOSSES, rename=_HEADS)
SWAPPED = Pair(partial(_keras_by_name, True), _torch_by_name, _FIELDS, _LOSSES, rename=_HEADS)


def _keras_masked() -> Any:
    """The last state of padded sentences: Keras skips the token 0."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(9, 3, mask_zero=True, name="words"),
            layers.GRU(4, name="reader"),
            layers.Dense(2, name="head"),
        ]
    )


def _torch_packed(packs: bool = True) -> Any:
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.reader = nn.Embedding(9, 3), nn.GRU(3, 4, batch_first=True)
            self.head = nn.Linear(4, 2)

        def forward(self, tokens: Any) -> Any:
            x, lengths = self.words(tokens), (tokens != 0).sum(1).cpu()
            given = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False) if packs else x
            return self.head(self.reader(given)[1][-1])

    return Network()


_SENTENCES = Input((5,), kind="tokens", size=9)
PACKED = Pair(_keras_masked, _torch_packed, _SENTENCES, "cross_entropy")
PADDED = Pair(_keras_masked, partial(_torch_packed, False), _SENTENCES, "cross_entropy")

HONEST = ("SQUEEZE", "CHOMPED", "BY_NAME", "PACKED", "MIRRORED")
WRONG = ("OTHER_SQUEEZE", "CHOMPED_IN_FRONT", "SWAPPED", "PADDED", "REPEATED")
"""Their twins, which differ in the forward pass."""
