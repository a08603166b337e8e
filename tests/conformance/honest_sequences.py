"""Honest pairs on tokens, steps and several inputs, as people write such networks."""

from typing import Any

from twotrack import AdamW, Input, Pair

WIDTH, TIME, WORDS = 8, 5, 9


def _keras_decoder() -> Any:
    """One block that looks back only; the words' vectors are the last layer's weights too."""
    import keras
    from keras import layers, ops

    class Decoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.words = layers.Embedding(WORDS, WIDTH, name="words")
            self.places = layers.Embedding(TIME, WIDTH, name="places")
            self.norm1 = layers.LayerNormalization(epsilon=1e-5, name="norm1")
            self.attention = layers.MultiHeadAttention(2, WIDTH // 2, name="attention")
            self.norm2 = layers.LayerNormalization(epsilon=1e-5, name="norm2")
            self.inner = layers.Dense(
                12, activation=lambda x: keras.activations.gelu(x, approximate=True), name="inner"
            )
            self.outer = layers.Dense(WIDTH, name="outer")

        def call(self, tokens):
            x = self.words(tokens) + self.places(ops.arange(TIME))
            y = self.norm1(x)
            x = x + self.attention(y, y, use_causal_mask=True)
            x = x + self.outer(self.inner(self.norm2(x)))
            return ops.matmul(x, ops.transpose(self.words.embeddings))

    return Decoder()


def _torch_decoder() -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attn = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 12), nn.GELU(approximate="tanh"), nn.Linear(12, WIDTH))

        def forward(self, x):
            y = self.ln_1(x)
            ahead = torch.ones(TIME, TIME, dtype=torch.bool).triu(1)
            x = x + self.attn(y, y, y, attn_mask=ahead, need_weights=False)[0]
            return x + self.mlp(self.ln_2(x))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe, self.h = nn.Embedding(WORDS, WIDTH), nn.Embedding(TIME, WIDTH), nn.ModuleList([Block()])

        def forward(self, tokens):
            x = self.wte(tokens) + self.wpe.weight
            for block in self.h:
                x = block(x)
            return functional.linear(x, self.wte.weight)

    return Decoder()


TIED_DECODER = Pair(
    _keras_decoder,
    _torch_decoder,
    Input((TIME,), kind="tokens", size=WORDS),
    optimizer=AdamW(1e-3, weight_decay=0.1),
    rename={
        "wte": "words", "wpe": "places", "h.0.ln_1": "norm1", "h.0.attn": "attention", "h.0.ln_2": "norm2",
        "h.0.mlp.0": "inner", "h.0.mlp.2": "outer",
    },
)  # fmt: skip


def _keras_encoder() -> Any:
    import keras
    from keras import layers

    x = given = keras.Input((TIME, WIDTH))
    y = layers.MultiHeadAttention(4, 2, name="attention")(x, x)
    x = layers.LayerNormalization(epsilon=1e-5, name="norm1")(x + y)
    y = layers.Dense(WIDTH, name="linear2")(layers.Dense(10, activation="relu", name="linear1")(x))
    return keras.Model(given, layers.LayerNormalization(epsilon=1e-5, name="norm2")(x + y))


def _torch_encoder() -> Any:
    from torch import nn

    return nn.TransformerEncoderLayer(WIDTH, 4, 10, dropout=0.0, batch_first=True)


ENCODER_LAYER = Pair(_keras_encoder, _torch_encoder, (TIME, WIDTH), rename={"self_attn": "attention"})


def _keras_crossed() -> Any:
    """A question looks at a text, of which a part is padding."""
    import keras
    from keras import layers

    question, text = keras.Input((3, WIDTH), name="question"), keras.Input((TIME, WIDTH), name="text")
    real = keras.Input((TIME,), dtype="bool", name="real")
    seen = layers.MultiHeadAttention(2, 4, name="attention")(question, text, attention_mask=real[:, None, :])
    return keras.Model([question, text, real], layers.Dense(2, name="answer")(layers.Flatten(name="flat")(seen)))


def _torch_crossed() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.answer = nn.MultiheadAttention(WIDTH, 2, batch_first=True), nn.Linear(3 * WIDTH, 2)

        def forward(self, question, text, real):
            seen, _ = self.attention(question, text, text, key_padding_mask=real.logical_not())
            return self.answer(seen.flatten(1))

    return Network()


