"""Faults of tokens, steps and recurrent layers."""

from typing import Any

from tests.conformance.faults.family import ANYWHERE, BEHIND, FAULTS, Called, Part, Plant, Spot, Truth
from tests.conformance.faults.hosts import recurrent_layer
from tests.conformance.faults.signs import adds, drops, maps, reorders, sets, shrinks, skips, steers, takes
from tests.support.families import Draw


def _end(t_or_k: Any, how: str, is_keras: bool) -> Any:
    if how in ("last", "first"):
        step = -1 if how == "last" else 0
        return lambda x: x[:, step]
    if is_keras:
        return lambda x: getattr(t_or_k.ops, how)(x, axis=1)
    return lambda x: x.mean(1) if how == "mean" else x.amax(1)


@FAULTS.add("sequences", "the last step against the mean or the largest of all", ("sequence",), place=1, count=2,
            hosts=("recurrent", "signal"))  # fmt: skip
def last_step(draw: Draw, spot: Spot) -> Plant:
    name = spot.called("end")
    keras, torch = draw.one_of("ends", ("last", "mean"), ("mean", "last"), ("max", "mean"), ("last", "first"))
    part = Part(name, lambda k, n: _end(k, keras, True), lambda t: _end(t, torch, False))
    part.paired = False
    truth = Truth("forward", BEHIND, ("step|mean|max|last",), (maps("select", "reduce"), takes("select", "reduce")))
    return Plant(truth, [part], sizes=())


GATES = {"LSTM": (4, (0, 2, 1, 3)), "GRU": (3, (1, 0, 2))}
"""How many blocks each has, and the order that someone took them in."""


