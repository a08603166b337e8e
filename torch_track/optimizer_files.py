"""What torch's own optimizers remember, in checkpoints, in canonical form and back; shared/spec/optimizer_files.py."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.errors import UserError
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizer_files import CARRIED, TINY, CarriedOptimizer
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.state import OptimizerState
from twotrack.shared.spec.track import BuildModel, TrackModel
from twotrack.torch_track.optimizer_state import canonical, scattered
from twotrack.torch_track.state_files import read_content, read_state
from twotrack.torch_track.track import as_torch

KEYS = ("optimizer_state_dict", "optimizer", "optimizer_states", "optim_state_dict", "optim")
"""Under which name a checkpoint keeps it, the first that there is; Lightning has a list."""
SLOTS: Mapping[str, Mapping[str, str]] = {
    "SGD": {"momentum_buffer": "velocity"},
    "RMSprop": {"square_avg": "velocity", "momentum_buffer": "step", "grad_avg": "mean"},
    "Adam": {"exp_avg": "momentum", "exp_avg_sq": "velocity", "max_exp_avg_sq": "largest"},
    "AdamW": {"exp_avg": "momentum", "exp_avg_sq": "velocity", "max_exp_avg_sq": "largest"},
    "Adagrad": {"sum": "sum"},
    "Adadelta": {"square_avg": "velocity", "acc_delta": "moved"},
    "Adamax": {"exp_avg": "momentum", "exp_inf": "norm"},
}
"""Canonical names of what torch's own optimizers remember of a parameter."""


def read(path: Path, build: BuildModel, own: Optimizer) -> CarriedOptimizer | None:
    """Return the optimizer of a checkpoint; None if it holds none. UserError for one that cannot be carried."""
    found = stored(path)
    if found is None:
        return None
    tensors = [
        one for state in found["state"].values() for one in state.values() if isinstance(one, Tensor) and one.ndim
    ]
    double = any(one.dtype == torch.float64 for one in tensors)
    model = as_torch(build("float64" if double else "float32"))
    group, name = found["param_groups"][0], _name(path, found)
    remembered = _by_parameter(path, found, model.module)
    slots: dict[str, np.ndarray] = {}
    for kept, slot in SLOTS[name].items():
        factor = _factor(name, slot, float(group["lr"]))
        given = {id(one): (factor * state[kept]).to(one.dtype) for one, state in remembered if kept in state}
        if given:
            slots |= {f"{slot}/{weight}": array for weight, array in canonical(model.table(), given).items()}
    updates = _updates(path, remembered)
    return CarriedOptimizer(_spec(name, group), OptimizerState(slots, updates, updates))


def _updates(path: Path, remembered: Sequence[tuple[nn.Parameter, Mapping[str, Any]]]) -> int:
    """Return the updates that were done; SGD does not count them, and needs no count."""
    steps = {int(state["step"]) for _, state in remembered if "step" in state}
    if len(steps) > 1:
        told = f"{min(steps)} to {max(steps)}"
        raise UserError(f"'{path}': parameters have done {told} updates; Keras has one count for all of them.")
    return steps.pop() if steps else int(any(state for _, state in remembered))


