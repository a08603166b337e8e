"""Small pairs whose two sides share no name: every name is a random word, and the layers are made in random order."""

from collections.abc import Callable
from random import Random
from typing import Any

from twotrack import Input, Pair


class Words:
    """Random names, no two alike."""

    def __init__(self, seed: int):
        self._random, self._given = Random(seed), set[str]()

    def __call__(self) -> str:
        """Return one."""
        word = "".join(self._random.choices("bcdfghjklmnpqrstvwxz", k=7))
        return word if word not in self._given and not self._given.add(word) else self()


def keras_model(inputs: dict[str, tuple], connect: Callable[..., Any], seed: int = 1) -> Callable[[], Any]:
    """Return a build function of a functional model; `connect` gets a maker of layers and the inputs."""

    def build() -> Any:
        import keras
        from keras import layers

        word = Words(seed)

        def make(kind: str, *args: Any, **options: Any) -> Any:
            return getattr(layers, kind)(*args, name=word(), **options)

        given = [keras.Input(shape, name=name, dtype=kind) for name, (shape, kind) in inputs.items()]
        return keras.Model(given if len(given) > 1 else given[0], connect(make, *given))

    return build


def torch_model(
    parts: Callable[[Any], dict[str, Any]], forward: Callable[..., Any], seed: int = 2
) -> Callable[[], Any]:
    """Return a build function of a module that registers its parts in random order under random names."""

    def build() -> Any:
        from torch import nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                word, made = Words(seed), parts(nn)
                self.places = {}
                order = list(made)
                Random(seed).shuffle(order)
                for key in order:
                    self.places[key] = word()
                    setattr(self, self.places[key], made[key])

            def forward(self, *given: Any) -> Any:
                return forward({key: getattr(self, place) for key, place in self.places.items()}, *given)

        return Net()

    return build


REAL = {"x": ((6,), None)}
STEPS = {"x": ((5, 8), None)}


def mlp(depth: int, epsilon: float = 1e-5, sizes: int = 8) -> Pair:
    """Return layers as large as each other, with a normalisation behind each."""

    def connect(make: Any, x: Any) -> Any:
        for _ in range(depth):
            x = make("Dense", sizes, activation="tanh")(x)
            x = make("LayerNormalization", epsilon=epsilon)(x)
        return make("Dense", 3)(x)

    def parts(nn: Any) -> dict[str, Any]:
        made = {f"dense{n}": nn.Linear(sizes if n else 6, sizes) for n in range(depth)}
        return made | {f"norm{n}": nn.LayerNorm(sizes) for n in range(depth)} | {"head": nn.Linear(sizes, 3)}

    def forward(m: Any, x: Any) -> Any:
        for n in range(depth):
            x = m[f"norm{n}"](m[f"dense{n}"](x).tanh())
        return m["head"](x)

    return Pair(keras_model(REAL, connect), torch_model(parts, forward), (6,))


def cnn() -> Pair:
    """Return convolutions, depthwise and separable too, batch normalisation, and a layer behind a flattened map."""

    def connect(make: Any, x: Any) -> Any:
        x = make("Conv2D", 4, 3, activation="relu")(x)
        x = make("BatchNormalization", epsilon=1e-5)(x)
        x = make("DepthwiseConv2D", 3, depth_multiplier=2, use_bias=False)(x)
        x = make("SeparableConv2D", 6, 2)(x)
        return make("Dense", 3)(make("Flatten")(x))

    def parts(nn: Any) -> dict[str, Any]:
        return {
            "conv": nn.Conv2d(3, 4, 3),
            "norm": nn.BatchNorm2d(4),
            "depthwise": nn.Conv2d(4, 8, 3, groups=4, bias=False),
            "places": nn.Conv2d(8, 8, 2, groups=8, bias=False),
            "points": nn.Conv2d(8, 6, 1),
            "head": nn.Linear(54, 3),
        }

    def forward(m: Any, x: Any) -> Any:
        x = m["points"](m["places"](m["depthwise"](m["norm"](m["conv"](x).relu()))))
        return m["head"](x.flatten(1))

    inputs = {"x": ((8, 8, 3), None)}
    return Pair(keras_model(inputs, connect), torch_model(parts, forward), (8, 8, 3))


