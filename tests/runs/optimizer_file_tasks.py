"""Worker tasks that leave files as people have them, with the state of a framework's own optimizer."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.spec import optimizer_files
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.optimizer_files import CARRIED, OF_TORCH
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

STEPS = 3


@dataclass(frozen=True)
class Trained:
    """Where to leave the file, trained by which class of optimizer, and what is wrong with it."""

    out: Path
    name: str
    fault: str = ""


def _model(track: str) -> Any:
    return open_track(track, "cpu").build(
        whole_pair(chapters.get("churn_mlp").variant(settings={"hidden_size": "8"})), 0
    )


def _rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 40)).astype(np.float32)


@task
def train_torch(asked: Trained) -> None:
    """Train a little; leave a checkpoint in the usual wrapping."""
    import torch

    model = _model("torch")
    module = model.module.eval()
    optimizer = _own(module, asked) if asked.name in OF_TORCH else _twotracks(model, asked.name)
    state = optimizer.state_dict()
    _spoil(state, asked.fault)
    content: dict[str, Any] = {"epoch": 3, "model_state_dict": module.state_dict(), "optimizer_state_dict": state}
    if asked.fault == "no state":
        del content["optimizer_state_dict"]
    if asked.fault == "code":
        content["callback"] = print
    torch.save(content, asked.out)


def _own(module: Any, asked: Trained) -> Any:
    """Train by an optimizer of torch's own."""
    import torch

    groups: Any = module.parameters()
    if asked.fault == "groups":
        parameters = list(groups)
        groups = [{"params": parameters[:2]}, {"params": parameters[2:]}]
    options = {"momentum": 0.9} if asked.name == "SGD" else {}
    optimizer = getattr(torch.optim, OF_TORCH[asked.name])(groups, lr=0.01, **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (module(torch.from_numpy(_rows())) ** 2).mean().backward()
        optimizer.step()
    return optimizer


def _twotracks(model: Any, name: str) -> Any:
    """Train by an optimizer of twotrack's."""
    model.probe().remove_dropout()
    model.compile(CARRIED[name](0.01), [0.01] * STEPS)
    for _ in range(STEPS):
        model.train_step({ONLY: _rows()}, [np.ones((32, 1), np.float32)])
    return model.optimizer


def _spoil(state: dict[str, Any], fault: str) -> None:
    remembered = state["state"]
    if fault == "fewer parameters":
        state["param_groups"][0]["params"] = [0, 1, 2]
    if fault == "another shape":
        remembered[0]["exp_avg"] = remembered[0]["exp_avg"][:-1]
    if fault == "another count":
        remembered[0]["step"] = remembered[0]["step"] + 6
    if fault == "unknown":
        for own in remembered.values():
            own.clear()
            own["trace"] = np.float64(0).item()


@task
def train_keras(asked: Trained) -> None:
    """Train a little; leave a whole .keras file of a compiled model."""
    import keras

    model = _model("keras:torch").model
    model.compile(keras.optimizers.Adam(0.02, beta_1=0.8), "mean_squared_error")
    for _ in range(STEPS):
        model.train_on_batch(_rows(), np.ones((32, 1), np.float32))
    model.save(asked.out)


@task
def states_apart(files: list[Path]) -> float:
    """Return the largest relative difference of what two checkpoints' optimizers remember."""
    import torch

    one, other = (torch.load(file, weights_only=True)["optimizer_state_dict"]["state"] for file in files)
    assert one.keys() <= other.keys()
    assert not any(one.any() for number in other.keys() - one.keys() for one in other[number].values()), "unused"
    sizes = []
    for number, state in one.items():
        assert state.keys() == other[number].keys()
        for name, value in state.items():
            scale = float(torch.as_tensor(value).abs().max()) or 1.0
            sizes.append(float((torch.as_tensor(value) - other[number][name]).abs().max()) / scale)
    return max(sizes)


@task
def told(file: Path) -> dict[str, Any]:
    """Return what a checkpoint says of its optimizer."""
    import torch

    state = torch.load(file, weights_only=True)["optimizer_state_dict"]
    group = state["param_groups"][0]
    steps = {int(own["step"]) for own in state["state"].values()}
    return {"steps": steps.pop(), "lr": group["lr"], "beta_1": group["betas"][0], "slots": len(state["state"])}


def double_the_velocity(file: Path) -> None:
    """Change a state on its way."""
    carried = optimizer_files.load(file)
    slots = {name: array * (2 if name.startswith("velocity") else 1) for name, array in carried.state.slots.items()}
    optimizer_files.save(replace(carried, state=replace(carried.state, slots=slots)), file)