def write(path: Path, weights: Mapping[str, np.ndarray], carried: CarriedOptimizer, build: BuildModel) -> None:
    """Write the model's state_dict and the optimizer's; UserError if torch has no such optimizer."""
    double = any(array.dtype == np.float64 for array in weights.values())
    model = as_torch(build("float64" if double else "float32"))
    model.load_weights(weights)
    optimizer = native(carried.spec, model.module)
    for kept, slot in SLOTS[carried.name].items():
        arrays = _of_slot(carried, slot)
        tensors = scattered(model.table(), arrays) if arrays else {}
        for one in optimizer.param_groups[0]["params"]:
            if id(one) in tensors:
                optimizer.state[one][kept] = tensors[id(one)].to(one.dtype).clone()
                if carried.name != "SGD":
                    optimizer.state[one]["step"] = torch.tensor(float(carried.state.updates))
    state = {name: tensor.detach().clone() for name, tensor in model.module.state_dict().items()}
    torch.save({"model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}, path)


def _of_slot(carried: CarriedOptimizer, slot: str) -> dict[str, np.ndarray]:
    """Return a slot by weight, as torch's own optimizer has it."""
    factor = _factor(carried.name, slot, carried.spec.learning_rate)
    parts = ((name.partition("/"), array) for name, array in carried.state.slots.items())
    return {weight: array / factor for (own, _, weight), array in parts if own == slot}


def native(spec: Optimizer, module: nn.Module) -> torch.optim.Optimizer:
    """Return torch's own optimizer with the numbers of a spec."""
    decay = {"lr": spec.learning_rate, "weight_decay": spec.weight_decay}
    parameters = [one for one in module.parameters() if one.requires_grad]
    match spec:
        case specs.SGD():
            more: dict[str, Any] = {"momentum": spec.momentum, "nesterov": spec.nesterov, "dampening": spec.dampening}
        case specs.RMSprop():
            more = {"alpha": spec.rho, "momentum": spec.momentum, "eps": spec.epsilon, "centered": spec.centered}
        case specs.Adam():
            more = {"betas": (spec.beta_1, spec.beta_2), "eps": spec.epsilon, "amsgrad": spec.amsgrad}
        case specs.Adamax():
            more = {"betas": (spec.beta_1, spec.beta_2), "eps": spec.epsilon}
        case specs.Adadelta():
            more = {"rho": spec.rho, "eps": spec.epsilon}
        case specs.Adagrad():
            more = {"initial_accumulator_value": spec.initial, "eps": spec.epsilon}
        case _:
            raise UserError(f"expected one of {', '.join(CARRIED)}, found {type(spec).__name__}, which torch has not.")
    return getattr(torch.optim, type(spec).__name__)(parameters, **decay, **more)


def resume(path: Path, model: TrackModel, spec: Optimizer) -> None:
    """Load a checkpoint into a model and an optimizer of torch's own as torch does, with the epsilon of a spec."""
    own = as_torch(model)
    own.module.load_state_dict(read_state(path))
    optimizer, found = native(spec, own.module), stored(path)
    assert found is not None
    optimizer.load_state_dict(found)
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
        if "eps" in group:
            group["eps"] = TINY
    own.optimizer = optimizer


def stored(path: Path) -> dict[str, Any] | None:
    """Return the state_dict of the optimizer in a checkpoint, tensors and numbers alone; None if there is none."""
    content = read_content(path)
    found = next((content[key] for key in KEYS if content.get(key)), None) if isinstance(content, Mapping) else None
    if isinstance(found, list):
        if len(found) > 1:
            raise UserError(f"'{path}' holds the states of {len(found)} optimizers; expected one.")
        found = found[0]
    if found is None:
        return None
    if not isinstance(found, Mapping) or not {"state", "param_groups"} <= set(found) or not found["param_groups"]:
        raise UserError(f"'{path}' holds no state of an optimizer that is one; expected optimizer.state_dict().")
    return dict(found)


def _name(path: Path, found: Mapping[str, Any]) -> str:
    """Return the class whose state it is: torch does not store it, what is remembered tells."""
    group = found["param_groups"][0]
    kept = {name for state in found["state"].values() for name in state}
    if "mu_product" in kept:
        raise UserError(
            f"'{path}' is of NAdam, whose momenta follow another formula in Keras; its state cannot be carried."
        )
    signs = [
        ("exp_inf" in kept, "Adamax"),
        ("exp_avg_sq" in kept, "AdamW" if group.get("decoupled_weight_decay") else "Adam"),
        ("acc_delta" in kept, "Adadelta"),
        ("square_avg" in kept, "RMSprop"),
        ("sum" in kept, "Adagrad"),
        (kept <= {"momentum_buffer"} and "momentum" in group and "alpha" not in group, "SGD"),
    ]
    name = next((name for is_it, name in signs if is_it), None)
    if name is None or not kept <= {*SLOTS[name], "step"}:
        raise UserError(
            f"'{path}': expected the state of one of {', '.join(CARRIED)}, found {', '.join(sorted(kept)) or 'none'}."
        )
    return name


def _spec(name: str, group: Mapping[str, Any]) -> Optimizer:
    """Return the numbers of a parameter group as a spec."""
    told: dict[str, Any] = {"learning_rate": float(group["lr"]), "weight_decay": float(group.get("weight_decay", 0.0))}
    if "betas" in group:
        told |= {"beta_1": group["betas"][0], "beta_2": group["betas"][1]}
    if "eps" in group:
        told["epsilon"] = group["eps"]
    if name == "RMSprop":
        told["rho"] = group["alpha"]
    known = {field.name for field in fields(CARRIED[name])}
    told |= {
        key: group[key] for key in ("rho", "momentum", "nesterov", "dampening", "centered", "amsgrad") if key in group
    }
    return CARRIED[name](**{key: value for key, value in told.items() if key in known})


def _factor(name: str, slot: str, rate: float) -> float:
    """Return what torch's number is multiplied by: learning rates are in canonical velocities, and a sign."""
    return {("SGD", "velocity"): -rate, ("RMSprop", "step"): rate}.get((name, slot), 1.0)


def _by_parameter(
    path: Path, found: Mapping[str, Any], module: nn.Module
) -> Sequence[tuple[nn.Parameter, Mapping[str, Any]]]:
    """Return what is remembered of each parameter; UserError if it is not told which is which."""
    groups = found["param_groups"]
    numbers = [number for group in groups for number in group["params"]]
    names = [name for group in groups for name in group.get("param_names", ())]
    named = dict(module.named_parameters())
    parameters = [one for one in named.values() if one.requires_grad]
    if names and len(names) == len(numbers) and set(names) <= set(named):
        parameters = [named[name] for name in names]
    elif len(groups) > 1:
        raise UserError(
            f"'{path}': its optimizer has {len(groups)} groups of parameters and no names, so it does not say which is "
            "which; make it with model.named_parameters()."
        )
    if len(parameters) != len(numbers):
        raise UserError(f"'{path}': its optimizer has {len(numbers)} parameters, the model {len(parameters)}.")
    pairs = [(one, found["state"].get(number, {})) for one, number in zip(parameters, numbers, strict=True)]
    for number, (one, state) in enumerate(pairs):
        for name, tensor in state.items():
            if isinstance(tensor, Tensor) and tensor.ndim and tensor.shape != one.shape:
                shapes = f"{tuple(tensor.shape)}, the model's parameter has {tuple(one.shape)}"
                raise UserError(
                    f"'{path}': {name} of parameter {number} has the shape {shapes}; is it another model's?"
                )
    return pairs
