"""Worker tasks that look at widening in one framework, which only the worker imports."""

from dataclasses import dataclass
from typing import Any

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Types:
    """Names of types, by what has them, in float32, in float64 and in float32 again."""

    before: dict[str, str]
    wide: dict[str, str]
    after: dict[str, str]


@task
def keras_types(_: None) -> Types:
    """Return what Keras makes of requests."""
    from twotrack.keras_track.precision import set_precision

    found = []
    for precision in ("float32", "float64", "float32"):
        set_precision(precision)  # type: ignore[arg-type]
        found.append(_of_keras())
    return Types(*found)


def _of_keras() -> dict[str, str]:
    import keras
    import numpy as np
    from keras import ops

    layer = keras.layers.Dense(2, dtype="mixed_bfloat16")
    made = {
        "cast": ops.cast(ops.ones(3), "float32"),
        "half": ops.cast(ops.ones(3), "bfloat16"),
        "full": ops.full((2,), 0.1, dtype="float32"),
        "array": ops.convert_to_tensor(np.float32([0.1])) + ops.ones(1),
        "layer": layer(ops.ones((1, 2))),
        "weight": layer.kernel,
        "whole": ops.arange(3, dtype="int32"),
        "truth": ops.ones(3, dtype="bool"),
    }
    types = {name: keras.backend.standardize_dtype(value.dtype) for name, value in made.items()}
    promoted = {
        "with int32": keras.backend.result_type("float32", "int32"),
        "input": keras.Input((1,), dtype="float32").dtype,
    }
    return types | promoted


@task
def torch_types(_: None) -> Types:
    """Return what torch makes of requests."""
    from twotrack.torch_track.precision import set_precision

    found = []
    for precision in ("float32", "float64", "float32"):
        set_precision(precision)  # type: ignore[arg-type]
        found.append(_of_torch())
    return Types(*found)


def _of_torch() -> dict[str, str]:
    import torch
    from torch import nn

    ones, layer = torch.ones(2, 2), nn.Linear(2, 2).half()
    made: dict[str, Any] = {
        "new": ones,
        "float": ones.float(),
        "to": torch.arange(3).to(dtype=torch.float32),
        "half": ones.bfloat16(),
        "type": ones.type(torch.FloatTensor),
        "named": ones.type("torch.HalfTensor"),
        "softmax": torch.softmax(ones, -1, dtype=torch.float32),
        "functional": nn.functional.softmax(ones, -1, dtype=torch.float32),
        "weight": layer.weight,
        "complex": torch.zeros(2, dtype=torch.complex64),
        "whole": torch.arange(3),
        "truth": ones.bool(),
        "bits": torch.zeros(2, dtype=torch.int32).view(torch.float32),
    }
    torch.set_default_dtype(torch.float32)  # as libraries do while they load a checkpoint
    return {name: str(tensor.dtype) for name, tensor in made.items()} | {"default": str(torch.zeros(1).dtype)}


@dataclass(frozen=True)
class Built:
    """What a module holds that was built in float64."""

    drawn_alike: bool
    """A constant that it drew has the value that it has in float32."""
    padded: float
    """The largest value that an encoder gives for a step that a mask hides; torch's way for inference leaves zeros."""


@task
def built_in_torch(_: None) -> Built:
    """Return what is to stay as it is in float32."""
    import torch
    from torch import nn

    from twotrack.torch_track.precision import building, set_precision

    set_precision("float32")
    torch.manual_seed(3)
    narrow = torch.randn(20)
    set_precision("float64")
    torch.manual_seed(3)
    with building():
        wide = torch.randn(20)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 1).eval()
    hidden = torch.tensor([[False, False, True]])
    with torch.no_grad():
        padded = encoder(torch.ones(1, 3, 4), src_key_padding_mask=hidden)[0, 2]
    set_precision("float32")
    return Built(bool((wide == narrow.double()).all()), float(padded.abs().max()))
