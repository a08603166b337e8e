"""Small pairs with one planted bug each: a default or convention on which the frameworks differ, left unaligned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twotrack import CustomLoss, CustomOptimizer, Input, Pair


@dataclass(frozen=True)
class Bug:
    """What the ladder must say of a planted pair."""

    pair: str
    rung: str
    layer: str
    """Layer that must be named; empty where the bug is in no layer."""
    cause: str
    """Name of the ledger entry that is the true cause."""
    only: str = ""
    """The only track on which the frameworks differ so; empty for all."""


def sequential(*make: Callable[[Any], Any]) -> Callable[[], Any]:
    """Return a build function for keras.Sequential; each argument makes a layer from keras.layers."""

    def build() -> Any:
        import keras

        return keras.Sequential([one(keras.layers) for one in make])

    return build


def modules(**make: Callable[[Any], Any]) -> Callable[[], Any]:
    """Return a build function for nn.Sequential with named children; each argument makes one from torch.nn."""

    def build() -> Any:
        from collections import OrderedDict

        from torch import nn

        return nn.Sequential(OrderedDict((name, one(nn)) for name, one in make.items()))

    return build


def _dense_pair(keras_middle: Callable, torch_middle: Callable, name: str, **rest: Any) -> Pair:
    """Dense, the layer in question, dense."""
    return Pair(
        keras=sequential(
            lambda k: k.Input((8,)),
            lambda k: k.Dense(6, name="dense1"),
            keras_middle,
            lambda k: k.Dense(3, name="dense2"),
        ),
        torch=modules(dense1=lambda nn: nn.Linear(8, 6), **{name: torch_middle}, dense2=lambda nn: nn.Linear(6, 3)),
        input_shape=(8,),
        **rest,
    )


LAYER_NORM_EPSILON = _dense_pair(lambda k: k.LayerNormalization(name="norm"), lambda nn: nn.LayerNorm(6), "norm")
BATCH_NORM_EPSILON = _dense_pair(
    lambda k: k.BatchNormalization(momentum=0.9, name="norm"), lambda nn: nn.BatchNorm1d(6, momentum=0.1), "norm"
)
BATCH_NORM_MOMENTUM = _dense_pair(
    lambda k: k.BatchNormalization(epsilon=1e-5, name="norm"), lambda nn: nn.BatchNorm1d(6), "norm"
)
BATCH_NORM_VARIANCE = _dense_pair(
    lambda k: k.BatchNormalization(epsilon=1e-5, momentum=0.9, name="norm"), lambda nn: nn.BatchNorm1d(6), "norm"
)
LEAKY_SLOPE = _dense_pair(lambda k: k.LeakyReLU(name="leaky"), lambda nn: nn.LeakyReLU(), "leaky")
GELU = _dense_pair(lambda k: k.Activation("gelu", name="gelu"), lambda nn: nn.GELU(approximate="tanh"), "gelu")
DROPOUT_RATE = _dense_pair(lambda k: k.Dropout(0.5, name="dropout"), lambda nn: nn.Dropout(0.2), "dropout")


def _image_pair(keras_layer: Callable, torch_layer: Callable, name: str, **rest: Any) -> Pair:
    """Convolution on 8 x 8 images, then the layer in question."""
    return Pair(
        keras=sequential(
            lambda k: k.Input((8, 8, 2)), lambda k: k.Conv2D(4, 3, padding="same", name="conv1"), keras_layer
        ),
        torch=modules(conv1=lambda nn: nn.Conv2d(2, 4, 3, padding=1), **{name: torch_layer}),
        input_shape=(8, 8, 2),
        **rest,
    )


SAME_PADDING = _image_pair(
    lambda k: k.Conv2D(5, 3, strides=2, padding="same", name="conv2"),
    lambda nn: nn.Conv2d(4, 5, 3, stride=2, padding=1),
    "conv2",
)
MAX_POOL_PADDING = _image_pair(
    lambda k: k.MaxPooling2D(3, strides=2, padding="same", name="pool"),
    lambda nn: nn.MaxPool2d(3, stride=2, padding=1),
    "pool",
)
AVERAGE_POOL_PADDING = _image_pair(
    lambda k: k.AveragePooling2D(3, strides=1, padding="same", name="pool"),
    lambda nn: nn.AvgPool2d(3, stride=1, padding=1),
    "pool",
)


def _flatten_transposed() -> Any:
    """Flatten width before height, as a hand-written x.permute(0, 1, 3, 2).flatten(1) does."""
    from torch import nn

    class Flatten(nn.Module):
        def forward(self, x):
            return x.permute(0, 1, 3, 2).flatten(1)

    return Flatten()


FLATTEN_ORDER = Pair(
    keras=sequential(
        lambda k: k.Input((4, 4, 2)),
        lambda k: k.Conv2D(3, 3, padding="same", name="conv1"),
        lambda k: k.Flatten(name="flatten"),
        lambda k: k.Dense(3, name="dense1"),
    ),
    torch=modules(
        conv1=lambda nn: nn.Conv2d(2, 3, 3, padding=1),
        flatten=lambda _: _flatten_transposed(),
        dense1=lambda nn: nn.Linear(48, 3),
    ),
    input_shape=(4, 4, 2),
)
MISSING_BIAS = _dense_pair(lambda k: k.Dense(6, name="middle"), lambda nn: nn.Linear(6, 6, bias=False), "middle")


def _keras_attention() -> Any:
    import keras

    sequence, mask = keras.Input((5, 8), name="sequence"), keras.Input((5,), dtype="bool", name="mask")
    attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4, name="attention")
    attended = attention(sequence, sequence, attention_mask=mask[:, None, :])
    return keras.Model([sequence, mask], keras.layers.Dense(3, name="dense1")(attended))


def torch_attention(invert: bool) -> Any:
    """Self-attention; nn.MultiheadAttention wants True where a key is to be ignored."""
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.dense1 = nn.Linear(8, 3)

        def forward(self, sequence, mask):
            ignored = mask if not invert else ~mask
            attended, _ = self.attention(sequence, sequence, sequence, key_padding_mask=ignored, need_weights=False)
            return self.dense1(attended)

    return Attention()


ATTENTION_INPUTS = {"sequence": Input((5, 8)), "mask": Input((5,), kind="mask")}
ATTENTION_MASK = Pair(_keras_attention, lambda: torch_attention(invert=False), ATTENTION_INPUTS)
ATTENTION = Pair(_keras_attention, lambda: torch_attention(invert=True), ATTENTION_INPUTS)


def torch_lstm(freeze_second_bias: bool, kind: str = "LSTM") -> Any:
    """Recurrent layer, last hidden state, dense."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = getattr(nn, kind)(4, 6, batch_first=True)
            self.dense1 = nn.Linear(6, 3)
            if freeze_second_bias:
                self.recurrent.bias_hh_l0.requires_grad_(False)

        def forward(self, x):
            sequence, _ = self.recurrent(x)
            return self.dense1(sequence[:, -1])

    return Network()


