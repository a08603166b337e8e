"""A torch module as a side of the search for which weight is which.

Weights go by their names in the state_dict and are laid out as torch has them, but for layers that bundle several:
those of recurrent layers and of nn.MultiheadAttention go by their canonical names, in canonical form, and every level
of a recurrent stack and every projection of attention is a unit of its own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from twotrack.shared.spec.units import Arrays, Call, Side, Unit, Visitor, Weights
from twotrack.torch_track import weights
from twotrack.torch_track.recording import removed
from twotrack.torch_track.structure import tensors_in
from twotrack.torch_track.track_model import TorchModel
from twotrack.torch_track.weights import Entry

PROJECTION = "attention_output"


class TorchSide(Side):
    """A model of the torch track, and a batch of inputs."""

    def __init__(self, model: TorchModel, inputs: Mapping[str, np.ndarray]):
        self.module, self._model, self._inputs = model.module.eval(), model, inputs
        self._entries: dict[str, Entry] = {}
        self._layers: dict[str, list[Unit]] = {}
        """By path: the units of a layer that bundles several, or the one that a layer is."""
        names: dict[int, str] = {}
        for path, layer in self.module.named_modules():
            self._layers[path] = list(self._units(layer, path, names))
        self.units = [unit for units in self._layers.values() for unit in units]
        self.built = {name: _value(entry) for name, entry in self._entries.items()}
        self.statistics = frozenset(name for name, entry in self._entries.items() if not entry.trainable)

    def _units(self, layer: nn.Module, path: str, names: dict[int, str]) -> Iterator[Unit]:
        """Yield the units of one layer and keep where their weights live."""
        if _is_projection(layer):
            return
        own: dict[str, str] = {}
        for canonical, entry in weights._layer_entries(layer, path):
            if not entry.parameter.is_floating_point():
                continue
            if _bundles(layer):
                name, kept = canonical, entry
            else:
                name = names.setdefault(id(entry.parameter), entry.torch_name)
                kept = Entry(entry.torch_name, entry.parameter, weights.SAME)
            self._entries.setdefault(name, kept)
            own[kept.torch_name.rpartition(".")[2] if not _bundles(layer) else canonical] = name
        if own and _bundles(layer):
            yield from _bundled(layer, path, list(own))
        elif own:
            yield Unit(path, type(layer).__name__, not any(layer.children()), own)

    def assign(self, weights: Weights) -> None:
        """Replace some weights."""
        for name, array in weights.items():
            self._entries[name].assign(array)

    def run(self, visitor: Visitor) -> Arrays:
        """Run the module in evaluation mode."""
        given = self._model.tensors(self._inputs)
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(_every_layer_runs())
            if visitor.wants_operations:
                stack.enter_context(_Operations(visitor.saw))
            stack.enter_context(removed(list(self._hooks(visitor))))
            return arrays(self.module(*given))

    def _hooks(self, visitor: Visitor) -> Iterator[Any]:
        """Yield hooks around every layer that is a unit, or several, and behind every other one."""
        for path, units in self._layers.items():
            if not units:
                if path:
                    yield self.module.get_submodule(path).register_forward_hook(_passed(path, visitor))
                continue
            layer = self.module.get_submodule(path)
            if isinstance(layer, nn.MultiheadAttention):
                around: Any = _AroundAttention(layer, path, units, visitor)
            elif isinstance(layer, weights.RECURRENT):
                around = _AroundRecurrent(layer, units, visitor)
            else:
                around = _Around(layer, units[0], visitor)
            yield layer.register_forward_pre_hook(around.before, with_kwargs=True)
            yield layer.register_forward_hook(around.after, with_kwargs=True)

    def without_effect(self) -> list[str]:
        """Return the weights on which a random sum of the outputs does not depend."""
        with torch.enable_grad():
            parameters = list(self.module.parameters())
            frozen = [parameter for parameter in parameters if not parameter.requires_grad]
            for parameter in frozen:
                parameter.requires_grad_(True)
            outputs = [o for o in tensors_in(self.module(*self._model.tensors(self._inputs))) if o.requires_grad]
            if outputs:
                torch.stack([(output * torch.randn_like(output)).sum() for output in outputs]).sum().backward()
        found = [
            name
            for name, entry in self._entries.items()
            if isinstance(entry.parameter, nn.Parameter)
            and (entry.parameter.grad is None or not entry.parameter.grad.to_dense().any())
        ]
        for parameter in parameters:
            parameter.grad = None
        for parameter in frozen:
            parameter.requires_grad_(False)
        return found


def _passed(path: str, visitor: Visitor) -> Callable[[nn.Module, Any, Any], Any]:
    """Return a hook that shows the visitor what a layer without weights gives."""

    def hook(layer: nn.Module, args: Any, result: Any) -> Any:
        other = visitor.passed(path, lambda: arrays(result))
        return None if other is None else _with_first_value(result, other)

    return hook


class _Around:
    """What looks at the calls of one layer."""

    def __init__(self, layer: nn.Module, unit: Unit, visitor: Visitor):
        self._layer, self._unit, self._visitor, self._number = layer, unit, visitor, count()
        self._open: list[Call] = []

    def before(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple | None:
        call = Call(self._unit, next(self._number), _given((args, kwargs)), self._again(args, kwargs))
        self._open.append(call)
        other = self._visitor.enter(call)
        return None if other is None else _with_first(args, kwargs, other)

    def after(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any], result: Any) -> Any:
        other = self._visitor.leave(self._open.pop(), lambda: arrays(result))
        return None if other is None else _with_first_value(result, other)

    def _again(self, args: tuple, kwargs: dict[str, Any]) -> Callable[[np.ndarray | None], Arrays]:
        def alone(first: np.ndarray | None = None) -> Arrays:
            given = (args, kwargs) if first is None else _with_first(args, kwargs, first)
            with torch.no_grad():
                return arrays(type(self._layer).forward(self._layer, *given[0], **given[1]))

        return alone


class _AroundAttention(_Around):
    """What looks at nn.MultiheadAttention as its four projections."""

    def __init__(self, layer: nn.MultiheadAttention, path: str, units: list[Unit], visitor: Visitor):
        super().__init__(layer, units[0], visitor)
        self._by_role = {unit.path.rpartition(".")[2]: unit for unit in units}
        self._attention = layer
        self._patched: list[ExitStack] = []

    def before(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        number = next(self._number)
        roles = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
        for role in ("query", "key", "value"):
            call = self._call(role, number, roles[role], self._projected)
            self._visitor.enter(call)
            self._visitor.leave(call, partial(call.alone, None))
        stack = ExitStack()
        stack.enter_context(_linear_as(lambda linear: self._output(linear, number, roles["query"].shape)))
        self._patched.append(stack)

    def after(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any], result: Any) -> None:
        self._patched.pop().close()

    def _call(self, role: str, number: int, given: Tensor, run: Callable[[str, Tensor], Tensor]) -> Call:
        kept = given.detach().clone()

        def alone(first: np.ndarray | None = None) -> Arrays:
            with torch.no_grad():
                return arrays(run(role, kept if first is None else torch.from_numpy(first).reshape(kept.shape)))

        return Call(self._by_role[role], number, lambda: arrays(kept), alone)

    def _projected(self, role: str, given: Tensor) -> Tensor:
        """Return the query, key or value."""
        layer, number = self._attention, ("query", "key", "value").index(role)
        rows = slice(number * layer.embed_dim, (number + 1) * layer.embed_dim)
        own = layer.in_proj_weight
        weight = getattr(layer, f"{role[0]}_proj_weight") if own is None else own[rows]
        bias = None if layer.in_proj_bias is None else layer.in_proj_bias[rows]
        return given @ weight.T if bias is None else given @ weight.T + bias

    def _output(self, linear: Callable, number: int, shape: Sequence[int]) -> Callable:
        """Return `linear` that shows when it is the last projection; the layer flattens what it gives to that."""

        def shown(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
            if weight is not self._attention.out_proj.weight:
                return linear(x, weight, bias)
            steps = shape[:-1] if not self._attention.batch_first else (shape[1], shape[0])[-len(shape) + 1 :]
            call = self._call(PROJECTION, number, x.reshape(*steps, -1), lambda _, y: linear(y, weight, bias))
            self._visitor.enter(call)
            result = linear(x, weight, bias)
            self._visitor.leave(call, lambda: arrays(result.reshape(*steps, -1)))
            return result

        return shown


class _AroundRecurrent(_Around):
    """What looks at each level of a stack of recurrent layers."""

    def __init__(self, layer: nn.RNNBase | nn.RNNCellBase, units: list[Unit], visitor: Visitor):
        super().__init__(layer, units[0], visitor)
        self._units, self._stack = units, layer

    def before(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple | None:
        if len(self._units) == 1:
            return super().before(layer, args, kwargs)
        number = next(self._number)
        value = tensors_in((args, kwargs))[0]
        for level, unit in enumerate(self._units):
            call = Call(unit, number, _given(value), self._level(level, value.detach().clone()))
            self._visitor.enter(call)
            outputs = call.alone(None)
            self._visitor.leave(call, partial(list, outputs))
            value = torch.from_numpy(outputs[0])
        return None

    def after(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any], result: Any) -> Any:
        return super().after(layer, args, kwargs, result) if len(self._units) == 1 else None

    def _level(self, level: int, value: Tensor) -> Callable[[np.ndarray | None], Arrays]:
        def alone(first: np.ndarray | None = None) -> Arrays:
            given = value if first is None else torch.from_numpy(first).reshape(value.shape)
            with torch.no_grad():
                return arrays(_single_level(self._stack, level, given.shape[-1])(given))

        return alone


def _single_level(stack: nn.Module, level: int, inputs: int) -> nn.Module:
    """Return one level of a recurrent stack as a layer."""
    options = {name: getattr(stack, name) for name in ("hidden_size", "bias", "batch_first", "bidirectional")}
    if isinstance(stack, nn.LSTM):
        options["proj_size"] = stack.proj_size
    elif isinstance(stack, nn.RNN):
        options["nonlinearity"] = stack.nonlinearity
    single = type(stack)(inputs, dtype=torch.float64, **options)
    own = stack.state_dict()
    single.load_state_dict({name: own[name.replace("_l0", f"_l{level}")] for name in single.state_dict()})
    return single


def _bundles(layer: nn.Module) -> bool:
    return isinstance(layer, nn.MultiheadAttention | weights.RECURRENT)


def _is_projection(layer: nn.Module) -> bool:
    """Tell whether a layer is the last projection of nn.MultiheadAttention, whose forward never runs."""
    return isinstance(layer, nn.modules.linear.NonDynamicallyQuantizableLinear)


def _bundled(layer: nn.Module, path: str, names: Sequence[str]) -> Iterator[Unit]:
    """Yield a unit for every projection of attention, or level of a recurrent stack."""
    parts: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        inside = name[len(path) + 1 if path else 0 :]
        stacked = isinstance(layer, nn.RNNBase) and layer.num_layers > 1
        part, parameter = (
            inside.split(".", 1) if stacked or ("." in inside and not _is_recurrent(layer)) else ("", inside)
        )
        parts[part][parameter] = name
    for part, own in parts.items():
        yield Unit(f"{path}.{part}".strip("."), type(layer).__name__, True, own)


def _is_recurrent(layer: nn.Module) -> bool:
    return isinstance(layer, weights.RECURRENT)


def _value(entry: Entry) -> np.ndarray:
    return entry.value().astype(np.float64)


def arrays(structure: Any) -> Arrays:
    """Return copies of the tensors in what a layer takes or gives."""
    return [_array(tensor) for tensor in tensors_in(structure)]


def _array(tensor: Tensor) -> np.ndarray:
    found: np.ndarray = np.array(tensor.detach().cpu().numpy())
    return found


def _given(structure: Any) -> Callable[[], Arrays]:
    return lambda: arrays(structure)


def _with_first(args: tuple, kwargs: dict[str, Any], first: np.ndarray) -> tuple[tuple, dict[str, Any]]:
    """Return arguments with another first tensor."""
    for place, value in enumerate(args):
        if isinstance(value, Tensor):
            return (*args[:place], _like(first, value), *args[place + 1 :]), kwargs
    for name, value in kwargs.items():
        if isinstance(value, Tensor):
            return args, kwargs | {name: _like(first, value)}
    return args, kwargs


def _with_first_value(result: Any, first: np.ndarray) -> Any:
    """Return what a layer gave with another first tensor."""
    if isinstance(result, tuple | list):
        return type(result)([_with_first_value(result[0], first), *result[1:]])
    return _like(first, result) if isinstance(result, Tensor) else result


def _like(array: np.ndarray, tensor: Tensor) -> Tensor:
    return torch.from_numpy(array).to(tensor.device, tensor.dtype).reshape(tensor.shape)


class _Operations(TorchFunctionMode):
    """Shows the floating-point values that torch's functions give."""

    def __init__(self, saw: Callable[[np.ndarray], None]):
        super().__init__()
        self._saw = saw

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        is_view = bool(args) and isinstance(args[0], Tensor) and isinstance(result, Tensor) and _shares(args[0], result)
        if isinstance(result, Tensor) and result.is_floating_point() and result.numel() > 1 and not is_view:
            self._saw(_array(result))
        return result


def _shares(one: Tensor, other: Tensor) -> bool:
    return one.numel() == other.numel() and one.data_ptr() == other.data_ptr()


@contextmanager
def _every_layer_runs() -> Iterator[None]:
    """Keep torch from doing a Transformer's block in one operation, which calls none of the layers inside."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextmanager
def _linear_as(change: Callable[[Callable], Callable]) -> Iterator[None]:
    """Let torch's own functions use another `linear` for a while."""
    own = functional.linear
    functional.linear = change(own)
    try:
        yield
    finally:
        functional.linear = own
