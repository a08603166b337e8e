"""Recurrent layers of another form, and layers that are given their values in each other's place."""

from collections.abc import Callable
from typing import Any

from tests.diagnosis.faults.chance import network
from tests.diagnosis.faults.fault import Fault, fault
from twotrack import Input, Pair

STEPS, FEATURES, UNITS = 5, 3, 4
RESET = "acts on the state in front of its product in Keras, behind it in torch"


def keras_grus(levels: int = 1, both: bool = False, **settings: Any) -> Callable[[], Any]:
    """Return a build function of GRUs that reset in front of the product, and a dense layer of their last step."""

    def build() -> Any:
        import keras
        from keras import layers

        x = inputs = keras.Input((STEPS, FEATURES))
        for level in range(levels):
            path = "gru" if levels == 1 else f"gru_{level}"
            made = layers.GRU(UNITS, reset_after=False, return_sequences=True, name=path, **settings)
            x = layers.Bidirectional(made, name=path)(x) if both else made(x)
        return keras.Model(inputs, layers.Dense(2, name="last")(x[:, -1]))

    return build


def torch_grus(levels: int = 1, both: bool = False, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.gru = nn.GRU(FEATURES, UNITS, levels, batch_first=True, bidirectional=both, **settings)
                self.last = nn.Linear(UNITS * (1 + both), 2)

            def forward(self, x: Any) -> Any:
                return self.last(self.gru(x)[0][:, -1])

        return Network()

    return build


def torch_cell() -> Any:
    """Return the same with a cell in a loop."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.last = nn.GRUCell(FEATURES, UNITS), nn.Linear(UNITS, 2)

        def forward(self, x: Any) -> Any:
            state = None
            for step in x.unbind(1):
                state = self.gru(step, state)
            return self.last(state)

    return Network()


def keras_states() -> Any:
    """Return one LSTM that begins with the states at the end of another."""
    import keras
    from keras import layers

    inputs = keras.Input((STEPS, FEATURES))
    _, *states = layers.LSTM(UNITS, return_state=True, name="encoder")(inputs)
    return keras.Model(
        inputs, layers.Dense(2, name="last")(layers.LSTM(UNITS, name="decoder")(inputs, initial_state=states))
    )


def torch_states() -> Any:
    """Return the same with the two states exchanged."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.LSTM(FEATURES, UNITS, batch_first=True)
            self.decoder = nn.LSTM(FEATURES, UNITS, batch_first=True)
            self.last = nn.Linear(UNITS, 2)
            for layer in (self.encoder, self.decoder):
                nn.init.zeros_(layer.bias_hh_l0)
                layer.bias_hh_l0.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            _, (hidden, cell) = self.encoder(x)
            return self.last(self.decoder(x, (cell, hidden))[0][:, -1])

    return Network()


def keras_attention() -> Any:
    """Return attention of steps to what a dense layer makes of them."""
    return _keras_attention(lambda seen, _: (seen, seen))


def keras_kept_attention() -> Any:
    """Return attention whose values are what another dense layer makes of them."""
    return _keras_attention(lambda seen, kept: (kept(), seen))


def _keras_attention(given: Callable[[Any, Callable[[], Any]], tuple[Any, Any]]) -> Any:
    import keras
    from keras import layers

    inputs = keras.Input((STEPS, UNITS))
    seen = layers.Dense(UNITS, name="seen")(inputs)
    value, key = given(seen, lambda: layers.Dense(UNITS, name="kept")(inputs))
    attended = layers.MultiHeadAttention(2, UNITS // 2, name="attention")(inputs, value, key)
    return keras.Model(inputs, layers.Dense(2, name="last")(attended))


def torch_attention() -> Any:
    """Return the same with query and key exchanged."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen, self.last = nn.Linear(UNITS, UNITS), nn.Linear(UNITS, 2)
            self.attention = nn.MultiheadAttention(UNITS, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            seen = self.seen(x)
            return self.last(self.attention(seen, x, seen, need_weights=False)[0])

    return Network()


def torch_kept_attention(is_named: bool) -> Callable[[], Any]:
    """Return a build function of the same with key and value exchanged, given by name or by position."""

    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.seen, self.kept = nn.Linear(UNITS, UNITS), nn.Linear(UNITS, UNITS)
                self.attention, self.last = nn.MultiheadAttention(UNITS, 2, batch_first=True), nn.Linear(UNITS, 2)

            def forward(self, x: Any) -> Any:
                seen, kept = self.seen(x), self.kept(x)
                if is_named:
                    attended, _ = self.attention(query=x, key=kept, value=seen)
                else:
                    attended, _ = self.attention(x, kept, seen)
                return self.last(attended)

        return Network()

    return build


def keras_activated(kind: str, both: bool, activation: str, gate: str) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import layers

        settings = {"recurrent_activation": gate} if gate else {}
        made = getattr(layers, kind)(UNITS, activation=activation, return_sequences=True, name="steps", **settings)
        x = inputs = keras.Input((STEPS, FEATURES))
        x = layers.Bidirectional(made, name="steps")(x) if both else made(x)
        return keras.Model(inputs, layers.Dense(2, name="last")(x))

    return build


def activated(kind: str, both: bool, activation: str, gate: str, *words: str) -> Fault:
    """A recurrent layer of Keras with activations that torch's cannot have."""
    pair = Pair(keras_activated(kind, both, activation, gate), network(kind, both, FEATURES, UNITS), (STEPS, FEATURES))
    return fault(pair, "forward", "recurrent activations", *words)


def keras_masked(layer: str) -> Callable[[], Any]:
    """Steps that Keras masks, in an LSTM or in a mean."""

    def build() -> Any:
        import keras
        from keras import layers

        if layer == "LSTM":
            inputs = keras.Input((STEPS, FEATURES))
            x = layers.LSTM(UNITS, name="steps")(layers.Masking(name="masking")(inputs))
        else:
            inputs = keras.Input((STEPS,), dtype="int32")
            x = layers.Embedding(9, FEATURES, mask_zero=True, name="words")(inputs)
            x = layers.Dense(UNITS, activation="tanh", name="steps")(x)
            x = layers.GlobalAveragePooling1D(name="mean")(x)
        return keras.Model(inputs, layers.Dense(2, name="last")(x))

    return build


def torch_mean(counted: bool = False) -> Callable[[], Any]:
    """Return the same with a mean of all steps, or of those that are no padding."""

    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.words, self.steps, self.last = (
                    nn.Embedding(9, FEATURES),
                    nn.Linear(FEATURES, UNITS),
                    nn.Linear(UNITS, 2),
                )

            def forward(self, ids: Any) -> Any:
                x = self.steps(self.words(ids)).tanh()
                real = (ids != 0).unsqueeze(-1).to(x)
                return self.last((x * real).sum(1) / real.sum(1).clamp(min=1) if counted else x.mean(1))

        return Network()

    return build


TOKENS = Input((STEPS,), kind="tokens", size=9)
GIVEN = (STEPS, FEATURES)
RECURRENCE = {
    "ACTIVATIONS": activated(
        "LSTM", False, "relu", "hard_sigmoid", "'steps' has activation='relu' and recurrent_activation='hard_sigmoid'"
    ),
    "ACTIVATIONS_OF_BOTH": activated("GRU", True, "linear", "sigmoid", "'steps' has activation='linear'"),
    "ACTIVATION": activated("SimpleRNN", False, "sigmoid", "", "'steps' has activation='sigmoid' in Keras"),
    "MASKING": fault(
        Pair(keras_masked("LSTM"), network("LSTM", False, FEATURES, UNITS, last=True), (STEPS, FEATURES)), "range",
        "steps", "'steps' passes over the steps whose numbers are all 0 in Keras",
    ),
    "MEAN_OF_REAL_STEPS": fault(
        Pair(keras_masked("mean"), torch_mean(), TOKENS), "forward", "pooled steps",
        "the mean of tanh of what 'steps' gives, of the steps whose 'input' is not 0 only",
    ),
    "RESET": fault(Pair(keras_grus(), torch_grus(), GIVEN), "parameters", "reset in front", "'gru'", RESET),
    "RESET_OF_LEVELS": fault(
        Pair(keras_grus(2, both=True), torch_grus(2, both=True), GIVEN, rename={"gru.l0": "gru_0", "gru.l1": "gru_1"}),
        "parameters", "reset in front", RESET,
    ),
    "RESET_OF_CELL": fault(Pair(keras_grus(), torch_cell, GIVEN), "parameters", "reset in front", RESET),
    "RESET_WITHOUT_BIAS": fault(
        Pair(keras_grus(use_bias=False), torch_grus(bias=False), GIVEN), "forward", "reset in front", RESET
    ),
    "STATES": fault(
        Pair(keras_states, torch_states, GIVEN), "forward", "order of values",
        "gives the two states that 'decoder' begins with in each other's place",
    ),
    "QUERY_AND_KEY": fault(
        Pair(keras_attention, torch_attention, (STEPS, UNITS)), "forward", "order of values",
        "the inputs of 'attention' are in another order",
    ),
    **{
        name: fault(
            Pair(keras_kept_attention, torch_kept_attention(is_named), (STEPS, UNITS)), "forward", "order of values",
            "key and value of 'attention' in each other's place",
        )
        for name, is_named in (("KEY_AND_VALUE", False), ("KEY_AND_VALUE_BY_NAME", True))
    },
}  # fmt: skip
