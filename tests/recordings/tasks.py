"""Worker tasks of these tests: models of either framework, recorded as a user's script does it."""

from pathlib import Path
from typing import Any

import numpy as np

import twotrack
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.workers.task import task

SIZE, HEADS = 6, 2


class RecordingTask(FrozenRecord):
    """What to record, and with which planted difference."""

    out: Path
    fault: str = ""
    every: int = 3
    adam: bool = False
    """Train by Adam instead of SGD."""


def attention_weights() -> dict[str, np.ndarray]:
    """Return weights in the layout of Keras."""
    drawn = np.random.default_rng(0)
    per_head = {f"{role}.kernel": (SIZE, HEADS, SIZE // HEADS) for role in ("query", "key", "value")}
    shapes = per_head | {f"{role}.bias": (HEADS, SIZE // HEADS) for role in ("query", "key", "value")}
    shapes |= {"output.kernel": (HEADS, SIZE // HEADS, SIZE), "output.bias": (SIZE,)}
    shapes |= {"conv.kernel": (3, 3, 2, SIZE), "conv.bias": (SIZE,), "head.kernel": (SIZE, 4), "head.bias": (4,)}
    return {name: drawn.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def picture() -> np.ndarray:
    """Return inputs (batch, height, width, channels)."""
    return np.random.default_rng(1).normal(size=(3, 5, 5, 2)).astype("float32")


LABELS = np.array([0, 3, 1])


@task
def record_torch(request: RecordingTask) -> None:
    """Record a convolution, fused attention over its places and a head, with torch's own names."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(2, SIZE, 3)
            self.mix = nn.MultiheadAttention(SIZE, HEADS, batch_first=True)
            self.act = nn.GELU()
            self.classify = nn.Linear(SIZE, 4)

        def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
            places = self.stem(pixels).flatten(2).transpose(1, 2)
            mixed, _ = self.mix(places, places, places, need_weights=False)
            return {"logits": self.classify(self.act(mixed).mean(1) * (1.0001 if request.fault else 1))}

    network = Network()
    _fill(network, attention_weights())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    twotrack.record(
        network.train(),
        {"pixels": picture().transpose(0, 3, 1, 2).copy()},
        request.out,
        targets=LABELS,
        loss=lambda outputs, targets: nn.functional.cross_entropy(outputs["logits"], targets),
        optimizer=torch.optim.AdamW(network.parameters(), lr=0.25),
    )
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def _fill(network: Any, drawn: dict[str, np.ndarray]) -> None:
    import torch

    roles = ("query", "key", "value")
    own = {
        "stem.weight": drawn["conv.kernel"].transpose(3, 2, 0, 1),
        "stem.bias": drawn["conv.bias"],
        "mix.in_proj_weight": np.concatenate([drawn[f"{role}.kernel"].reshape(SIZE, SIZE).T for role in roles]),
        "mix.in_proj_bias": np.concatenate([drawn[f"{role}.bias"].reshape(-1) for role in roles]),
        "mix.out_proj.weight": drawn["output.kernel"].reshape(SIZE, SIZE).T,
        "mix.out_proj.bias": drawn["output.bias"],
        "classify.weight": drawn["head.kernel"].T,
        "classify.bias": drawn["head.bias"],
    }
    network.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in own.items()})


@task
def record_keras(request: RecordingTask) -> None:
    """Record the same model of Keras, whose layers have names of their own and whose attention is not fused."""
    import keras
    from keras import layers

    inputs = keras.Input((5, 5, 2), name="pixels")
    places = layers.Reshape((9, SIZE), name="places")(layers.Conv2D(SIZE, 3, name="conv")(inputs))
    attention = layers.MultiHeadAttention(HEADS, SIZE // HEADS, name="attention")
    mixed = layers.Activation(keras.activations.gelu, name="gelu")(attention(places, places))
    logits = layers.Dense(4, name="head")(layers.GlobalAveragePooling1D(name="mean")(mixed))
    model, drawn = keras.Model(inputs, logits), attention_weights()
    order = ("query", "key", "value", "output")
    model.get_layer("conv").set_weights([drawn["conv.kernel"], drawn["conv.bias"]])
    attention.set_weights([drawn[f"{role}.{kind}"] for role in order for kind in ("kernel", "bias")])
    model.get_layer("head").set_weights([drawn["head.kernel"], drawn["head.bias"]])
    twotrack.record(
        model,
        picture(),
        request.out,
        targets=LABELS,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    assert "call" not in vars(model.get_layer("conv"))


def _data(step: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(step)
    return drawn.normal(size=(4, 3)).astype("float32"), drawn.normal(size=(4, 2)).astype("float32")


def dense_weights() -> list[np.ndarray]:
    """Return kernels and biases of two dense layers, in the layout of Keras."""
    drawn = np.random.default_rng(7)
    return [drawn.normal(size=shape) for shape in ((3, 5), (5,), (5, 2), (2,))]


STEPS = 7


@task
def train_torch(request: RecordingTask) -> None:
    """Train for some steps in a loop of one's own, and record every third one."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), dense_weights(), strict=True):
            parameter.copy_(torch.from_numpy(array.T))
    optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.1)
    if request.adam:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
    with twotrack.Recorder(request.out, every=request.every, model=model) as recorder:
        for step in range(STEPS):
            if request.fault == "exception" and step == 4:
                raise ZeroDivisionError
            x, y = (torch.from_numpy(array) for array in _data(step))
            if request.fault == "batch" and step == 4:
                x = x.flip(0)
            optimizer.zero_grad()
            outputs = model(x)
            loss = ((outputs - y) ** 2).mean()
            loss.backward()
            if request.fault == "rate" and step > 3:
                optimizer.param_groups[0]["lr"] = 0.2
            optimizer.step()
            if request.fault == "state" and step == STEPS - 2:
                optimizer.state[model[0].weight]["exp_avg_sq"] *= 1.5
            if request.fault == "count" and step == STEPS - 2:
                for remembered in optimizer.state.values():
                    remembered["step"] += 1
            recorder.step(model, inputs=x, targets=y, outputs=outputs, loss=loss, optimizer=optimizer)


@task
def train_keras(request: RecordingTask) -> None:
    """Do the same in Keras, on the backend PyTorch."""
    import keras
    import torch

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(2)])
    model.set_weights(dense_weights())
    optimizer = keras.optimizers.Adam(0.01, epsilon=1e-7) if request.adam else keras.optimizers.SGD(0.1)
    with twotrack.Recorder(request.out, every=request.every, model=model) as recorder:
        for step in range(STEPS):
            x, y = (torch.from_numpy(array) for array in _data(step))
            model.zero_grad()
            outputs = model(x, training=True)
            loss = ((outputs - y) ** 2).mean()
            loss.backward()
            gradients = [variable.value.grad.clone() for variable in model.trainable_variables]
            with torch.no_grad():
                optimizer.apply(gradients, model.trainable_variables)
            recorder.step(
                model, inputs=x, targets=y, outputs=outputs, loss=loss, optimizer=optimizer, gradients=gradients
            )


@task
def record_trained_torch(request: RecordingTask) -> None:
    """Train a model a little, then record it with its optimizer."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), dense_weights(), strict=True):
            parameter.copy_(torch.from_numpy(array.T))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
    for step in range(3):
        x, y = (torch.from_numpy(array) for array in _data(step))
        optimizer.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()
    if request.fault == "state":
        optimizer.state[model[0].weight]["exp_avg_sq"] *= 1.5
    with torch.no_grad():  # the same on both sides to the last bit, by which weights are found
        for parameter, array in zip(model.parameters(), dense_weights(), strict=True):
            parameter.copy_(torch.from_numpy(array.T))
    twotrack.record(model, torch.from_numpy(_data(9)[0]), request.out, optimizer=optimizer)


@task
def record_trained_keras(request: RecordingTask) -> None:
    """Do the same in Keras, on the backend PyTorch."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(2)])
    model.set_weights(dense_weights())
    model.compile(keras.optimizers.Adam(0.01, epsilon=1e-7), "mean_squared_error")
    for step in range(3):
        model.train_on_batch(*_data(step))
    model.set_weights(dense_weights())
    twotrack.record(model, _data(9)[0], request.out, optimizer=model.optimizer)


@task
def record_as_torch_1(request: RecordingTask) -> None:
    """Record a module that was written for PyTorch 1, whose hooks know no keywords."""
    import torch
    from torch import nn

    class Old(nn.Linear):
        def register_forward_hook(self, hook: Any) -> Any:  # as PyTorch 1 has it
            return super().register_forward_hook(hook)

    shared = Old(3, 3)
    table = nn.Embedding(4, 3)
    model = nn.Sequential(table, shared, nn.Dropout(0.5), shared).to(torch.bfloat16)
    twotrack.record(model, np.array([[0, 1], [2, 3]]), request.out)


class UsersModule(FrozenRecord):
    """The torch side of a pair in a file, to be recorded by a script."""

    out: Path
    file: Path


@task
def record_users_module(request: UsersModule) -> None:
    """Record a module of the user's with the weights that torch draws."""
    import torch

    content: dict[str, Any] = {}
    exec(request.file.read_text(), content)
    torch.manual_seed(3)
    inputs = np.random.default_rng(0).normal(size=(4, 2, 6, 6)).astype("float32")
    loss = torch.nn.functional.cross_entropy
    twotrack.record(content["torch_build"](), inputs, request.out, targets=np.array([0, 1, 2, 3]), loss=loss)