CROSS_ATTENTION = Pair(
    _keras_crossed,
    _torch_crossed,
    {"question": (3, WIDTH), "text": (TIME, WIDTH), "real": Input((TIME,), kind="mask")},
    loss="cross_entropy",
)


def _keras_siamese() -> Any:
    import keras
    from keras import layers, ops

    encoder = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, activation="tanh", name="hidden"), layers.Dense(4, name="vector")],
        name="encoder",
    )
    one, two = keras.Input((6,), name="one"), keras.Input((6,), name="two")
    apart = ops.abs(encoder(one) - encoder(two))
    return keras.Model([one, two], layers.Dense(1, name="same")(apart))


def _torch_siamese() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))
            self.same = nn.Linear(4, 1)

        def forward(self, one, two):
            return self.same((self.encoder(one) - self.encoder(two)).abs())

    return Network()


SIAMESE = Pair(
    _keras_siamese,
    _torch_siamese,
    {"one": (6,), "two": (6,)},
    loss="binary_cross_entropy",
    rename={"encoder.0": "encoder.hidden", "encoder.2": "encoder.vector"},
)


def _keras_wide_and_deep() -> Any:
    import keras
    from keras import layers

    kind, numbers = keras.Input((2,), dtype="int32", name="kind"), keras.Input((4,), name="numbers")
    vectors = layers.Flatten(name="flat")(layers.Embedding(7, 3, name="kinds")(kind))
    deep = layers.Dense(6, activation="relu", name="deep")(layers.Concatenate(name="join")([vectors, numbers]))
    sides = [layers.Dense(1, name="wide")(numbers), layers.Dense(1, use_bias=False, name="end")(deep)]
    return keras.Model([kind, numbers], layers.Add(name="sum")(sides))


def _torch_wide_and_deep() -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.kinds, self.wide = nn.Embedding(7, 3), nn.Linear(4, 1)
            self.mlp = nn.Sequential(nn.Linear(10, 6), nn.ReLU(), nn.Linear(6, 1, bias=False))

        def forward(self, kind, numbers):
            return self.wide(numbers) + self.mlp(torch.cat([self.kinds(kind).view(len(kind), -1), numbers], dim=1))

    return Network()


WIDE_AND_DEEP = Pair(
    _keras_wide_and_deep,
    _torch_wide_and_deep,
    {"kind": Input((2,), kind="tokens", size=7), "numbers": (4,)},
    loss="binary_cross_entropy",
    rename={"mlp.0": "deep", "mlp.2": "end"},
)


def _keras_machine() -> Any:
    """A factorization machine: half of the square of the sum less the sum of squares."""
    import keras
    from keras import layers, ops

    tokens = keras.Input((4,), dtype="int32")
    vectors = layers.Embedding(WORDS, 3, name="factors")(tokens)
    crossed = ops.sum(ops.square(ops.sum(vectors, 1)) - ops.sum(ops.square(vectors), 1), -1, keepdims=True) / 2
    return keras.Model(tokens, crossed + ops.sum(layers.Embedding(WORDS, 1, name="first_order")(tokens), 1))


def _torch_machine() -> Any:
    from torch import nn

    class Machine(nn.Module):
        def __init__(self):
            super().__init__()
            self.factors, self.first_order = nn.Embedding(WORDS, 3), nn.Embedding(WORDS, 1)

        def forward(self, tokens):
            v = self.factors(tokens)
            return self.first_order(tokens).sum(1) + 0.5 * (v.sum(1) ** 2 - (v**2).sum(1)).sum(1, keepdim=True)

    return Machine()


FACTORIZATION_MACHINE = Pair(_keras_machine, _torch_machine, Input((4,), kind="tokens", size=WORDS))


def _keras_policy() -> Any:
    """What to do, and what it is worth."""
    import keras
    from keras import layers

    seen = keras.Input((6,))
    trunk = layers.Dense(7, activation="tanh", name="trunk")(seen)
    return keras.Model(
        seen, [layers.Dense(3, activation="softmax", name="policy")(trunk), layers.Dense(1, name="value")(trunk)]
    )


