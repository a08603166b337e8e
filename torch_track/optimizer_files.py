"""What torch optimizers remember, in checkpoints, in canonical form and back; see shared/spec/optimizer_files.py.

A checkpoint is of torch's own optimizer or, for a spec that torch has nothing for, of twotrack's own one in torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.errors import UserError
from twotrack.shared.spec.framework_files import BuildModel
from twotrack.shared.spec.optimizer_files import TINY, CarriedOptimizer, like, other_optimizer, torch_has
from twotrack.shared.spec.optimizers import Nadam, Optimizer
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.state import AVERAGE, SLOTS, OptimizerState, key
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.spec.update_options import EMA
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import require_same
from twotrack.torch_track import averaged_models
from twotrack.torch_track import optimizers_of_torch as of_torch
from twotrack.torch_track.optimizer_state import canonical, keeps, scattered
from twotrack.torch_track.placement import placement
from twotrack.torch_track.state_files import read_content
from twotrack.torch_track.track_model import TorchModel, as_torch
from twotrack.torch_track.update_options import RATE, grouped

KEYS = ("optimizer_state_dict", "optimizer", "optimizer_states", "optim_state_dict", "optim")
"""Under which name a checkpoint keeps it, the first that there is; Lightning has a list."""
STEPS_DONE = ("global_step", "step", "iteration")
"""Under which name a checkpoint counts updates, which SGD does not."""
OF_TWOTRACK = "steps_done"
"""In every parameter group of twotrack's own optimizers, and of no other."""


def read(path: Path, build: BuildModel, own: Optimizer | CustomOptimizer) -> CarriedOptimizer | None:
    """Return the optimizer of a checkpoint; None if it holds none. UserError for one that cannot be carried."""
    content = read_content(path)
    found = stored(path, content)
    if found is None:
        return None
    model, spec = as_torch(build(_precision(found))), None if isinstance(own, CustomOptimizer) else own
    if OF_TWOTRACK in found["param_groups"][0]:
        return _of_twotrack(path, found, model, spec)
    name = of_torch.name_of(path, found)
    order = _order(path, found, model, spec)
    held = {id(one) for entry in model.table().values() for one in entry.tensors}
    remembered = [(one, state) for one, state in _remembered(path, found, order) if id(one) in held]
    told, notes = of_torch.spec_of(name, found["param_groups"], spec)
    slots = {
        f"{slot}/{weight}": array
        for kept, slot in of_torch.SLOTS[name].items()
        for weight, array in _slot(model, remembered, kept, of_torch.factor(told, slot)).items()
    }
    carried = like(spec, told)
    if carried.average:
        slots |= {key(AVERAGE, name): one for name, one in averaged_models.read(path, content, model).items()}
    updates, count = _updates(path, remembered, content)
    state = OptimizerState(slots, updates, updates, product=of_torch.product(remembered))
    return CarriedOptimizer(carried, state, [*notes, *count])


def _precision(found: Mapping[str, Any]) -> Precision:
    tensors = [one for state in found["state"].values() for one in state.values() if isinstance(one, Tensor)]
    return "float64" if any(one.ndim and one.dtype == torch.float64 for one in tensors) else "float32"


Remembered = Sequence[tuple[nn.Parameter, Mapping[str, Any]]]


def _slot(model: TorchModel, remembered: Remembered, kept: str, factor: float) -> dict[str, np.ndarray]:
    """Return a slot by weight in canonical form; nothing if the optimizer keeps none."""
    given = {
        id(one): (factor * state[kept]).to(one.dtype)
        for one, state in remembered
        if isinstance(state.get(kept), Tensor)
    }
    return canonical(model.table(), given) if given else {}


def _updates(path: Path, remembered: Remembered, content: Any) -> tuple[int, list[str]]:
    """Return the updates that were done, and what is to be said: SGD does not count them, and needs no count."""
    steps = {int(state["step"]) for _, state in remembered if "step" in state}
    if len(steps) > 1:
        told = f"{min(steps)} to {max(steps)}"
        raise UserError(f"'{path}': parameters have done {told} updates; Keras has one count for all of them.")
    if steps:
        return steps.pop(), []
    counts = [content[name] for name in STEPS_DONE if isinstance(content.get(name), int)]
    if counts:
        return counts[0], []
    done = int(any(state for _, state in remembered))
    return done, [f"updates: SGD of torch counts none, so the other file counts {done}; a schedule goes on from there"]


# === Which parameter is which ===


