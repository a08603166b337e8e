"""Worker tasks that train a pair's side a little and leave a file with the optimizer's state, as people do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.weight_maps import optimizer_pairs
from tests.weight_maps.pairs import IDS, STEPS, build_keras, build_torch
from twotrack.shared.spec.optimizer_files import OF_TORCH
from twotrack.shared.verify.material import PairBatches
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

UPDATES = 3


@dataclass(frozen=True)
class Trained:
    """Where to leave the file, and which pair's optimizer trains."""

    out: Path
    pair: str


def _ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, IDS, (4, STEPS)).astype("int32")


@task
def train_torch(asked: Trained) -> None:
    """Train by torch's own optimizer, with two groups and an AveragedModel if the pair has such."""
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    torch.manual_seed(0)
    spec: Any = getattr(optimizer_pairs, asked.pair).optimizer
    module = build_torch()
    parameters: Any = dict(module.named_parameters())
    spared = [name for name in parameters if spec.groups and (name.endswith("bias") or name.startswith("ln."))]
    groups: Any = [{"params": [one for name, one in parameters.items() if name not in spared]}]
    if spared:
        groups.append({"params": [parameters[name] for name in spared], "weight_decay": 0.0})
    options = {"momentum": 0.9} if type(spec).__name__ == "SGD" else {}
    optimizer = getattr(torch.optim, OF_TORCH[type(spec).__name__])(groups, lr=0.01, **options)
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for _ in range(UPDATES):
        optimizer.zero_grad()
        (module(torch.from_numpy(_ids())) ** 2).mean().backward()
        optimizer.step()
        averaged.update_parameters(module)
    content = {"model_state_dict": module.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
    torch.save(content | ({"ema_state_dict": averaged.state_dict()} if spec.average else {}), asked.out)


@task
def train_keras(asked: Trained) -> None:
    """Train a compiled model by the pair's own function; leave a whole .keras file or its weights."""
    import keras

    keras.utils.set_random_seed(0)
    model = build_keras()
    model.compile(getattr(optimizer_pairs, asked.pair).optimizer.keras(), "mean_squared_error")
    for _ in range(UPDATES):
        model.train_on_batch(_ids(), np.ones((4, STEPS, 3), np.float32))
    (model.save if asked.out.suffix == ".keras" else model.save_weights)(asked.out)


@task
def train_by_twotrack(asked: Trained) -> None:
    """Train the torch side by twotrack's own optimizer, and leave its state_dict."""
    import torch

    pair: Any = getattr(optimizer_pairs, asked.pair)
    model: Any = open_track("torch", "cpu").build(pair, 0)
    model.compile(pair.optimizer, [pair.optimizer.learning_rate] * 9)
    for batch in PairBatches(pair, [(pair.batch_size, STEPS, 3)], 4).epoch(0):
        model.train_step(batch.inputs, batch.targets)
    content = {"model_state_dict": model.module.state_dict(), "optimizer_state_dict": model.optimizer.state_dict()}
    torch.save(content, asked.out)


@dataclass(frozen=True)
class Averages:
    """Two checkpoints."""

    files: tuple[Path, Path]


@task
def averages_apart(asked: Averages) -> float:
    """Return the largest difference of what two checkpoints have averaged, but for rows that nothing uses."""
    import torch

    one, other = (torch.load(file, weights_only=True)["ema_state_dict"] for file in asked.files)
    names = [name for name in one if name.startswith("module.") and "spare" not in name and "places" not in name]
    return max(float((one[name] - other[name]).abs().max()) for name in names)


@task
def learning_rate(file: Path) -> float:
    """Return the learning rate of a checkpoint's first group."""
    import torch

    return torch.load(file, weights_only=True)["optimizer_state_dict"]["param_groups"][0]["lr"]