LSTM_TWO_BIASES = Pair(
    keras=sequential(
        lambda k: k.Input((5, 4)), lambda k: k.LSTM(6, name="recurrent"), lambda k: k.Dense(3, name="dense1")
    ),
    torch=lambda: torch_lstm(freeze_second_bias=False),
    input_shape=(5, 4),
)
LSTM = Pair(LSTM_TWO_BIASES.keras, lambda: torch_lstm(freeze_second_bias=True), (5, 4))


def torch_gru_by_hand() -> Any:
    """A hand-written GRU with Keras' weights whose author took the first gate for the reset gate, as in torch."""
    import torch
    from torch import nn

    class GRU(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = nn.Parameter(torch.zeros(4, 18))
            self.recurrent_kernel = nn.Parameter(torch.zeros(6, 18))
            self.bias = nn.Parameter(torch.zeros(2, 18))

        def forward(self, x):
            state = x.new_zeros(len(x), 6)
            for step in x.unbind(1):
                r, z, n = (step @ self.kernel + self.bias[0]).chunk(3, -1)
                state_r, state_z, state_n = (state @ self.recurrent_kernel + self.bias[1]).chunk(3, -1)
                update = torch.sigmoid(z + state_z)
                state = update * state + (1 - update) * torch.tanh(n + torch.sigmoid(r + state_r) * state_n)
            return state

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent, self.dense1 = GRU(), nn.Linear(6, 3)

        def forward(self, x):
            return self.dense1(self.recurrent(x))

    return Network()


GRU_GATES = Pair(
    keras=sequential(
        lambda k: k.Input((5, 4)), lambda k: k.GRU(6, name="recurrent"), lambda k: k.Dense(3, name="dense1")
    ),
    torch=torch_gru_by_hand,
    input_shape=(5, 4),
)


def _keras_optimizer(name: str, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.optimizers, name)(**settings)

    return build


def _torch_optimizer(name: str, **settings: Any) -> Callable[[Any], Any]:
    def build(parameters: Any) -> Any:
        import torch

        return getattr(torch.optim, name)(parameters, **settings)

    return build


def _plain_pair(**rest: Any) -> Pair:
    """Two dense layers with tanh between, on which only the training can differ."""
    return _dense_pair(lambda k: k.Activation("tanh", name="tanh"), lambda nn: nn.Tanh(), "tanh", **rest)


ADAM_EPSILON = _plain_pair(
    optimizer=CustomOptimizer(_keras_optimizer("Adam", learning_rate=1e-3), _torch_optimizer("Adam", lr=1e-3))
)
WEIGHT_DECAY = _plain_pair(
    optimizer=CustomOptimizer(
        _keras_optimizer("Adam", learning_rate=0.01, weight_decay=0.1, epsilon=1e-8),
        _torch_optimizer("Adam", lr=0.01, weight_decay=0.1, eps=1e-8),
    )
)


def torch_embedding() -> Any:
    """Embedding, mean over time, dense."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.dense1 = nn.Embedding(3, 4), nn.Linear(4, 2)

        def forward(self, tokens):
            return self.dense1(self.embedding(tokens).mean(1))

    return Network()


SPARSE_GRADIENTS = Pair(
    keras=sequential(
        lambda k: k.Input((6,), dtype="int32"),
        lambda k: k.Embedding(3, 4, name="embedding"),
        lambda k: k.GlobalAveragePooling1D(name="mean"),
        lambda k: k.Dense(2, name="dense1"),
    ),
    torch=torch_embedding,
    input_shape=Input((6,), kind="tokens", size=3),
    optimizer=CustomOptimizer(
        _keras_optimizer("Adagrad", learning_rate=0.01, initial_accumulator_value=0.1, epsilon=0.0),
        _torch_optimizer("Adagrad", lr=0.01, initial_accumulator_value=0.1, eps=0.0),
    ),
)


def _keras_cross_entropy(**settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return keras.losses.SparseCategoricalCrossentropy(**settings)

    return build


def _torch_cross_entropy(**settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        return nn.CrossEntropyLoss(**settings)

    return build


def _keras_smoothed() -> Any:
    import keras

    class Smoothed(keras.losses.Loss):
        """Categorical cross-entropy on integer labels, with label smoothing."""

        def call(self, y_true, y_pred):
            one_hot = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
            return keras.losses.categorical_crossentropy(one_hot, y_pred, from_logits=True, label_smoothing=0.1)

        def get_config(self):
            return super().get_config() | {"from_logits": True, "label_smoothing": 0.1}

    return Smoothed()


PROBABILITIES = _dense_pair(
    lambda k: k.Activation("sigmoid", name="sigmoid"), lambda nn: nn.Sigmoid(), "sigmoid",
    loss=CustomLoss(_keras_cross_entropy(), _torch_cross_entropy(), "classes"),
)  # fmt: skip
LABEL_SMOOTHING = _plain_pair(loss=CustomLoss(_keras_smoothed, _torch_cross_entropy(), "classes"))

BUGS = {
    "LAYER_NORM_EPSILON": Bug("LAYER_NORM_EPSILON", "forward", "norm", "LayerNorm epsilon"),
    "BATCH_NORM_EPSILON": Bug("BATCH_NORM_EPSILON", "forward", "norm", "BatchNorm epsilon"),
    "BATCH_NORM_MOMENTUM": Bug("BATCH_NORM_MOMENTUM", "training", "norm", "BatchNorm momentum"),
    "BATCH_NORM_VARIANCE": Bug("BATCH_NORM_VARIANCE", "training", "norm", "BatchNorm running variance"),
    "SAME_PADDING": Bug("SAME_PADDING", "forward", "conv2", "'same' padding with stride"),
    "MAX_POOL_PADDING": Bug("MAX_POOL_PADDING", "forward", "pool", "max pooling padding"),
    "AVERAGE_POOL_PADDING": Bug("AVERAGE_POOL_PADDING", "forward", "pool", "average pooling padding"),
    "FLATTEN_ORDER": Bug("FLATTEN_ORDER", "forward", "flatten", "flatten order"),
    "LEAKY_SLOPE": Bug("LEAKY_SLOPE", "forward", "leaky", "LeakyReLU slope"),
    "GELU": Bug("GELU", "forward", "gelu", "GELU approximation"),
    "MISSING_BIAS": Bug("MISSING_BIAS", "parameters", "middle", "missing bias"),
    "ATTENTION_MASK": Bug("ATTENTION_MASK", "forward", "attention", "attention mask"),
    "LSTM_TWO_BIASES": Bug("LSTM_TWO_BIASES", "parameters", "recurrent", "second recurrent bias"),
    "GRU_GATES": Bug("GRU_GATES", "forward", "recurrent", "GRU gate order"),
    "ADAM_EPSILON": Bug("ADAM_EPSILON", "optimizer", "", "Adam epsilon"),
    "SPARSE_GRADIENTS": Bug(
        "SPARSE_GRADIENTS", "training", "embedding", "sparse embedding gradients", "keras:tensorflow"
    ),
    "WEIGHT_DECAY": Bug("WEIGHT_DECAY", "optimizer", "", "weight decay"),
    "PROBABILITIES": Bug("PROBABILITIES", "loss", "", "loss on logits or probabilities"),
    "LABEL_SMOOTHING": Bug("LABEL_SMOOTHING", "loss", "", "label smoothing"),
    "DROPOUT_RATE": Bug("DROPOUT_RATE", "dropout", "dropout", "dropout rate"),
}