def _order(path: Path, found: Mapping[str, Any], model: TorchModel, own: Optimizer | None) -> list[nn.Parameter]:
    """Return the parameters in the order of the file's numbers; UserError if it is not told which is which."""
    groups = found["param_groups"]
    sizes = [len(group["params"]) for group in groups]
    names = [name for group in groups for name in group.get("param_names", ())]
    named = dict(model.module.named_parameters())
    if names and len(names) == sum(sizes) and set(names) <= set(named):
        return [named[name] for name in names]
    given = [one for one in named.values() if one.requires_grad]
    has_groups = own is not None and bool(own.groups)
    is_one = len(sizes) == 1 and not any(group.learning_rate != 1.0 for group in (own.groups if own else ()))
    expected = [group["params"] for group in _grouped(own, model)] if own and has_groups and not is_one else [given]
    if [len(group) for group in expected] != sizes and (len(sizes) > 1 or has_groups):
        told = f"groups of {_listed(sizes)} parameters and no names"
        has = f"has groups of {_listed(map(len, expected))}" if has_groups else "has no groups"
        raise UserError(
            f"'{path}': its optimizer has {told}, so it does not say which is which, and the model's optimizer {has}; "
            "make it with model.named_parameters(), or name its groups in the Pair's optimizer."
        )
    return [one for group in expected for one in group]


def _listed(sizes: Any) -> str:
    return " and ".join(map(str, sizes))


def _grouped(spec: Optimizer, model: TorchModel) -> list[dict[str, Any]]:
    """Return the parameter groups of a spec."""
    parameters = [one for one in model.module.parameters() if one.requires_grad]
    return grouped(spec, parameters, placement(model.module, model.table()))


def _remembered(path: Path, found: Mapping[str, Any], order: Sequence[nn.Parameter]) -> Remembered:
    """Return what is remembered of each parameter; UserError if it is of other parameters."""
    numbers = [number for group in found["param_groups"] for number in group["params"]]
    if len(order) != len(numbers):
        raise UserError(f"'{path}': its optimizer has {len(numbers)} parameters, the model {len(order)}.")
    pairs = [(one, found["state"].get(number, {})) for one, number in zip(order, numbers, strict=True)]
    for number, (one, state) in enumerate(pairs):
        for name, tensor in state.items():
            if isinstance(tensor, Tensor) and tensor.ndim and tensor.shape != one.shape:
                shapes = f"{tuple(tensor.shape)}, the model's parameter has {tuple(one.shape)}"
                raise UserError(
                    f"'{path}': {name} of parameter {number} has the shape {shapes}; is it another model's?"
                )
    return pairs


# === Files ===


