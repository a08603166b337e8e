"""Pairs whose two sides draw alike, written in different ways, and pairs whose sides do not."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import Pair

RATE, KEEP = 0.3, 0.7


def in_training(function: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Return what makes a torch module that applies function(torch, x) in training mode only."""

    def make(nn: Any) -> Any:
        import torch

        class InTraining(nn.Module):
            def forward(self, x: Any) -> Any:
                return function(torch, x) if self.training else x

        return InTraining()

    return make


def keras_in_training(function: Callable[[Any, Any, Any], Any]) -> Callable[[Any], Any]:
    """Return what makes a Keras layer `drop` that applies function(keras, x, seed) in training mode only."""

    def make(layers: Any) -> Any:
        import keras

        class InTraining(keras.layers.Layer):
            def __init__(self, **settings: Any):
                super().__init__(**settings)
                self.seed = keras.random.SeedGenerator(3)

            def call(self, x: Any, training: bool = False) -> Any:
                return function(keras, x, self.seed) if training else x

        return InTraining(name="drop")

    return make


def of_sequence(keras_drop: Callable, torch_drop: Callable) -> Pair:
    """(batch, 5, 4): dense, what drops, dense."""
    return Pair(
        sequential(
            lambda k: k.Input((5, 4)), lambda k: k.Dense(6, name="hidden"), keras_drop, lambda k: k.Dense(3, name="out")
        ),
        modules(hidden=lambda nn: nn.Linear(4, 6), drop=torch_drop, out=lambda nn: nn.Linear(6, 3)),
        (5, 4),
    )


def of_image(keras_drop: Callable, torch_drop: Callable) -> Pair:
    """(batch, 8, 6, 3): convolution, what drops, flatten, dense."""
    return Pair(
        sequential(
            lambda k: k.Input((8, 6, 3)),
            lambda k: k.Conv2D(4, 3, padding="same", name="conv"),
            keras_drop,
            lambda k: k.Flatten(name="flat"),
            lambda k: k.Dense(3, name="out"),
        ),
        modules(
            conv=lambda nn: nn.Conv2d(3, 4, 3, padding=1),
            drop=torch_drop,
            flat=lambda nn: nn.Flatten(),
            out=lambda nn: nn.Linear(8 * 6 * 4, 3),
        ),
        (8, 6, 3),
    )


def _by_row(torch: Any, x: Any) -> Any:
    return x * (torch.rand(len(x), 1, 1, dtype=x.dtype) >= RATE) / KEEP


def _keras_by_row(keras: Any, x: Any, seed: Any) -> Any:
    drawn = keras.random.uniform((keras.ops.shape(x)[0], 1, 1), dtype=x.dtype, seed=seed)
    return x * keras.ops.floor(KEEP + drawn) / KEEP


def keras_stacked() -> Any:
    return sequential(
        lambda k: k.Input((5, 4)),
        lambda k: k.LSTM(6, return_sequences=True, name="l0"),
        lambda k: k.Dropout(RATE, name="between"),
        lambda k: k.LSTM(6, return_sequences=True, name="l1"),
        lambda k: k.Dense(3, name="out"),
    )()


