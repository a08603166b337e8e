"""One attention block in both frameworks, with weights that are not one to one.

Keras has query, key and value, gate and up in one kernel, a factor that stays one, and a weight that nothing uses.
torch has query, key and value in one, gate and up apart, two rows of positions in front of the first, and a spare
weight.
"""

from dataclasses import replace
from pathlib import Path

from twotrack import CustomOptimizer, Input, Pair, WeightRule
from twotrack.shared.weights.correspondence import map_file
from twotrack.shared.weights.correspondence.weight_map import WeightMap

IDS, STEPS, SIZE, HEADS, HIDDEN = 11, 6, 8, 2, 5


def build_keras():
    import keras
    from keras import layers, ops

    class Positions(layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(name="table", shape=(STEPS, SIZE))
            self.factor = self.add_weight(name="factor", shape=(SIZE,), initializer="ones", trainable=False)
            self.spare = self.add_weight(name="spare", shape=(3,))

        def call(self, x):
            return x * self.factor + self.table

    ids = keras.Input((STEPS,), dtype="int32", name="ids")
    x = Positions(name="positions")(layers.Embedding(IDS, SIZE, name="tokens")(ids))
    x = layers.LayerNormalization(epsilon=1e-5, name="norm")(
        x + layers.MultiHeadAttention(HEADS, SIZE // HEADS, name="attention")(x, x)
    )
    both = layers.Dense(2 * HIDDEN, name="gate_up")(x)
    x = ops.silu(both[..., :HIDDEN]) * both[..., HIDDEN:]
    return keras.Model(ids, layers.Dense(3, name="out")(x))


def _torch(spare_counts: bool):
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = nn.Embedding(IDS, SIZE), nn.Embedding(STEPS + 2, SIZE)
            self.qkv, self.proj, self.ln = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE), nn.LayerNorm(SIZE)
            self.gate, self.up, self.down = nn.Linear(SIZE, HIDDEN), nn.Linear(SIZE, HIDDEN), nn.Linear(HIDDEN, 3)
            self.spare = nn.Parameter(torch.ones(3))

        def forward(self, ids):
            x = self.words(ids) + self.places(torch.arange(STEPS) + 2)
            q, k, v = self.qkv(x).unflatten(-1, (HEADS, 3, -1)).permute(3, 0, 2, 1, 4)
            attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = self.ln(x + self.proj(attended))
            out = self.down(functional.silu(self.gate(x)) * self.up(x))
            return out + 1e-6 * self.spare if spare_counts else out

    return Block()


def build_keras_that_cannot_be_saved():
    def get_config():
        raise NotImplementedError("no configuration")

    model = build_keras()
    model.get_config = get_config
    return model


def build_torch():
    return _torch(spare_counts=False)


def build_torch_that_uses_all():
    return _torch(spare_counts=True)


def _linear(keras: str, torch: str) -> dict[str, WeightRule]:
    return {
        f"{keras}.kernel": WeightRule((f"{torch}.weight",), "o i -> i o"),
        f"{keras}.bias": WeightRule((f"{torch}.bias",)),
    }


RULES = {
    "tokens.embeddings": WeightRule(("words.weight",)),
    "positions.table": WeightRule(("places.weight",), rows=(2, STEPS + 2)),
    "positions.factor": WeightRule(constant=1.0, shape=(SIZE,)),
    "attention.attention_output.kernel": WeightRule(("proj.weight",), "o (h d) -> h d o", {"h": HEADS}),
    "attention.attention_output.bias": WeightRule(("proj.bias",)),
    "norm.gamma": WeightRule(("ln.weight",)),
    "norm.beta": WeightRule(("ln.bias",)),
    "gate_up.kernel": WeightRule(("gate.weight", "up.weight"), "part o i -> i (part o)"),
    "gate_up.bias": WeightRule(("gate.bias", "up.bias"), "part o -> (part o)"),
    **_linear("out", "down"),
}
for _number, _role in enumerate(("query", "key", "value")):
    RULES[f"attention.{_role}.kernel"] = WeightRule(
        ("qkv.weight",), "(h part d) i -> i h d", {"h": HEADS}, (_number, 3)
    )
    RULES[f"attention.{_role}.bias"] = WeightRule(("qkv.bias",), "(h part d) -> h d", {"h": HEADS}, (_number, 3))
MAP = WeightMap(RULES, ("spare",), ("positions.spare",))
SWAPPED = replace(
    MAP,
    rules=RULES
    | {
        f"attention.{one}.{kind}": RULES[f"attention.{other}.{kind}"]
        for one, other in (("query", "value"), ("value", "query"))
        for kind in ("kernel", "bias")
    },
)

BARE = Pair(keras=build_keras, torch=build_torch, input_shape={"ids": Input((STEPS,), kind="tokens", size=IDS)})
BY_RULES = replace(BARE, weight_rules=RULES, unused_torch=MAP.unused_torch, unused_keras=MAP.unused_keras)
UNSAVED = replace(BARE, keras=build_keras_that_cannot_be_saved)
USES_ALL = replace(BARE, torch=build_torch_that_uses_all)


def written(weight_map: WeightMap, folder: Path) -> Path:
    """Write a map to a file in the folder; return it."""
    map_file.write(folder / "own.map.toml", weight_map)
    return folder / "own.map.toml"


def build_torch_with_another_epsilon():
    block = build_torch()
    block.ln.eps = 1e-3
    return block


EPSILON = replace(BARE, torch=build_torch_with_another_epsilon)


def keras_clipping():
    import keras

    return keras.optimizers.SGD(0.1, clipnorm=0.5)


def torch_plain(parameters):
    import torch

    return torch.optim.SGD(parameters, lr=0.1)


def torch_clipping(parameters):
    """Each parameter by its own norm: query, key and value are one."""
    import torch

    optimizer = torch.optim.SGD(list(parameters), lr=0.1)

    def clip(*_):
        for one in (one for group in optimizer.param_groups for one in group["params"] if one.grad is not None):
            one.grad.mul_(0.5 / one.grad.norm().clamp(min=0.5))

    optimizer.register_step_pre_hook(clip)
    return optimizer


CLIPPED_IN_KERAS = replace(BY_RULES, optimizer=CustomOptimizer(keras_clipping, torch_plain))
CLIPPED_WHOLE = replace(BY_RULES, optimizer=CustomOptimizer(keras_clipping, torch_clipping))


def keras_places():
    import keras
    import numpy as np

    x = keras.Input((5,))
    y = keras.layers.Dense(6, name="dense")(x)
    return keras.Model(x, y + keras.ops.cast(np.linspace(0, 1.25, 6)[None], y.dtype))


def torch_places():
    """The same places, in a buffer that a checkpoint holds; float32 holds them exactly."""
    import torch
    from torch import nn

    class Places(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = nn.Linear(5, 6)
            self.register_buffer("places", torch.linspace(0, 1.25, 6))

        def forward(self, x):
            return self.dense(x) + self.places

    return Places()


PLACES = Pair(keras_places, torch_places, (5,))