def write(path: Path, weights: Mapping[str, np.ndarray], carried: CarriedOptimizer, build: BuildModel) -> None:
    """Write the model's state_dict and the optimizer's, and averages beside them if there are any."""
    double = any(array.dtype == np.float64 for array in weights.values())
    model = as_torch(build("float64" if double else "float32"))
    model.load_weights(weights)
    optimizer = (_native if torch_has(carried.spec) else _twotracks)(carried, model)
    state = {name: tensor.detach().clone() for name, tensor in model.module.state_dict().items()}
    content: dict[str, Any] = {"model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}
    if torch_has(carried.spec) and carried.spec.average:
        averages = _of(carried, AVERAGE.name)
        content[averaged_models.KEYS[0]] = averaged_models.state_dict(model, weights, averages, carried.state.updates)
    torch.save(content | {STEPS_DONE[0]: carried.state.updates}, path)


def _of(carried: CarriedOptimizer, slot: str) -> dict[str, np.ndarray]:
    """Return a slot by weight."""
    parts = ((name.partition("/"), array) for name, array in carried.state.slots.items())
    return {weight: array for (own, _, weight), array in parts if own == slot}


def _native(carried: CarriedOptimizer, model: TorchModel) -> torch.optim.Optimizer:
    """Return torch's own optimizer that goes on from a state."""
    groups = _grouped(carried.spec, model)
    optimizer = of_torch.make(carried.spec, groups)
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    for kept, slot in of_torch.SLOTS[carried.name].items():
        factor, arrays = of_torch.factor(carried.spec, slot), _of(carried, slot)
        tensors = scattered(model.table(), {name: array / factor for name, array in arrays.items()}) if arrays else {}
        for one in parameters:
            if id(one) in tensors:
                optimizer.state[one][kept] = tensors[id(one)].to(one.dtype).clone()
                optimizer.state[one] |= of_torch.counts(carried)
    return optimizer


def _twotracks(carried: CarriedOptimizer, model: TorchModel) -> torch.optim.Optimizer:
    """Return twotrack's own optimizer that goes on from a state."""
    model.compile(carried.spec, [carried.spec.learning_rate])
    left_out = _left_out(model, model.optimizer_state())
    try:
        model.load_optimizer_state(replace(carried.state, slots=left_out | carried.state.slots))
    except BridgeError as error:
        raise UserError(f"the optimizer's state is of another optimizer or model: {error}") from error
    assert isinstance(model.optimizer, torch.optim.Optimizer)
    for group in model.optimizer.param_groups:
        group.update({RATE: carried.spec.learning_rate, "lr": carried.spec.learning_rate * group["share"]})
    return model.optimizer


def _of_twotrack(path: Path, found: dict[str, Any], model: TorchModel, own: Optimizer | None) -> CarriedOptimizer:
    """Return what a checkpoint of twotrack's own optimizer says."""
    if own is None:
        raise UserError(f"'{path}' is of an optimizer of twotrack's; name it as the Pair's optimizer=.")
    model.compile(own, [own.learning_rate])
    expected = {name: array.shape for name, array in model.optimizer_state().slots.items()}
    _require_own(path, found, own)
    _take(path, model, found)
    group = found["param_groups"][0]
    spec = replace(own, learning_rate=float(group.get(RATE, group["lr"])))
    try:
        state = model.optimizer_state()
        found_shapes = {name: array.shape for name, array in state.slots.items()}
        require_same(expected, found_shapes, "the torch optimizer", f"the state in '{path}'")
    except (BridgeError, RuntimeError) as error:  # torch takes a state of any shape
        raise UserError(f"'{path}' holds the state of another model's optimizer: {error}") from error
    left_out = _left_out(model, state)
    return CarriedOptimizer(
        spec, replace(state, slots={name: one for name, one in state.slots.items() if name not in left_out})
    )


def _left_out(model: TorchModel, state: OptimizerState) -> dict[str, np.ndarray]:
    """Return what is remembered of parameters that hold no weight of the pair."""
    own = model.shapes()
    return {name: array for name, array in state.slots.items() if name.partition("/")[2] not in own}


def _require_own(path: Path, found: Mapping[str, Any], own: Optimizer) -> None:
    """Require that every parameter has what the optimizer remembers, and nothing else."""
    slots = {slot.torch for slot in SLOTS[type(own)] if keeps(own, slot)}
    kept = {name.rpartition(".")[2] for state in found["state"].values() for name in state}
    if not kept <= slots | {"step", "momentum_buffer"} or (
        found["param_groups"][0][OF_TWOTRACK] and slots and not kept
    ):
        raise UserError(other_optimizer(path, f"one that keeps {', '.join(sorted(kept)) or 'nothing'}", own))


def _take(path: Path, model: TorchModel, found: dict[str, Any]) -> None:
    assert isinstance(model.optimizer, torch.optim.Optimizer)
    try:
        model.optimizer.load_state_dict(found)
    except (ValueError, KeyError) as error:
        raise UserError(f"'{path}' holds the state of another model's optimizer: {error}") from error


def resume(path: Path, model: TrackModel, spec: Optimizer) -> None:
    """Load a checkpoint's optimizer as torch does, with the epsilon, rate and decay of a spec; weights are loaded."""
    own, content = as_torch(model), read_content(path)
    found = stored(path, content)
    assert found is not None
    if OF_TWOTRACK in found["param_groups"][0]:
        own.compile(spec, [spec.learning_rate])
        _take(path, own, found)
        return
    order = iter(_order(path, found, own, spec))
    optimizer = of_torch.make(spec, [{"params": [next(order) for _ in one["params"]]} for one in found["param_groups"]])
    optimizer.load_state_dict(found)
    shares = {id(one): group.get("share", 1.0) for group in _grouped(spec, own) for one in group["params"]}
    for group in optimizer.param_groups:
        own_numbers = {"lr": spec.learning_rate * shares[id(group["params"][0])], "weight_decay": 0.0}
        group.update(own_numbers | ({"eps": TINY} if "eps" in group else {}))
        if isinstance(spec, Nadam):
            group["momentum_decay"] = of_torch.MOMENTUM_DECAY
    if isinstance(spec.average, EMA):
        averaged_models.follow(path, content, own.module, optimizer, spec.average)
    own.optimizer = optimizer


def stored(path: Path, content: Any) -> dict[str, Any] | None:
    """Return the state_dict of the optimizer in a checkpoint, tensors and numbers alone; None if there is none."""
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