def torch_stacked() -> Any:
    from torch import nn

    class Stacked(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = nn.LSTM(4, 6, 2, batch_first=True, dropout=RATE), nn.Linear(6, 3)
            for name, parameter in self.lstm.named_parameters():
                if "bias_hh" in name:
                    nn.init.zeros_(parameter).requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.out(self.lstm(x)[0])

    return Stacked()


def keras_attention() -> Any:
    import keras
    from keras import layers

    x = keras.Input((5, 8))
    attended = layers.MultiHeadAttention(2, 4, dropout=RATE, name="attention")(x, x)
    return keras.Model(x, layers.Dense(3, name="out")(attended))


def torch_attention() -> Any:
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.out = nn.MultiheadAttention(8, 2, dropout=RATE, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.out(self.attention(x, x, x, need_weights=False)[0])

    return Attention()


def keras_branches() -> Any:
    """Keras runs both branches layer by layer, the shorter one's dropout first."""
    import keras
    from keras import layers

    x = keras.Input((6,))
    long = layers.Dropout(RATE, name="drop_long")(layers.Dense(6, name="long2")(layers.Dense(6, name="long1")(x)))
    short = layers.Dropout(RATE, name="drop_short")(layers.Dense(6, name="short")(x))
    return keras.Model(x, layers.Dense(2, name="out")(layers.Concatenate(name="both")([long, short])))


def torch_branches() -> Any:
    import torch
    from torch import nn

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.long1, self.long2, self.short = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
            self.drop_long, self.drop_short, self.out = nn.Dropout(RATE), nn.Dropout(RATE), nn.Linear(12, 2)

        def forward(self, x: Any) -> Any:
            long = self.drop_long(self.long2(self.long1(x)))
            return self.out(torch.cat([long, self.drop_short(self.short(x))], 1))

    return Branches()


def keras_recurrent() -> Any:
    return sequential(
        lambda k: k.Input((5, 4)),
        lambda k: k.SimpleRNN(6, dropout=RATE, recurrent_dropout=0.2, name="rnn"),
        lambda k: k.Dense(3, name="out"),
    )()


def torch_recurrent() -> Any:
    """One mask for the inputs of all steps and one for the states, as Keras has them."""
    from torch import nn
    from torch.nn import functional

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.RNN(4, 6, batch_first=True), nn.Linear(6, 3)
            nn.init.zeros_(self.rnn.bias_hh_l0).requires_grad_(False)

        def forward(self, x: Any) -> Any:
            own, state = self.rnn, x.new_zeros(len(x), 6)
            inputs = functional.dropout(x.new_ones(len(x), 4), RATE, self.training)
            states = functional.dropout(x.new_ones(len(x), 6), 0.2, self.training)
            for step in range(x.shape[1]):
                given = functional.linear(x[:, step] * inputs, own.weight_ih_l0, own.bias_ih_l0)
                state = (given + functional.linear(state * states, own.weight_hh_l0, own.bias_hh_l0)).tanh()
            return self.out(state)

    return Recurrent()


def _spatial(torch: Any, x: Any) -> Any:
    return torch.nn.functional.dropout1d(x.transpose(1, 2), RATE).transpose(1, 2)


def _gaussian(torch: Any, x: Any) -> Any:
    return x * (1 + torch.randn_like(x) * (RATE / KEEP) ** 0.5)


DROPOUT = of_sequence(lambda k: k.Dropout(RATE, name="drop"), lambda nn: nn.Dropout(RATE))
IMAGE = of_image(lambda k: k.Dropout(RATE, name="drop"), lambda nn: nn.Dropout(RATE))
MAPS = of_image(lambda k: k.SpatialDropout2D(RATE, name="drop"), lambda nn: nn.Dropout2d(RATE))
FEATURES = of_sequence(lambda k: k.SpatialDropout1D(RATE, name="drop"), in_training(_spatial))
ALPHA = of_sequence(lambda k: k.AlphaDropout(RATE, name="drop"), lambda nn: nn.AlphaDropout(RATE))
GAUSSIAN = of_sequence(lambda k: k.GaussianDropout(RATE, name="drop"), in_training(_gaussian))
NOISE = of_sequence(
    lambda k: k.GaussianNoise(0.1, name="drop"), in_training(lambda torch, x: x + torch.normal(0.0, 0.1, x.shape))
)
DEPTH = of_sequence(keras_in_training(_keras_by_row), in_training(_by_row))
BERNOULLI = of_sequence(
    lambda k: k.Dropout(RATE, noise_shape=(None, 1, 1), name="drop"),
    in_training(lambda torch, x: x * x.new_empty(len(x), 1, 1).bernoulli_(KEEP).div_(KEEP)),
)
BELOW = of_sequence(
    lambda k: k.Dropout(RATE, name="drop"), in_training(lambda torch, x: x * (torch.rand_like(x) < KEEP) / KEEP)
)
STACKED = Pair(keras_stacked, torch_stacked, (5, 4), rename={"lstm.l0": "l0", "lstm.l1": "l1"})
ATTENTION = Pair(keras_attention, torch_attention, (5, 8))
BRANCHES = Pair(keras_branches, torch_branches, (6,))
RECURRENT = Pair(keras_recurrent, torch_recurrent, (5, 4))

HONEST = (
    "DROPOUT", "IMAGE", "MAPS", "FEATURES", "ALPHA", "GAUSSIAN", "NOISE", "DEPTH", "BERNOULLI", "BELOW", "STACKED",
    "ATTENTION", "BRANCHES", "RECURRENT",
)  # fmt: skip


def _from_one_seed(torch: Any, x: Any) -> Any:
    torch.manual_seed(3)
    return x * (torch.rand_like(x) >= RATE) / KEEP


def always(nn: Any) -> Any:
    """Drops in evaluation mode too."""

    class Always(nn.Module):
        def forward(self, x: Any) -> Any:
            return nn.functional.dropout(x, RATE)

    return Always()


def in_two_places(*names: str) -> Callable[[], Any]:
    """Dense layers a and b, with dropout where the names say."""
    makes = {"a": lambda nn: nn.Linear(6, 6), "b": lambda nn: nn.Linear(6, 6), "drop": lambda nn: nn.Dropout(RATE)}
    return modules(**{name: makes[name] for name in names}, out=lambda nn: nn.Linear(6, 2))


def keras_in_two_places(*seeds: int | None) -> Callable[[], Any]:
    """Dense layers a and b, each with a dropout of this seed behind it; without the second, none behind b."""
    drops = [
        lambda k, seed=seed, name=name: k.Dropout(RATE, seed=seed, name=name)
        for seed, name in zip(seeds, ("drop", "drop2"), strict=False)
    ]
    dense = [lambda k, name=name: k.Dense(6, name=name) for name in ("a", "b")]
    order = [dense[0], drops[0], dense[1], *drops[1:]]
    return sequential(lambda k: k.Input((6,)), *order, lambda k: k.Dense(2, name="out"))


RATES = of_sequence(lambda k: k.Dropout(RATE, name="drop"), lambda nn: nn.Dropout(RATE + 1e-4))
SPATIAL = of_sequence(lambda k: k.SpatialDropout1D(RATE, name="drop"), lambda nn: nn.Dropout(RATE))
EXAMPLES = of_sequence(lambda k: k.Dropout(RATE, noise_shape=(None, 1, 1), name="drop"), lambda nn: nn.Dropout(RATE))
KINDS = of_sequence(lambda k: k.AlphaDropout(RATE, name="drop"), lambda nn: nn.Dropout(RATE))
BASES = of_sequence(lambda k: k.GaussianDropout(RATE, name="drop"), lambda nn: nn.Dropout(RATE))
UNSCALED = of_sequence(
    lambda k: k.Dropout(RATE, name="drop"), in_training(lambda torch, x: x * (torch.rand_like(x) >= RATE))
)
ONE_SIDE = of_sequence(lambda k: k.GaussianNoise(RATE, name="drop"), lambda nn: nn.Identity())
ONE_MASK = of_sequence(lambda k: k.Dropout(RATE, name="drop"), in_training(_from_one_seed))
ALWAYS = of_sequence(lambda k: k.Dropout(RATE, name="drop"), always)
PLACE = Pair(keras_in_two_places(None), in_two_places("a", "b", "drop"), (6,))
ONE_SEED = Pair(
    keras_in_two_places(42, 42),
    modules(
        a=lambda nn: nn.Linear(6, 6), drop=lambda nn: nn.Dropout(RATE), b=lambda nn: nn.Linear(6, 6),
        drop2=lambda nn: nn.Dropout(RATE), out=lambda nn: nn.Linear(6, 2),
    ),
    (6,),
)  # fmt: skip


def _rnn(nn: Any) -> Any:
    class Last(nn.RNN):
        def forward(self, x: Any) -> Any:
            return super().forward(x)[0][:, -1]

    layer = Last(4, 6, batch_first=True)
    nn.init.zeros_(layer.bias_hh_l0).requires_grad_(False)
    return layer


STATES = Pair(keras_recurrent, modules(rnn=_rnn, out=lambda nn: nn.Linear(6, 3)), (5, 4))


WRONG = {
    "RATES": ("dropout", "drop", "the rates differ"),
    "SPATIAL": ("dropout", "drop", "a mask of (8, 1, 6)"),
    "EXAMPLES": ("dropout", "drop", "a mask of (8, 1, 1)"),
    "KINDS": ("dropout", "drop", "alpha_dropout of rate 0.3"),
    "BASES": ("dropout", "drop", "Keras draws normal numbers"),
    "UNSCALED": ("dropout", "drop", "on the same numbers in training mode, layer 'drop'"),
    "ONE_SIDE": ("dropout", "drop", "torch draws nothing"),
    "ONE_MASK": ("dropout", "drop", "torch draws the same numbers in every step"),
    "ONE_SEED": ("dropout", "drop2", "Keras draws the numbers of draw 1 once more"),
    "PLACE": ("dropout", "drop", "behind 'b'"),
    "STATES": ("dropout", "rnn", "torch draws nothing"),
    "ALWAYS": ("forward", "drop", "in inference mode Keras draws nothing; torch draws dropout"),
}
"""By name: the rung that fails, the place, and what its message holds."""


def _by_numpy(torch: Any, x: Any) -> Any:
    import numpy as np

    return x * torch.from_numpy((np.random.random(tuple(x.shape)) >= RATE) / KEEP).to(x.dtype)


def _by_numpy_and_row(torch: Any, x: Any) -> Any:
    import numpy as np

    return x * torch.from_numpy((np.random.random((len(x), 1, 6)) >= RATE) / KEEP).to(x.dtype)


BEYOND = of_sequence(lambda k: k.Dropout(RATE, name="drop"), in_training(_by_numpy))
BEYOND_SHARED = of_sequence(lambda k: k.Dropout(RATE, name="drop"), in_training(_by_numpy_and_row))
BEYOND_EXPONENTIAL = of_sequence(
    keras_in_training(
        lambda keras, x, seed: x * -keras.ops.log(keras.random.uniform(x.shape, 1e-12, 1, x.dtype, seed))
    ),
    in_training(lambda torch, x: x * torch.empty_like(x).exponential_()),
)
