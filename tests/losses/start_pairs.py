"""Pairs whose initial weights the frameworks draw by rules of their own, or by the same, as they claim to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.conformance.planted import sequential
from tests.support.named_pairs import numbered
from twotrack import Input, Pair

keras = sequential(lambda k: k.Input((5, 20)), lambda k: k.LSTM(24, name="lstm"), lambda k: k.Dense(30, name="dense"))


def torch() -> Any:
    return _lstm(lambda nn, lstm, dense: None)


def _lstm(draw: Callable[[Any, Any, Any], None]) -> Any:
    """Return an LSTM and a dense layer; `draw` gets torch.nn and both."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.dense = nn.LSTM(20, 24, batch_first=True), nn.Linear(24, 30)
            nn.init.zeros_(self.lstm.bias_hh_l0)
            self.lstm.bias_hh_l0.requires_grad_(False)
            draw(nn, self.lstm, self.dense)

        def forward(self, x: Any) -> Any:
            return self.dense(self.lstm(x)[0][:, -1])

    return Net()


PAIR = Pair(keras, torch, (5, 20))

# === Pairs that claim to start alike ===


def as_keras(nn: Any, lstm: Any, dense: Any) -> None:
    """Draw as layers of Keras do."""
    nn.init.xavier_uniform_(lstm.weight_ih_l0)
    nn.init.orthogonal_(lstm.weight_hh_l0)
    nn.init.zeros_(lstm.bias_ih_l0)
    lstm.bias_ih_l0.data[24:48] = 1  # input, forget, cell, output
    nn.init.xavier_uniform_(dense.weight)
    nn.init.zeros_(dense.bias)


def but(change: Callable[[Any, Any, Any], None]) -> Pair:
    """Return the pair as Keras draws, but for a change to torch's side."""

    def draw(nn: Any, lstm: Any, dense: Any) -> None:
        as_keras(nn, lstm, dense)
        change(nn, lstm, dense)

    return replace(PAIR, torch=lambda: _lstm(draw), same_start=("*",))


def _in_gates(nn: Any, lstm: Any, dense: Any) -> None:
    for part in lstm.weight_hh_l0.data.chunk(4):
        nn.init.orthogonal_(part)


def _wrong_gate(nn: Any, lstm: Any, dense: Any) -> None:
    lstm.bias_ih_l0.data[:] = 0
    lstm.bias_ih_l0.data[48:72] = 1


def one_layer(keras_law: Callable[[Any], Any], torch_law: Callable[[Any, Any], Any], kind: str = "dense") -> Pair:
    """Return a pair of one layer whose kernel both sides draw by a law of their own; the rest starts alike."""

    def build_keras() -> Any:
        import keras

        law, k = keras_law(keras.initializers), keras.layers
        layers = {
            "dense": lambda: [k.Input((30,)), k.Dense(40, kernel_initializer=law, name="layer")],
            "table": lambda: [k.Input((6,), dtype="int32"), k.Embedding(50, 12, law, name="layer")],
            "turned": lambda: [k.Input((6, 6, 5)), k.Conv2DTranspose(20, 3, kernel_initializer=law, name="layer")],
        }
        return keras.Sequential(layers[kind]())

    def build_torch() -> Any:
        from torch import nn

        layers = {
            "dense": lambda: nn.Linear(30, 40),
            "table": lambda: nn.Embedding(50, 12),
            "turned": lambda: nn.ConvTranspose2d(5, 20, 3),
        }
        layer = layers[kind]()
        if kind != "table":
            nn.init.zeros_(layer.bias)
        torch_law(nn.init, layer.weight)

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = layer

            def forward(self, x: Any) -> Any:
                return self.layer(x)

        return Net()

    shape = {"dense": (30,), "table": Input((6,), "tokens", 50), "turned": (6, 6, 5)}[kind]
    return Pair(build_keras, build_torch, shape, same_start=("*",))


def scaled(gain: float, fan: str, kind: str) -> Callable[[Any], Any]:
    return lambda initializers: initializers.VarianceScaling(gain, fan, kind)