def recurrent(kind: str, levels: int = 1, both_ways: bool = False) -> Pair:
    """Return recurrent layers on top of each other; torch has them in one module."""
    size = 8

    def connect(make: Any, x: Any) -> Any:
        from keras import layers

        for _ in range(levels):
            layer = getattr(layers, kind)(size, return_sequences=True)
            x = make("Bidirectional", layer)(x) if both_ways else make(kind, size, return_sequences=True)(x)
        return make("Dense", 3)(x)

    def parts(nn: Any) -> dict[str, Any]:
        own = getattr(nn, kind)(size, size, levels, batch_first=True, bidirectional=both_ways)
        return {"steps": own, "head": nn.Linear(size * (1 + both_ways), 3)}

    def forward(m: Any, x: Any) -> Any:
        return m["head"](m["steps"](x)[0])

    return Pair(keras_model(STEPS, connect), torch_model(parts, forward), (5, 8))


def transformer(fused: str = "blocks", constant: float = 1.0) -> Pair:
    """Return a block whose query, key and value torch has fused, `blocks` or by `heads`, or in nn.MultiheadAttention.

    `constant` scales what torch's attention gives.
    """

    def connect(make: Any, x: Any) -> Any:
        y = make("LayerNormalization", epsilon=1e-5)(x)
        x = x + make("MultiHeadAttention", 2, 4)(y, y)
        y = make("Dense", 16, activation="relu")(make("LayerNormalization", epsilon=1e-5)(x))
        return x + make("Dense", 8)(y)

    def parts(nn: Any) -> dict[str, Any]:
        attention = {"whole": nn.MultiheadAttention(8, 2, batch_first=True)}
        if fused != "module":
            attention = {"qkv": nn.Linear(8, 24), "out": nn.Linear(8, 8)}
        norms = {"norm1": nn.LayerNorm(8), "norm2": nn.LayerNorm(8)}
        return attention | norms | {"up": nn.Linear(8, 16), "down": nn.Linear(16, 8)}

    def attend(m: Any, y: Any) -> Any:
        if fused == "module":
            return m["whole"](y, y, y, need_weights=False)[0]
        split = (2, 5, 3, 2, 4) if fused == "blocks" else (2, 5, 2, 3, 4)
        order = (2, 0, 3, 1, 4) if fused == "blocks" else (3, 0, 2, 1, 4)
        q, k, v = m["qkv"](y).reshape(-1, *split[1:]).permute(order).unbind(0)
        weights = (q @ k.transpose(-1, -2) / 2).softmax(-1)
        return m["out"]((weights @ v).transpose(1, 2).reshape(-1, 5, 8))

    def forward(m: Any, x: Any) -> Any:
        x = x + constant * attend(m, m["norm1"](x))
        return x + m["down"](m["up"](m["norm2"](x)).relu())

    return Pair(keras_model(STEPS, connect), torch_model(parts, forward), (5, 8))


def joined() -> Pair:
    """Return a gated block: Keras has gate and values in one layer, torch in two."""

    def connect(make: Any, x: Any) -> Any:
        from keras import ops

        gate, value = ops.split(make("Dense", 16)(x), 2, axis=-1)
        return make("Dense", 3)(ops.sigmoid(gate) * value)

    def parts(nn: Any) -> dict[str, Any]:
        return {"value": nn.Linear(6, 8), "gate": nn.Linear(6, 8), "head": nn.Linear(8, 3)}

    def forward(m: Any, x: Any) -> Any:
        return m["head"](m["gate"](x).sigmoid() * m["value"](x))

    return Pair(keras_model(REAL, connect), torch_model(parts, forward), (6,))


def branches(merge: str) -> Pair:
    """Return two branches of equal layers that are added, or stand side by side."""

    def connect(make: Any, x: Any) -> Any:
        one, other = (make("Dense", 4)(make("Dense", 8, activation="tanh")(x)) for _ in range(2))
        return make("Dense", 3)(make("Add" if merge == "add" else "Concatenate")([one, other]))

    def parts(nn: Any) -> dict[str, Any]:
        made = {f"{n}{level}": nn.Linear(*sizes) for n in "ab" for level, sizes in enumerate(((6, 8), (8, 4)))}
        return made | {"head": nn.Linear(4 if merge == "add" else 8, 3)}

    def forward(m: Any, x: Any) -> Any:
        import torch

        one, other = (m[f"{n}1"](m[f"{n}0"](x).tanh()) for n in "ab")
        return m["head"](one + other if merge == "add" else torch.cat([one, other], -1))

    return Pair(keras_model(REAL, connect), torch_model(parts, forward), (6,))


