"""What a torch optimizer of a shared spec remembers, in canonical form and back; see twotrack.shared.spec.state."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.state import AVERAGE, GATHERED, OptimizerState, Slot, is_remembered, key, slots_of
from twotrack.shared.weights.bridge.names import require_same
from twotrack.torch_track.entries import Weight
from twotrack.torch_track.matrix_optimizers import MatrixOptimizer

Tensors = dict[int, Tensor]
"""By the identity of a parameter: a tensor of its shape."""


def read(optimizer: torch.optim.Optimizer, spec: Optimizer, table: Mapping[str, Weight]) -> OptimizerState:
    """Return copies of all that it remembers."""
    group = optimizer.param_groups[0]
    state = OptimizerState({}, group["steps_done"], group["batches_seen"], float(group.get("rows_gathered", 0)))
    state.product = float(group.get("product", 1.0))
    for slot in slots_of(spec):
        if isinstance(optimizer, MatrixOptimizer) and slot not in (GATHERED, AVERAGE):
            state.slots |= _of_views(optimizer, spec, slot)
        elif slot in (GATHERED, AVERAGE) or keeps(spec, slot):
            found = canonical(table, _tensors(optimizer, slot))
            state.slots |= {key(slot, name): array for name, array in found.items()}
    return state


def write(
    optimizer: torch.optim.Optimizer, spec: Optimizer, table: Mapping[str, Weight], state: OptimizerState
) -> None:
    """Replace all that it remembers; BridgeError for a state that is not of this optimizer and these weights."""
    expected = {name: array.shape for name, array in read(optimizer, spec, table).slots.items()}
    found = {name: array.shape for name, array in state.slots.items()}
    require_same(expected, found, "the torch optimizer", "the state")
    for slot in slots_of(spec):
        own = {name.partition("/")[2]: array for name, array in state.slots.items() if name.startswith(f"{slot.name}/")}
        if isinstance(optimizer, MatrixOptimizer) and slot not in (GATHERED, AVERAGE):
            _into_views(optimizer, slot, own)
        elif own:
            _put(optimizer, slot, scattered(table, own), state)
    done = {"steps_done": state.updates, "updates": state.updates, "iterations": state.updates}
    for group in optimizer.param_groups:
        group.update(done, batches_seen=state.batches, rows_gathered=state.rows, product=state.product)


def keeps(spec: Optimizer, slot: Slot) -> bool:
    """Whether a spec's numbers ask for a slot, as Keras makes a variable for it then."""
    needs = {"velocity": "momentum", "step": "momentum", "mean": "centered", "largest": "amsgrad"}
    asked = {"SGD": ("velocity",), "RMSprop": ("step", "mean"), "Adam": ("largest",), "AdamW": ("largest",)}
    return slot.name not in asked.get(type(spec).__name__, ()) or bool(getattr(spec, needs[slot.name]))


# === Slots of parameters ===


def _tensors(optimizer: torch.optim.Optimizer, slot: Slot) -> Tensors:
    """Return a slot of all parameters that have it."""
    if slot in (GATHERED, AVERAGE):
        lists = [(group["params"], group.get(slot.torch) or []) for group in optimizer.param_groups]
        pairs = [pair for own, kept in lists for pair in zip(own, kept, strict=False)]
        return {id(one): kept for one, kept in pairs if kept is not None}
    return {id(one): own[slot.torch] for one, own in optimizer.state.items() if slot.torch in own}


def _put(optimizer: torch.optim.Optimizer, slot: Slot, tensors: Tensors, state: OptimizerState) -> None:
    for group in optimizer.param_groups:
        if slot in (GATHERED, AVERAGE):
            if state.batches if slot == GATHERED else state.updates:
                group[slot.torch] = [tensors.get(id(one), torch.zeros_like(one)).detach() for one in group["params"]]
            continue
        for one in group["params"]:
            if id(one) in tensors and state.updates:
                optimizer.state[one][slot.torch] = tensors[id(one)]
                if slot.torch == "exp_avg":  # torch's own Adam counts in every parameter
                    optimizer.state[one]["step"] = torch.tensor(float(state.updates))


def canonical(table: Mapping[str, Weight], tensors: Tensors) -> dict[str, np.ndarray]:
    """Return tensors as what they are of: the gradients of weights go the same way."""
    with _as_gradients(table, tensors) as trained:
        return {name: trained[name].gradient() for name in trained}


def scattered(table: Mapping[str, Weight], canonical: Mapping[str, np.ndarray]) -> Tensors:
    """Return canonical arrays as tensors for the parameters of weights."""
    with _as_gradients(table, {}) as trained:
        for name, entry in trained.items():
            entry.set_gradient(canonical[name])
        return {id(one): one.grad for one in _parameters(trained) if one.grad is not None}


@contextmanager
def _as_gradients(table: Mapping[str, Weight], tensors: Tensors) -> Iterator[Mapping[str, Weight]]:
    """Let tensors be the gradients of trained parameters for a while."""
    trained = {name: entry for name, entry in table.items() if entry.trainable}
    before = [(one, one.grad) for one in _parameters(trained)]
    try:
        for one, _ in before:
            one.grad = tensors[id(one)].detach() if id(one) in tensors else None
        yield trained
    finally:
        for one, gradient in before:
            one.grad = gradient


def _parameters(trained: Mapping[str, Weight]) -> Sequence[nn.Parameter]:
    found: dict[int, nn.Parameter] = {id(one): one for entry in trained.values() for one in entry.parameters}
    seconds = [second for entry in trained.values() if (second := getattr(entry, "added", None)) is not None]
    return [*found.values(), *(one for one in seconds if isinstance(one, nn.Parameter))]


# === Slots in canonical form ===


def _of_views(optimizer: MatrixOptimizer, spec: Optimizer, slot: Slot) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for view in optimizer.views:
        if is_remembered(spec, slot, view.name, view.axes):
            kept: Any = optimizer.state[view.home].get(f"{view.name}.{slot.torch}")
            shape = view.shape_of(slot.name)
            found[key(slot, view.name)] = np.zeros(shape) if kept is None else kept.detach().cpu().numpy().copy()
    return found


def _into_views(optimizer: MatrixOptimizer, slot: Slot, canonical: Mapping[str, np.ndarray]) -> None:
    for view in optimizer.views:
        if view.name in canonical:
            given = torch.from_numpy(np.array(canonical[view.name], order="C")).to(view.home)
            optimizer.state[view.home][f"{view.name}.{slot.torch}"] = given.detach()