@dataclass(frozen=True)
class Mixed:
    """A pair in which torch's side starts by another law, and what the proved cause must say, in both and as lines."""

    pair: Pair
    told: str
    torch_line: str = ""
    keras_line: str = ""


GLOROT = scaled(1.0, "fan_avg", "uniform")
HE = scaled(2.0, "fan_in", "untruncated_normal")
MIXED: Mapping[str, Mixed] = {
    "torch's defaults": Mixed(
        one_layer(GLOROT, lambda init, w: None),
        "as Glorot .* in Keras and uniform, as kaiming_uniform",
        "nn.init.xavier_uniform_(layer.weight)",
        "kernel_initializer=keras.initializers.VarianceScaling(1 / 3, 'fan_in', 'uniform') in 'layer'",
    ),
    "a normal law that is cut": Mixed(
        one_layer(scaled(2.0, "fan_in", "truncated_normal"), lambda init, w: init.kaiming_normal_(w)),
        "truncated normal, as He .* in Keras and normal, as He",
        "trunc_normal_(layer.weight",
        "VarianceScaling(2, 'fan_in', 'untruncated_normal')",
    ),
    "the gain of an orthogonal kernel": Mixed(
        one_layer(lambda own: own.Orthogonal(1.0), lambda init, w: init.orthogonal_(w, 2**0.5)),
        "orthogonal in Keras and orthogonal, times 1.41 in torch",
        "nn.init.orthogonal_(layer.weight)",
        "keras.initializers.Orthogonal(1.41",
    ),
    "fans of a transposed kernel": Mixed(
        one_layer(scaled(2.0, "fan_out", "untruncated_normal"), lambda init, w: init.kaiming_normal_(w), kind="turned"),
        r"normal, as He of the outputs .* in Keras and normal, as He \(variance 2 / fan_in\)",
        "nn.init.kaiming_normal_(layer.weight, mode='fan_out')",
        "VarianceScaling(2, 'fan_in', 'untruncated_normal')",
    ),
    "embeddings": Mixed(
        one_layer(lambda own: "uniform", lambda init, w: None, kind="table"),
        r"uniform, as RandomUniform\(0.05\) .* in Keras and normal, as a standard normal",
        "nn.init.uniform_(layer.weight, -0.05, 0.05)",
        "embeddings_initializer=keras.initializers.RandomNormal(0, 1)",
    ),
    "the bias of the forget gate": Mixed(
        but(lambda nn, lstm, dense: nn.init.zeros_(lstm.bias_ih_l0)),
        "'lstm.bias' starts at 0, and at 1 for gate 2 of 4 in Keras and at 0 in torch",
        "lstm.bias_ih_l0.data.chunk(4), [0.0, 1.0, 0.0, 0.0]",
        "bias_initializer='zeros' in 'lstm'",
    ),
    "the bias of another gate": Mixed(
        but(_wrong_gate), "at 1 for gate 2 of 4 in Keras and at 0, and at 1 for gate 3 of 4 in torch"
    ),
    "an orthogonal recurrent kernel": Mixed(
        but(lambda nn, lstm, dense: nn.init.xavier_uniform_(lstm.weight_hh_l0)),
        "'lstm.recurrent_kernel' starts orthogonal in Keras and uniform",
        "nn.init.orthogonal_(lstm.weight_hh_l0)",
    ),
    "orthogonal gate by gate": Mixed(
        but(_in_gates), "starts orthogonal in Keras and orthogonal, each of 4 gates by itself in torch"
    ),
    "everything": Mixed(replace(PAIR, same_start=("*",)), "'dense.bias' starts at 0 in Keras and uniform"),
}
HONEST: Mapping[str, Pair] = {
    "an LSTM": but(lambda nn, lstm, dense: None),
    "He": one_layer(HE, lambda init, w: init.kaiming_normal_(w)),
    "a table": one_layer(lambda own: own.RandomNormal(0, 1), lambda init, w: None, kind="table"),
    "a part that is claimed": replace(
        but(lambda nn, lstm, dense: nn.init.normal_(lstm.weight_hh_l0)), same_start=("dense.*", "lstm.bias")
    ),
}

__getattr__ = numbered(MIXED=(one.pair for one in MIXED.values()), HONEST=HONEST.values())
