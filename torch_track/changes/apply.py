"""Makes changes to a torch model, for a while or for good."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from twotrack.shared.axes.layout import Arrangements
from twotrack.shared.spec.changes import (
    ActivateRecurrence,
    AddValue,
    Change,
    DrawNothing,
    DrawWeight,
    DropInRecurrence,
    DropWeight,
    ExchangeLayers,
    Function,
    LinkOutputs,
    MapValue,
    MaskSteps,
    MoveLayer,
    OrderValues,
    OrderWeight,
    PoolSteps,
    ReplaceCall,
    ReplaceLayer,
    ResetInFront,
    SetArgument,
    SetHyperparameter,
    SetMask,
    ShapeSlopes,
    on_keras,
)
from twotrack.shared.spec.initialisers import draw
from twotrack.shared.spec.plain import spec
from twotrack.shared.weights.bridge.names import join
from twotrack.torch_track.axes import channels_last
from twotrack.torch_track.changes.arranging import Reordered, arranged_back
from twotrack.torch_track.changes.calls import CallChange, CallWatcher
from twotrack.torch_track.changes.functions import FUNCTIONS, POOLS, compute
from twotrack.torch_track.changes.recurrence import reset_in_front, with_activations, with_dropout, with_reset_in_front
from twotrack.torch_track.changes.slopes import with_slopes
from twotrack.torch_track.changes.steps import step_by_step
from twotrack.torch_track.changes.training import TrainingChange, TrainingChanger
from twotrack.torch_track.entries import Entry
from twotrack.torch_track.freezing import in_evaluation
from twotrack.torch_track.structure import all_given, reordered, replaced, tensors_in
from twotrack.torch_track.weights import ONE_BIAS

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel


@contextmanager
def changed(model: "TorchModel", changes: Sequence[Change]) -> Iterator[None]:
    """Make changes inside the block, but for those of Keras' side; KeyError if the model has no such layer."""
    of_keras = on_keras(changes)
    with ExitStack() as stack:
        changer = _Changer(model, stack)
        for change in changes:
            if change not in of_keras:
                changer.make(change)
        yield