def shared() -> Pair:
    """Return one layer on two inputs, two outputs, and a table of words that also gives the scores (tied)."""
    inputs = {"ids": ((5,), "int32"), "others": ((5,), "int32")}

    def connect(make: Any, ids: Any, others: Any) -> Any:
        table, inner = make("Embedding", 11, 8), make("Dense", 8, activation="tanh")
        one, other = inner(table(ids)), inner(table(others))
        return [make("Dense", 3)(one), make("Dense", 2)(one * other)]

    def parts(nn: Any) -> dict[str, Any]:
        return {"table": nn.Embedding(11, 8), "in": nn.Linear(8, 8), "a": nn.Linear(8, 3), "b": nn.Linear(8, 2)}

    def forward(m: Any, ids: Any, others: Any) -> Any:
        other, one = m["in"](m["table"](others)).tanh(), m["in"](m["table"](ids)).tanh()
        return [m["a"](one), m["b"](one * other)]

    shape = {name: Input((5,), kind="tokens", size=11) for name in inputs}
    return Pair(keras_model(inputs, connect), torch_model(parts, forward), shape)


def loose(rows: int = 0, scale: bool = True) -> Pair:
    """Return tokens with a class token, positions and a scale that are weights of no layer in torch.

    The positions of torch have `rows` rows more, in front.
    """

    def build() -> Any:
        import keras
        from keras import layers, ops

        word = Words(5)

        class Front(layers.Layer):
            def build(self, shape: Any) -> None:
                self.first = self.add_weight(name=word(), shape=(1, 1, 8))
                self.places = self.add_weight(name=word(), shape=(6, 8))

            def call(self, x: Any) -> Any:
                first = ops.broadcast_to(self.first, (ops.shape(x)[0], 1, 8))
                return ops.concatenate([first, x], axis=1) + self.places

        class Scale(layers.Layer):
            def build(self, shape: Any) -> None:
                self.scale = self.add_weight(name=word(), shape=(8,))

            def call(self, x: Any) -> Any:
                return x * self.scale

        x = given = keras.Input((5, 8), name="x")
        x = layers.LayerNormalization(epsilon=1e-5, name=word())(Front(name=word())(x))
        y = layers.Dense(8, name=word())(x)
        return keras.Model(given, layers.Dense(3, name=word())(x + (Scale(name=word())(y) if scale else y)))

    def parts(nn: Any) -> dict[str, Any]:
        import torch

        own = {"first": (1, 1, 8), "places": (1, 6 + rows, 8) if not rows else (6 + rows, 8), "scale": (8,)}
        made = {name: nn.Parameter(torch.ones(shape)) for name, shape in own.items() if scale or name != "scale"}
        return made | {"norm": nn.LayerNorm(8), "dense": nn.Linear(8, 8), "head": nn.Linear(8, 3)}

    def forward(m: Any, x: Any) -> Any:
        import torch

        x = torch.cat([m["first"].expand(len(x), -1, -1), x], 1) + (m["places"][rows:] if rows else m["places"])
        x = m["norm"](x)
        return m["head"](x + (m["scale"] * m["dense"](x) if scale else m["dense"](x)))

    return Pair(build, torch_model(parts, forward), (5, 8))


def places(steps: int = 5) -> Pair:
    """Return two texts with positions of their own, whose tables torch reads from row 2 on, asked for by the states."""
    inputs = {"ids": ((steps,), "int32"), "others": ((steps,), "int32")}

    def build() -> Any:
        import keras
        from keras import layers

        word = Words(7)

        class Places(layers.Layer):
            def build(self, shape: Any) -> None:
                self.rows = self.add_weight(name=word(), shape=(steps, 8))

            def call(self, x: Any) -> Any:
                return x + self.rows

        given = [keras.Input((steps,), name=name, dtype="int32") for name in inputs]
        table = layers.Embedding(11, 8, name=word())
        ways = [layers.LayerNormalization(epsilon=1e-5, name=word())(Places(name=word())(table(x))) for x in given]
        return keras.Model(given, [layers.Dense(3, name=word())(x) for x in ways])

    def parts(nn: Any) -> dict[str, Any]:
        import torch

        class Places(nn.Embedding):
            def forward(self, states: Any) -> Any:
                return super().forward(torch.arange(2, 2 + states.shape[1]).expand(states.shape[:2]))

        own = {f"{n}{kind}": made for n in "ab" for kind, made in (("places", Places(steps + 2, 8)),)}
        own |= {f"{n}norm": nn.LayerNorm(8) for n in "ab"} | {f"{n}head": nn.Linear(8, 3) for n in "ab"}
        return own | {"table": nn.Embedding(11, 8)}

    def forward(m: Any, ids: Any, others: Any) -> Any:
        ways = {n: m["table"](x) for n, x in zip("ab", (ids, others), strict=True)}
        return [m[f"{n}head"](m[f"{n}norm"](x + m[f"{n}places"](x))) for n, x in ways.items()]

    shape = {name: Input((steps,), kind="tokens", size=11) for name in inputs}
    return Pair(build, torch_model(parts, forward), shape)


