"""What torch may compute in another order: a layer or an activation on the other side of a layer, or of a sum."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import Change, Function, MapValue, MoveLayer, ReplaceCall, ReplaceLayer
from twotrack.torch_track.changes.calls import CallWatcher, SeenCall
from twotrack.torch_track.changes.functions import ACTIVATIONS

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

Role = Literal["inputs", "outputs"]
REACH = 3
"""How many layers, or calls, something may have moved over."""
OF_CLASSES: Mapping[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.SiLU: "silu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.Softplus: "softplus",
    nn.Hardswish: "hard_silu",
    nn.Mish: "mish",
    nn.SELU: "selu",
}
"""Layers that are an activation without settings, by the name of the function."""
OF_CALLS = {"relu_": "relu", "hardswish": "hard_silu", "hardsigmoid": "hard_sigmoid", "logsigmoid": "log_sigmoid"}
"""Functions of torch's that have another name here."""
SUMS = ("add", "__add__", "__radd__", "__iadd__")
AROUND_SUMS = {
    "then": "behind {}",
    "first": "in front of {}, on the first of them,",
    "second": "in front of {}, on the second of them,",
}
"""Where an activation may stand at a sum."""
NOTHING = Function(name="identity")


def order_alternatives(
    model: "TorchModel", inputs: Mapping[str, np.ndarray], window: Sequence[str]
) -> Iterator[Candidate]:
    """Yield layers, activations and sums near each other in another order; the window has layers as they run."""
    layers = {model.canonical_path(path): layer for path, layer in model.module.named_modules()}
    near = [(path, layers[path]) for path in window if not list(layers[path].children())]
    calls = [call for call in _seen(model, inputs) if model.canonical_path(call.first_layer) in window]
    yield from _around_sums(near, calls)
    yield from _moved(near, is_far=False)
    yield from _around_layers(near, calls)
    yield from _moved(near, is_far=True)


def _seen(model: "TorchModel", inputs: Mapping[str, np.ndarray]) -> Sequence[SeenCall]:
    watcher = CallWatcher(model.module)
    model.module.eval()
    with torch.no_grad(), watcher.watching():
        model.module(*model.tensors(inputs))
    return watcher.seen


Activated = tuple[Change, Function, str]
"""What takes an activation away, the activation, and what a message calls it."""


def _activations(layers: Sequence[tuple[str, nn.Module]], calls: Sequence[SeenCall]) -> Iterator[Activated]:
    for path, layer in layers:
        if name := OF_CLASSES.get(type(layer)):
            yield ReplaceLayer(path=path, function=NOTHING), Function(name=name), f"'{path}' ({name})"
    for call in calls:
        name = OF_CALLS.get(call.function, call.function)
        if call.keeps_shape and name in ACTIVATIONS and not call.arguments.keys() - {"inplace"}:
            change = ReplaceCall(function=call.function, number=call.number, by=NOTHING)
            yield change, Function(name=name), f"{name} (call {call.number + 1} of it)"


def _around_sums(layers: Sequence[tuple[str, nn.Module]], calls: Sequence[SeenCall]) -> Iterator[Candidate]:
    """Yield an activation behind a sum, and of one of its two values, in the place of where torch has it."""
    sums = [call for call in calls if call.takes_two and call.function in SUMS]
    for (taken, function, told), call in product(_activations(layers, calls), sums):
        which = f"the sum of two values (call {call.number + 1} of {call.function.strip('_')})"
        for place, where in AROUND_SUMS.items():
            parameters = {"of": "sum", "then": "identity"} | {place: function.name}
            by = Function(name="both", parameters=parameters)
            yield Candidate(
                changes=(taken, ReplaceCall(function=call.function, number=call.number, by=by)),
                what=f"{function.name} acts {where.format(which)} in Keras; in torch it is {told}, on its other side",
                torch_fix=f"{function.name} {where.format(which)} in place of {told}",
                keras_fix=f"{function.name} on the other side of the sum",
                entry="layer_order",
            )


def _around_layers(layers: Sequence[tuple[str, nn.Module]], calls: Sequence[SeenCall]) -> Iterator[Candidate]:
    """Yield activations that are calls on the other side of a layer: in front of it, or behind it."""
    roles: tuple[Role, ...] = ("inputs", "outputs")
    for (taken, function, told), (path, _), role in product(_activations((), calls), layers, roles):
        moved = MapValue(path=path, role=role, function=function, is_behind=role == "outputs")
        yield _elsewhere((taken, moved), told, path, role, is_earlier=role == "inputs")


def _moved(layers: Sequence[tuple[str, nn.Module]], is_far: bool) -> Iterator[Candidate]:
    """Yield layers in front of layers that torch has before them, and behind those that it has later.

    Where others stand between the two, code may too: a layer goes to the end of that code that is far from the other.
    """
    for (own, (path, _)), (other, (to, _)) in product(enumerate(layers), enumerate(layers)):
        role: Role = "inputs" if (other < own) != is_far else "outputs"
        if is_far < abs(own - other) <= REACH:
            yield _elsewhere((MoveLayer(path=path, to=to, role=role),), f"'{path}'", to, role, other < own)


def _elsewhere(changes: tuple[Change, ...], told: str, path: str, role: Role, is_earlier: bool) -> Candidate:
    """Return that something stands in front of a layer, or behind it, on Keras' side alone; earlier than in torch."""
    keras = f"{'in front of' if role == 'inputs' else 'behind'} '{path}'"
    return Candidate(
        changes=changes,
        what=f"{told} stands {keras} in Keras, and {'later' if is_earlier else 'earlier'} in torch",
        torch_fix=f"{told} {keras}",
        keras_fix=f"{told} {'later' if is_earlier else 'earlier'}, where torch has it",
        entry="layer_order",
        where=path,
    )