class _Changer:
    """Makes changes that end with a stack."""

    def __init__(self, model: "TorchModel", stack: ExitStack):
        self._model, self._stack = model, stack
        self._calls: list[CallChange] = []
        self._training = TrainingChanger(model, stack)

    def make(self, change: Change) -> None:
        """Make one change."""
        makers: dict[type, Callable[[Any], None]] = {
            SetHyperparameter: self._set,
            MapValue: self._map,
            ReplaceLayer: self._replace,
            AddValue: self._add,
            OrderWeight: self._order,
            DrawWeight: self._draw,
            SetMask: self._mask,
            OrderValues: self._order_values,
            ExchangeLayers: self._exchange_layers,
            MoveLayer: self._move_layer,
            MaskSteps: self._mask_steps,
            PoolSteps: self._pool_steps,
            DropInRecurrence: self._drop_in_recurrence,
            DrawNothing: self._draw_nothing,
            ResetInFront: self._reset_in_front,
            ActivateRecurrence: self._activate_recurrence,
            ShapeSlopes: self._shape_slopes,
            DropWeight: self._drop,
            LinkOutputs: self._link,
        }
        if make := makers.get(type(change)):
            make(change)
        elif isinstance(change, TrainingChange):
            self._training.make(change)
        elif isinstance(change, SetArgument | ReplaceCall):
            self._calls.append(change)
            if len(self._calls) == 1:
                self._watch()

    def _link(self, change: LinkOutputs) -> None:
        self._stack.callback(setattr, self._model, "links", self._model.links)
        self._model.links = change.names

    def _layer(self, path: str) -> tuple[str, nn.Module]:
        """Return torch's path and the layer; the module itself for an empty path."""
        if not path:
            return "", self._model.module
        found = (pair for pair in self._model.module.named_modules() if self._model.canonical_path(pair[0]) == path)
        pair = next(found, None)
        if pair is None:
            raise KeyError(f"the torch model has no layer '{path}'")
        return pair

    def _set(self, change: SetHyperparameter) -> None:
        _, layer = self._layer(change.path)
        before = getattr(layer, change.name)
        setattr(layer, change.name, change.value)
        self._stack.callback(setattr, layer, change.name, before)

    def _map(self, change: MapValue) -> None:
        own, layer = self._layer(change.path)
        self._hook(
            layer, self._arrangements(own, change.role), change, lambda x: compute(change.function, x, layer.training)
        )

    def _arrangements(self, own: str, role: str) -> Arrangements:
        if not own:
            return self._model.layout.outputs if role == "outputs" else ()
        return getattr(self._model.layout.layer(own, 0), role)

    def _hook(
        self, layer: nn.Module, own: Arrangements, change: MapValue | AddValue, function: Callable[[Tensor], Tensor]
    ) -> None:
        number = change.number if isinstance(change, MapValue) else 0

        def mapped(structure: Any) -> Any:
            tensors = tensors_in(structure)
            if number >= len(tensors):
                return structure
            arrangement = own[number] if number < len(own) else None
            (given,) = channels_last(tensors[number : number + 1], (arrangement,) if arrangement else ())
            return replaced(structure, {id(tensors[number]): arranged_back(function(given), arrangement)})

        if change.role == "inputs":
            handle = layer.register_forward_pre_hook(lambda *call: mapped(all_given(*call)), with_kwargs=True)
        elif change.is_behind:
            self._hook_behind(layer, lambda layer, args, kwargs, output: mapped(output))
            return
        else:
            handle = layer.register_forward_hook(lambda _, args, output: mapped(output))
        self._stack.callback(handle.remove)

    def _hook_behind(self, layer: nn.Module, hook: Callable[[nn.Module, Any, Any, Any], Any]) -> None:
        """Hook a layer anew in every pass, so that the hook comes behind those that record and replace."""
        module, handles = self._model.module, list[RemovableHandle]()

        def end(*_: Any) -> None:
            while handles:
                handles.pop().remove()

        def begin(*_: Any) -> None:
            end()  # a pass that failed may not have come to its end
            handles.append(layer.register_forward_hook(hook, with_kwargs=True))

        self._stack.callback(end)
        self._stack.callback(module.register_forward_pre_hook(begin).remove)
        self._stack.callback(module.register_forward_hook(end).remove)

    def _replace(self, change: ReplaceLayer) -> None:
        own, layer = self._layer(change.path)
        call, before = self._model.layout.layer(own, 0), layer.forward

        @wraps(before)
        def forward(*args: Any, **kwargs: Any) -> Tensor:
            (given,) = channels_last(tensors_in(all_given(layer, args, kwargs))[:1], call.inputs[:1])
            return arranged_back(
                compute(change.function, given, layer.training), call.outputs[0] if call.outputs else None
            )

        layer.forward = forward
        self._stack.callback(_put_back, layer, before)

    def _add(self, change: AddValue) -> None:
        own, layer = self._layer(change.path)
        kept = self._kept(change.source, change.source_role)

        def function(x: Tensor) -> Tensor:
            other = compute(change.by, compute(change.first, kept[0]))
            return change.factor * other if change.own == 0 else change.own * x + change.factor * other.reshape(x.shape)

        self._hook(layer, self._arrangements(own, change.role), change, function)

    def _kept(self, path: str, role: str) -> list[Tensor]:
        """Return where the other value is in every pass, as it is once all other hooks are done with it."""
        own, source = self._layer(path)
        arrangements = self._arrangements(own, role)
        kept: list[Tensor] = []

        def keep(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            tensors = tensors_in(output if role == "outputs" else all_given(layer, args, kwargs))[:1]
            kept[:] = channels_last(tensors, arrangements[:1])

        self._hook_behind(source, keep)
        return kept

    def _order_values(self, change: OrderValues) -> None:
        (_, module), order = self._layer(change.path), change.order

        if change.role == "inputs":
            hook = module.register_forward_pre_hook(lambda *call: reordered(all_given(*call), order), with_kwargs=True)
        else:
            hook = module.register_forward_hook(lambda _, args, output: reordered(output, order))
        self._stack.callback(hook.remove)

    def _exchange_layers(self, change: ExchangeLayers) -> None:
        (_, first), (_, second) = self._layer(change.first), self._layer(change.second)
        forwards = first.forward, second.forward
        self._compute(first, forwards[1])
        self._compute(second, forwards[0])

    def _move_layer(self, change: MoveLayer) -> None:
        (_, layer), (_, other) = self._layer(change.path), self._layer(change.to)
        before, passing = layer.forward, nn.Identity().forward

        def act(x: Tensor) -> Tensor:
            layer.forward = before
            try:
                return layer(x)
            finally:
                layer.forward = passing

        self._compute(layer, passing)
        if change.role == "inputs":
            self._stack.callback(other.register_forward_pre_hook(lambda _, args: (act(*args),)).remove)
        else:
            self._hook_behind(other, lambda module, args, kwargs, output: act(output))

    def _mask(self, change: SetMask) -> None:
        _, layer = self._layer(change.path)

        def masked(_: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
            query, key = tensors_in(all_given(layer, args, kwargs))[:2]
            mask = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).triu(1)
            return args, kwargs | {"attn_mask": mask if change.is_causal else None, "is_causal": False}

        self._stack.callback(layer.register_forward_pre_hook(masked, with_kwargs=True).remove)

    def _mask_steps(self, change: MaskSteps) -> None:
        own, layer = self._layer(change.path)
        counted = self._counted(change.source, change.ignored)
        if change.how == "state":
            self._compute(layer, step_by_step(layer.forward, lambda: counted[0]))
        else:
            zeros = MapValue(path=change.path, role="outputs", function=Function(name="identity"), is_behind=True)
            self._hook(layer, self._arrangements(own, "outputs"), zeros, lambda x: x * counted[0][..., None])

    def _counted(self, path: str, ignored: float, number: int = 0) -> list[Tensor]:
        """Return where it is said in every pass which steps count (batch, steps), by what a layer is given."""
        own, layer = self._layer(path)
        arrangements, counted = self._arrangements(own, "inputs"), list[Tensor]()

        def look(module: nn.Module, args: Any, kwargs: Any) -> None:
            tensors = tensors_in(all_given(module, args, kwargs))[number : number + 1]
            (given,) = channels_last(tensors, arrangements[number : number + 1])
            counted[:] = [(given != ignored) if given.ndim == 2 else (given != ignored).any(-1)]

        self._stack.callback(layer.register_forward_pre_hook(look, with_kwargs=True).remove)
        return counted

    def _pool_steps(self, change: PoolSteps) -> None:
        own, layer = self._layer(change.path)
        value, pool = self._kept(change.source, "outputs"), POOLS[change.how]
        counted = self._counted("", 0.0, list(self._model.inputs).index(change.counted))
        where = MapValue(path=change.path, role=change.role, number=change.number, function=Function(name="identity"))

        def pooled(_: Tensor) -> Tensor:
            return pool(compute(change.first, value[0]), counted[0][..., None])

        self._hook(layer, self._arrangements(own, change.role), where, pooled)

    def _drop_in_recurrence(self, change: DropInRecurrence) -> None:
        _, layer = self._layer(change.path)
        if not isinstance(layer, nn.RNNBase) or layer.num_layers > 1:
            raise KeyError(f"'{change.path}' is no recurrent layer of one level")
        self._compute(layer, with_dropout(layer, layer.forward, change.rate, change.recurrent_rate))

    def _draw_nothing(self, change: DrawNothing) -> None:
        _, layer = self._layer(change.path)
        self._compute(layer, in_evaluation(layer))

    def _reset_in_front(self, change: ResetInFront) -> None:
        own, layer = self._gru(change.path)
        if getattr(layer, ONE_BIAS, False):  # another of its levels or directions has had it changed
            return
        made = _cell_forward(layer) if isinstance(layer, nn.GRUCell) else with_reset_in_front(layer)
        self._compute(layer, made)
        setattr(layer, ONE_BIAS, True)
        self._stack.callback(delattr, layer, ONE_BIAS)
        for name, _ in layer.named_parameters():
            if name.startswith("bias_hh"):
                self._drop(DropWeight(name=join(own, name)))

    def _activate_recurrence(self, change: ActivateRecurrence) -> None:
        _, layer = self._layer(change.path)
        if not isinstance(layer, nn.RNNBase):
            raise KeyError(f"'{change.path}' is no recurrent layer")
        own = [FUNCTIONS[name] for name in (change.activation, change.recurrent_activation)]
        self._compute(layer, with_activations(layer, *own))

    def _compute(self, layer: nn.Module, forward: Callable[..., Any]) -> None:
        """Let a layer compute something else."""
        before = layer.forward
        layer.forward = forward
        self._stack.callback(_put_back, layer, before)

    def _gru(self, path: str) -> tuple[str, nn.GRU | nn.GRUCell]:
        """Return torch's path of a GRU that is at a path, or of which a level or a direction is."""
        for name, entry in self._model.table().items():
            if name.startswith(f"{path}.") and isinstance(entry, Entry):
                own = entry.torch_name.rpartition(".")[0]
                layer = self._model.module.get_submodule(own)
                if isinstance(layer, nn.GRU | nn.GRUCell):
                    return own, layer
        raise KeyError(f"the torch model has no GRU '{path}'")

    def _order(self, change: OrderWeight) -> None:
        model = self._model
        before = model.weight_orders
        model.weight_orders = {**before, change.name: (*before.get(change.name, ()), Reordered(change))}
        self._stack.callback(setattr, model, "weight_orders", before)

    def _draw(self, change: DrawWeight) -> None:
        """Draw by torch's random numbers, which the seed of the model has set."""
        model, before = self._model, self._model.weights()
        generator = np.random.default_rng(int(torch.randint(2**31, ()).item()))
        drawn = draw(spec(change.law), generator, before[change.name].shape)
        model.load_weights(before | {change.name: drawn})
        self._stack.callback(model.load_weights, before)

    def _drop(self, change: DropWeight) -> None:
        weight = self._model.module.get_parameter(change.name)
        kept, trained = weight.detach().clone(), weight.requires_grad
        with torch.no_grad():
            weight.zero_()
        weight.requires_grad_(False)

        def put_back() -> None:
            with torch.no_grad():
                weight.copy_(kept)
            weight.requires_grad_(trained)

        self._stack.callback(put_back)

    def _shape_slopes(self, change: ShapeSlopes) -> None:
        own, layer = self._layer(change.path)
        if not isinstance(layer, nn.PReLU):
            raise KeyError(f"'{change.path}' is no PReLU")
        before = layer.weight
        self._stack.callback(setattr, layer, "weight", before)
        layer.weight = nn.Parameter(before.detach().mean().expand(change.shape).clone())
        self._compute(layer, with_slopes(layer, self._model.layout.layer(own, 0).inputs))

    def _watch(self) -> None:
        module, before = self._model.module, self._model.module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            with CallWatcher(module, self._calls).watching():
                return before(*args, **kwargs)

        module.forward = forward
        self._stack.callback(_put_back, module, before)


def _cell_forward(cell: nn.GRUCell) -> Callable[..., Tensor]:
    """Return the forward of a GRU's cell whose reset gate acts in front of the product."""

    def forward(x: Tensor, state: Tensor | None = None) -> Tensor:
        before = x.new_zeros(len(x), cell.hidden_size) if state is None else state
        return reset_in_front(cell, "", x, [before])[0]

    return forward


def _put_back(module: nn.Module, forward: Any) -> None:
    """Let a module have its class's forward again, or the one that was put into it before."""
    if getattr(forward, "__func__", None) is type(module).forward:
        del module.forward
    else:
        module.forward = forward