def tables(depth: int = 5) -> Pair:
    """Return blocks that each add a table; torch's tables are modules, Keras' stand inside a layer of its own."""

    def build() -> Any:
        import keras
        from keras import layers

        word = Words(8)

        class Block(layers.Layer):
            def __init__(self, **options: Any) -> None:
                super().__init__(**options)
                self.inner = layers.Dense(8, name=word())

            def build(self, shape: Any) -> None:
                self.inner.build(shape)
                self.table = self.add_weight(name=word(), shape=(5, 8))

            def call(self, x: Any) -> Any:
                return keras.ops.tanh(self.inner(x) * self.table)

        x = given = keras.Input((5, 8), name="x")
        for _ in range(depth):
            x = Block(name=word())(x)
        return keras.Model(given, layers.Dense(3, name=word())(x))

    def parts(nn: Any) -> dict[str, Any]:
        import torch

        class Table(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rows = nn.Parameter(torch.ones(5, 8))

            def forward(self) -> Any:
                return self.rows

        made = {f"dense{n}": nn.Linear(8, 8) for n in range(depth)} | {"head": nn.Linear(8, 3)}
        return made | {f"table{n}": Table() for n in range(depth)}

    def forward(m: Any, x: Any) -> Any:
        for n in range(depth):
            x = (m[f"dense{n}"](x) * m[f"table{n}"]()).tanh()
        return m["head"](x)

    return Pair(build, torch_model(parts, forward), (5, 8))


def idle() -> Pair:
    """Return a layer that has one more weight in Keras, which it never takes."""

    def build() -> Any:
        import keras
        from keras import layers

        word = Words(9)

        class Mapped(layers.Dense):
            def build(self, shape: Any) -> None:
                super().build(shape)
                self.back = self.add_weight(name="back", shape=(shape[-1], self.units))

        given = keras.Input((6,), name="x")
        return keras.Model(given, layers.Dense(3, name=word())(Mapped(8, name=word())(given)))

    def parts(nn: Any) -> dict[str, Any]:
        return {"mapped": nn.Linear(6, 8), "head": nn.Linear(8, 3)}

    return Pair(build, torch_model(parts, lambda m, x: m["head"](m["mapped"](x))), (6,))


def one_sided() -> Pair:
    """Return a convolution whose bias torch does not have, and a weight of torch's that nothing uses."""

    def connect(make: Any, x: Any) -> Any:
        x = make("Conv2D", 4, 3)(x)
        return make("Dense", 3)(make("GlobalAveragePooling2D")(make("BatchNormalization", epsilon=1e-5)(x)))

    def parts(nn: Any) -> dict[str, Any]:
        import torch

        unused = nn.Parameter(torch.ones(1, 1, 7))
        norm = nn.BatchNorm2d(4)
        return {"conv": nn.Conv2d(3, 4, 3, bias=False), "norm": norm, "head": nn.Linear(4, 3), "unused": unused}

    def forward(m: Any, x: Any) -> Any:
        return m["head"](m["norm"](m["conv"](x)).mean((2, 3)))

    inputs = {"x": ((8, 8, 3), None)}
    return Pair(keras_model(inputs, connect), torch_model(parts, forward), (8, 8, 3))


def shorter(missing: bool) -> Pair:
    """Return layers of which torch leaves one out, if `missing`."""
    keras_side = mlp(3).keras
    return Pair(keras_side, mlp(2 if missing else 3).torch, (6,))


MLP, DEEP, CNN = mlp(3), mlp(8), cnn()
LSTM, GRU, RNN = recurrent("LSTM"), recurrent("GRU"), recurrent("LSTM", levels=2, both_ways=True)
GRUS = recurrent("GRU", levels=2)
BLOCKS, HEADS, MODULE = transformer("blocks"), transformer("heads"), transformer("module")
JOINED, ADDED, BESIDE, SHARED = joined(), branches("add"), branches("concatenate"), shared()
PLACES, TABLES, IDLE = places(), tables(), idle()
LOOSE, ROWS, ONE_SIDED = loose(), loose(rows=2, scale=False), one_sided()
WRONG_CONSTANT, WRONG_EPSILON, LEFT_OUT = transformer("blocks", 1.001), mlp(3, epsilon=1e-3), shorter(True)