def by_hand(t: Any, kind: str, features: int, hidden: int, order: tuple[int, ...]) -> Any:
    """Return a recurrent layer that takes Keras' blocks of gates in some order."""
    count = GATES[kind][0]

    class Recurrent(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = t.nn.Parameter(t.zeros(features, count * hidden))
            self.recurrent_kernel = t.nn.Parameter(t.zeros(hidden, count * hidden))
            self.bias = t.nn.Parameter(t.zeros(*((2,) if kind == "GRU" else ()), count * hidden))

        def _parts(self, x: Any) -> list:
            blocks = x.chunk(count, -1)
            return [blocks[place] for place in order]

        def _lstm(self, step: Any, state: Any, cell: Any) -> tuple:
            i, f, c, o = self._parts(step @ self.kernel + state @ self.recurrent_kernel + self.bias)
            cell = f.sigmoid() * cell + i.sigmoid() * c.tanh()
            return o.sigmoid() * cell.tanh(), cell

        def _gru(self, step: Any, state: Any, cell: Any) -> tuple:
            z, r, n = self._parts(step @ self.kernel + self.bias[0])
            state_z, state_r, state_n = self._parts(state @ self.recurrent_kernel + self.bias[1])
            update = (z + state_z).sigmoid()
            return update * state + (1 - update) * (n + (r + state_r).sigmoid() * state_n).tanh(), cell

        def forward(self, x: Any) -> Any:
            state, cell, states = x.new_zeros(len(x), hidden), x.new_zeros(len(x), hidden), []
            for step in x.unbind(1):
                state, cell = (self._lstm if kind == "LSTM" else self._gru)(step, state, cell)
                states.append(state)
            return t.stack(states, 1)

    return Recurrent()


@FAULTS.add("sequences", "order of the gates of a recurrent layer", ("sequence",))
def gate_order(draw: Draw, spot: Spot) -> Plant:
    name, kind, hidden = spot.called("reader"), draw.one_of("layer", *GATES), draw.whole("units", 3, 5)
    part = Part(
        name,
        lambda k, n: getattr(k.layers, kind)(hidden, return_sequences=True, name=n),
        lambda t: by_hand(t, kind, spot.width, hidden, GATES[kind][1]),
    )
    truth = Truth("forward", name, ("gate",), (reorders(name),))
    return Plant(truth, [_narrow(spot, spot.width), part, _narrow(spot, hidden, spot.width, "wide")])


def _narrow(spot: Spot, width: int, into: int = 0, name: str = "narrow") -> Part:
    wanted = into or width
    return Part(spot.called(name), lambda k, n: k.layers.Dense(wanted, name=n), lambda t: t.nn.Linear(width, wanted))


@FAULTS.add("sequences", "a second bias in torch", ("sequence",))
def second_bias(draw: Draw, spot: Spot) -> Plant:
    name, kind = spot.called("reader"), draw.one_of("layer", "LSTM", "SimpleRNN")
    torch = {"LSTM": "LSTM", "SimpleRNN": "RNN"}[kind]
    part = Part(
        name,
        lambda k, n: getattr(k.layers, kind)(spot.width, return_sequences=True, name=n),
        lambda t: Called(getattr(t.nn, torch)(spot.width, spot.width, batch_first=True), lambda m, x: m(x)[0]),
    )
    return Plant(
        Truth("parameters", ANYWHERE, ("bias",), (drops(f"{name}.bias_hh"), shrinks(f"{name}.bias_hh"))), [part]
    )


@FAULTS.add("sequences", "a recurrent layer that goes backwards", ("sequence",))
def backwards(draw: Draw, spot: Spot) -> Plant:
    name, kind = spot.called("reader"), draw.one_of("layer", "LSTM", "GRU")
    sound = recurrent_layer(name, kind, spot.width, spot.width)
    part = Part(
        name,
        lambda k, n: getattr(k.layers, kind)(spot.width, return_sequences=True, go_backwards=True, name=n),
        sound.torch,
    )
    return Plant(Truth("forward", name, ("backwards",), (maps("reverse", "order", at=(name,)),)), [part])


@FAULTS.add("sequences", "activation inside a recurrent layer", ("sequence",))
def recurrent_activation(draw: Draw, spot: Spot) -> Plant:
    name, keras, torch = spot.called("reader"), *draw.one_of("activations", ("relu", "tanh"), ("tanh", "relu"))

    def torch_side(t: Any) -> Called:
        module = t.nn.RNN(spot.width, spot.width, batch_first=True, nonlinearity=torch)
        t.nn.init.zeros_(module.bias_hh_l0)
        module.bias_hh_l0.requires_grad_(False)
        return Called(module, lambda m, x: m(x)[0])

    part = Part(
        name,
        lambda k, n: k.layers.SimpleRNN(spot.width, activation=keras, return_sequences=True, name=n),
        torch_side,
    )
    signs = (sets(name, "mode", f"RNN_{keras.upper()}"), sets(name, "nonlinearity", keras))
    return Plant(Truth("forward", name, (keras, torch), signs), [part])


@FAULTS.add("sequences", "numbers of tokens shifted by one on one side", ("sequence",), place=0,
            hosts=("recurrent", "signal"))  # fmt: skip
def shifted_ids(draw: Draw, spot: Spot) -> Plant:
    """Tokens are made of the first feature, so that the network stays as it is."""
    name, odd, size = spot.called("words"), draw.one_of("odd_side", "keras", "torch"), 9
    tokens = spot.called("ids")
    keras_shift, torch_shift = (1, 0) if odd == "keras" else (0, 1)
    made = Part(
        tokens,
        lambda k, n: lambda x: k.ops.cast(k.ops.abs(x[..., 0]) * 50, "int32") % (size - 1) + keras_shift,
        lambda t: lambda x: (x[..., 0].abs() * 50).int() % (size - 1) + torch_shift,
        paired=False,
    )
    words = Part(
        name, lambda k, n: k.layers.Embedding(size, spot.width, name=n), lambda t: t.nn.Embedding(size, spot.width)
    )
    truth = Truth(
        "forward", name, ("larger|add|1",), (maps("offset", at=(name,), by=float(keras_shift - torch_shift)),)
    )
    return Plant(truth, [made, words])


@FAULTS.add("sequences", "a row of padding that torch does not train", ("sequence",), ("signal", "recurrent"), place=0,
            count=2)  # fmt: skip
def padding_id(draw: Draw, spot: Spot) -> Plant:
    name, size, padding = spot.called("words"), 5, draw.one_of("padding", 0, 1)
    made = Part(
        spot.called("ids"),
        lambda k, n: lambda x: k.ops.cast(k.ops.abs(x[..., 0]) * 50, "int32") % size,
        lambda t: lambda x: (x[..., 0].abs() * 50).int() % size,
        paired=False,
    )
    words = Part(
        name,
        lambda k, n: k.layers.Embedding(size, spot.width, name=n),
        lambda t: t.nn.Embedding(size, spot.width, padding_idx=padding),
    )
    signs = (sets(name, "padding_idx", None), steers("zero_rows"))
    return Plant(Truth("gradients", ANYWHERE, ("padding",), signs), [made, words])


@FAULTS.add("sequences", "a step that is masked on one side only", ("sequence",), ("tokens",), place=1)
def mask_of_zero(draw: Draw, spot: Spot) -> Plant:
    """Keras leaves the first step out of the sum, as a mask by hand does."""
    name, odd = spot.called("masked"), draw.one_of("odd_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: lambda x: x * k.ops.cast(k.ops.arange(spot.sizes[0]) > 0, x.dtype)[:, None])
        if odd == "keras" else None,
        (lambda t: lambda x: x * (t.arange(spot.sizes[0]) > 0).to(x)[:, None]) if odd == "torch" else None,
    )  # fmt: skip
    return Plant(Truth("forward", BEHIND, (), (maps("mask", "scale"), skips("mul", "__mul__"), adds())), [part])
