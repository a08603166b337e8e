"""torch.optim's own optimizers: what they remember and by which numbers they go, as specs have it and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from twotrack.shared.errors import UserError
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizer_files import CARRIED, OF_TORCH, CarriedOptimizer
from twotrack.shared.spec.optimizers import Nadam, Optimizer

_ADAM = {"exp_avg": "momentum", "exp_avg_sq": "velocity", "max_exp_avg_sq": "largest"}
SLOTS: Mapping[str, Mapping[str, str]] = {
    "SGD": {"momentum_buffer": "velocity"},
    "RMSprop": {"square_avg": "velocity", "momentum_buffer": "step", "grad_avg": "mean"},
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Adagrad": {"sum": "sum"},
    "Adadelta": {"square_avg": "velocity", "acc_delta": "moved"},
    "Adamax": {"exp_avg": "momentum", "exp_inf": "norm"},
    "Nadam": {"exp_avg": "momentum", "exp_avg_sq": "velocity"},
}
"""Canonical names of what they remember of a parameter, by the name of the spec."""
PRODUCT = "mu_product"
"""What NAdam remembers of its momenta beside the parameters, with each of them."""
MOMENTUM_DECAY = 1.0
"""Of NAdam's momenta in Keras and in Dozat's own text; torch's default is 0.004."""


def factor(spec: Optimizer, slot: str) -> float:
    """Return what torch's number is multiplied by: learning rates are in canonical velocities, and a sign."""
    rate, name = spec.learning_rate, type(spec).__name__
    return {("SGD", "velocity"): -rate, ("RMSprop", "step"): rate}.get((name, slot), 1.0)


def name_of(path: Path, found: Mapping[str, Any]) -> str:
    """Return the spec's name of the class whose state it is: torch does not store it, what is remembered tells."""
    group = found["param_groups"][0]
    kept = {name for state in found["state"].values() for name in state}
    signs = [
        (PRODUCT in kept, "Nadam"),
        ("exp_inf" in kept, "Adamax"),
        ("exp_avg_sq" in kept, "AdamW" if group.get("decoupled_weight_decay") else "Adam"),
        ("acc_delta" in kept, "Adadelta"),
        ("square_avg" in kept, "RMSprop"),
        ("sum" in kept, "Adagrad"),
        (kept <= {"momentum_buffer"} and "momentum" in group and "ns_steps" not in group, "SGD"),
    ]
    name = next((name for is_it, name in signs if is_it), None)
    if name is None or not kept <= {*SLOTS[name], "step", PRODUCT}:
        raise UserError(
            f"'{path}': expected the state of one of {', '.join(OF_TORCH.values())}, or of an optimizer of twotrack's, "
            f"found {', '.join(sorted(kept)) or 'none'}."
        )
    return name


def spec_of(name: str, groups: Sequence[Mapping[str, Any]], own: Optimizer | None) -> tuple[Optimizer, list[str]]:
    """Return the numbers of the first parameter group as a spec, and what the other file does not get of all."""
    group, notes = groups[0], list[str]()
    told: dict[str, Any] = {"learning_rate": float(group["lr"]), "weight_decay": float(group.get("weight_decay", 0.0))}
    if "betas" in group:
        told |= {"beta_1": group["betas"][0], "beta_2": group["betas"][1]}
    if "eps" in group:
        told["epsilon"] = group["eps"]
    if name == "RMSprop":
        told["rho"] = group["alpha"]
    if "initial_accumulator_value" in group:
        told["initial"] = float(group["initial_accumulator_value"])
    known = {field.name for field in fields(CARRIED[name])}
    told |= {
        key: group[key] for key in ("rho", "momentum", "nesterov", "dampening", "centered", "amsgrad") if key in group
    }
    if name == "Nadam" and group.get("momentum_decay") != MOMENTUM_DECAY:
        decay = group.get("momentum_decay")
        notes.append(f"momentum_decay: {decay} in torch, 1 in Keras: from here on momenta follow another schedule")
    apart = [kind for kind in ("lr", "weight_decay") if len({one.get(kind) for one in groups}) > 1]
    if apart and not (own and own.groups):
        notes.append(f"groups: differ in {' and '.join(apart)}, for which Keras has one number: that of the first")
    return CARRIED[name](**{key: value for key, value in told.items() if key in known}), notes


def product(remembered: Sequence[tuple[nn.Parameter, Mapping[str, Any]]]) -> float:
    """Return Nadam's product of momenta."""
    return next((float(state[PRODUCT]) for _, state in remembered if PRODUCT in state), 1.0)


def counts(carried: CarriedOptimizer) -> dict[str, torch.Tensor]:
    """Return what each parameter remembers beside tensors of its shape; SGD counts nothing."""
    if carried.name == "SGD":
        return {}
    own = {PRODUCT: torch.tensor(carried.state.product)} if isinstance(carried.spec, Nadam) else {}
    return {"step": torch.tensor(float(carried.state.updates))} | own


def make(spec: Optimizer, groups: Sequence[Mapping[str, Any]]) -> torch.optim.Optimizer:
    """Return torch's own optimizer with the numbers of a spec, on groups with a share of its learning rate."""
    given = [
        {name: value for name, value in group.items() if name != "share"}
        | {"lr": spec.learning_rate * group.get("share", 1.0)}
        for group in groups
    ]
    betas = {"betas": (getattr(spec, "beta_1", 0.0), getattr(spec, "beta_2", 0.0))}
    match spec:
        case specs.SGD():
            more: dict[str, Any] = {"momentum": spec.momentum, "nesterov": spec.nesterov, "dampening": spec.dampening}
        case specs.RMSprop():
            more = {"alpha": spec.rho, "momentum": spec.momentum, "eps": spec.epsilon, "centered": spec.centered}
        case specs.Adam():
            more = betas | {"eps": spec.epsilon, "amsgrad": spec.amsgrad}
        case specs.Adamax():
            more = betas | {"eps": spec.epsilon}
        case specs.Nadam():
            more = betas | {"eps": spec.epsilon, "momentum_decay": MOMENTUM_DECAY}
        case specs.Adadelta():
            more = {"rho": spec.rho, "eps": spec.epsilon}
        case specs.Adagrad():
            more = {"initial_accumulator_value": spec.initial, "eps": spec.epsilon}
        case _:
            raise TypeError(f"torch has no {type(spec).__name__}")
    kind = getattr(torch.optim, OF_TORCH[type(spec).__name__])
    return kind(given, lr=spec.learning_rate, weight_decay=spec.weight_decay, **more)