def _torch_policy() -> Any:
    from torch import nn

    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.actor, self.critic = (
                nn.Sequential(nn.Linear(6, 7), nn.Tanh()),
                nn.Linear(7, 3),
                nn.Linear(7, 1),
            )

        def forward(self, seen):
            trunk = self.body(seen)
            return nn.functional.softmax(self.actor(trunk), dim=-1), self.critic(trunk)

    return Agent()


POLICY_AND_VALUE = Pair(
    _keras_policy, _torch_policy, (6,), rename={"body.0": "trunk", "actor": "policy", "critic": "value"}
)


def _keras_low_rank() -> Any:
    """A kernel that is kept, and a small one beside it that is trained."""
    import keras
    from keras import layers

    given = keras.Input((6,))
    low = layers.Dense(6, use_bias=False, name="up")(layers.Dense(2, use_bias=False, name="down")(given))
    return keras.Model(given, layers.Dense(6, trainable=False, name="kept")(given) + low * (16 / 2))


def _torch_low_rank() -> Any:
    from torch import nn

    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.kept = nn.Linear(6, 6).requires_grad_(False)
            self.lora_a, self.lora_b = nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False)

        def forward(self, x):
            return self.kept(x) + self.lora_b(self.lora_a(x)).mul(16).div(2)

    return Adapted()


LOW_RANK = Pair(_keras_low_rank, _torch_low_rank, (6,), rename={"lora_a": "down", "lora_b": "up"})


def _keras_attended() -> Any:
    """A mean that is weighed by scores over the steps."""
    import keras
    from keras import layers, ops

    steps = keras.Input((TIME, 4))
    states = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="reader")(steps)
    scores = layers.Dense(1, use_bias=False, name="score")(layers.Dense(4, activation="tanh", name="look")(states))
    mean = ops.einsum("bts,btc->bc", ops.softmax(scores, axis=1), states)
    return keras.Model(steps, layers.Dense(2, name="head")(mean))


def _torch_attended() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.reader = nn.LSTM(4, 3, bidirectional=True, batch_first=True)
            self.attention = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1, bias=False))
            self.head = nn.Linear(6, 2)
            for bias in (self.reader.bias_hh_l0, self.reader.bias_hh_l0_reverse):
                nn.init.zeros_(bias)
                bias.requires_grad_(False)

        def forward(self, steps):
            states, _ = self.reader(steps)
            weights = self.attention(states).squeeze(-1).softmax(dim=1)
            return self.head((weights.unsqueeze(1) @ states).squeeze(1))

    return Network()


ATTENTION_POOLING = Pair(
    _keras_attended, _torch_attended, (TIME, 4), rename={"attention.0": "look", "attention.2": "score"}
)


def _keras_highway() -> Any:
    import keras
    from keras import layers

    x = given = keras.Input((5,))
    for number in range(2):
        gate = layers.Dense(5, activation="sigmoid", name=f"gate{number}")(x)
        new = layers.Dense(5, activation="selu", name=f"new{number}")(x)
        x = layers.Add(name=f"sum{number}")(
            [layers.Multiply(name=f"times{number}")([gate, new]), layers.Multiply(name=f"rest{number}")([1 - gate, x])]
        )
    return keras.Model(given, x)


def _torch_highway() -> Any:
    import torch
    from torch import nn

    class Highway(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.ModuleDict({"gate": nn.Linear(5, 5), "new": nn.Linear(5, 5)}) for _ in "ab")

        def forward(self, x):
            for layer in self.layers:
                x = torch.lerp(x, nn.functional.selu(layer["new"](x)), layer["gate"](x).sigmoid())
            return x

    return Highway()


HIGHWAY = Pair(
    _keras_highway,
    _torch_highway,
    (5,),
    rename={f"layers.{number}.{part}": f"{part}{number}" for number in range(2) for part in ("gate", "new")},
)

HONEST = (
    "TIED_DECODER",
    "ENCODER_LAYER",
    "CROSS_ATTENTION",
    "SIAMESE",
    "WIDE_AND_DEEP",
    "FACTORIZATION_MACHINE",
    "POLICY_AND_VALUE",
    "LOW_RANK",
    "ATTENTION_POOLING",
    "HIGHWAY",
)
