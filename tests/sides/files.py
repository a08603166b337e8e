"""Worker task: writes the weights of one model as files of either framework, good ones and wrong ones."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.sides import own_pairs
from twotrack.shared.workers.task import task

SHAPES = {
    "table.weight": (own_pairs.TOKENS, 5),
    "hidden.weight": (4, 5 + own_pairs.FEATURES),
    "hidden.bias": (4,),
    "norm.weight": (4,),
    "norm.bias": (4,),
    "head.weight": (2, 4),
    "head.bias": (2,),
}


def state() -> dict[str, np.ndarray]:
    """Return the weights as torch has them."""
    generator = np.random.default_rng(11)
    drawn = {name: generator.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    drawn["head.bias"] = np.array([1.0, -0.5], np.float32)
    return drawn


class Ran:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path):
        self._path = path

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self._path),)


@task
def write(path: Path) -> Path:
    """Write the file that a path names; return the path."""
    if path.exists():
        return path
    if path.stem.startswith("noise"):
        path.write_bytes(bytes(range(200)))
    elif path.suffix in (".pt", ".pth", ".safetensors"):
        _write_torch(path)
    else:
        _write_keras(path)
    return path


def _write_torch(path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    tensors: dict[str, Any] = {name: torch.from_numpy(array) for name, array in state().items()}
    bias = tensors["head.bias"]
    wrong = {
        "other": lambda: tensors.update({"head.bias": bias + torch.tensor([1e-3, 0.0])}),
        "zeros": lambda: tensors.update({"norm.weight": torch.zeros(4)}),
        "nan": lambda: tensors.update({"head.bias": bias * torch.tensor([1.0, float("nan")])}),
        "missing": lambda: tensors.pop("head.bias"),
        "misshapen": lambda: tensors.update({"head.bias": torch.zeros(3)}),
        "integers": lambda: tensors.update({"head.bias": torch.zeros(2, dtype=torch.int64)}),
        "code": lambda: tensors.update({"head.bias": Ran(path.with_name("ran"))}),
    }
    if path.stem in wrong:
        wrong[path.stem]()
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)


def _write_keras(path: Path) -> None:
    import keras

    if path.name.startswith("foreign"):
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
        return
    model, values = own_pairs.build_keras(), state()
    for name, array in values.items():
        layer, kind = model.get_layer(name.partition(".")[0]), name.rpartition(".")[2]
        number = 0 if kind == "weight" else 1
        layer.weights[number].assign(array.T if layer.name in ("hidden", "head") else array)
    (model.save if path.suffix == ".keras" else model.save_weights)(path)
