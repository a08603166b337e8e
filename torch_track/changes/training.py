"""Makes changes to how a torch model is trained: its weights, loss, gradients and optimizer."""

import copy
import glob
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from twotrack.shared.spec.changes import (
    AddWeight,
    ChangeLoop,
    ChangeLoss,
    Function,
    MapGradient,
    RemoveParametrizations,
    RemoveWeight,
    SetStatistics,
    SetTrained,
    SetUpdate,
    TieWeight,
)
from twotrack.shared.spec.regularisation import L1, L2, Activity, Orthogonal
from twotrack.torch_track.changes.gradients import SUMMED, Sums, change_gradients
from twotrack.torch_track.changes.loops import ChangedLoop
from twotrack.torch_track.changes.losses import changed_loss
from twotrack.torch_track.changes.updates import Replacement
from twotrack.torch_track.entries import Entry
from twotrack.torch_track.freezing import FROZEN
from twotrack.torch_track.layers import BiasedVariance

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

TrainingChange = (
    AddWeight
    | RemoveWeight
    | RemoveParametrizations
    | TieWeight
    | SetTrained
    | SetStatistics
    | ChangeLoss
    | MapGradient
    | SetUpdate
    | ChangeLoop
)


Step = Callable[[Sequence[Tensor], Sequence[np.ndarray]], Tensor]
"""Maps inputs and targets to the loss of a step."""
_ATTRIBUTES = {"bias": "bias", "beta": "bias", "gamma": "weight"}
_SIZES = ("out_features", "out_channels", "num_features", "normalized_shape", "num_channels")
"""Attributes that say how large a bias or a gamma is."""


class TrainingChanger:
    """Makes changes that end with a stack."""

    def __init__(self, model: "TorchModel", stack: ExitStack):
        self._model, self._stack = model, stack
        self._updates: list[SetUpdate] = []
        self._loops: list[ChangeLoop] = []

    def make(self, change: TrainingChange) -> None:
        """Make one change."""
        if isinstance(change, AddWeight):
            self._add(change)
        elif isinstance(change, RemoveWeight):
            self._remove(change)
        elif isinstance(change, RemoveParametrizations):
            self._remove_parametrizations(change)
        elif isinstance(change, TieWeight):
            self._tie(change)
        elif isinstance(change, SetTrained):
            self._train(change)
        elif isinstance(change, SetStatistics):
            self._average(change)
        elif isinstance(change, ChangeLoss):
            self._compute_loss(change)
        elif isinstance(change, MapGradient):
            self._map_gradients(change)
        elif isinstance(change, ChangeLoop):
            self._loop(change)
        else:
            self._update(change)

    def _layer(self, path: str) -> nn.Module:
        for own, layer in self._model.module.named_modules():
            if self._model.canonical_path(own) == path:
                return layer
        raise KeyError(f"the torch model has no layer '{path}'")

    def _add(self, change: AddWeight) -> None:
        path, _, parameter = change.name.rpartition(".")
        layer, attribute = self._layer(path), _ATTRIBUTES.get(parameter, "")
        size = next((getattr(layer, name) for name in _SIZES if hasattr(layer, name)), None)
        if size is None or getattr(layer, attribute, self) is not None:
            raise KeyError(f"'{path}' has no place for a weight '{parameter}'")
        setattr(layer, attribute, nn.Parameter(torch.ones(size, device=self._model.device, dtype=self._model.dtype)))
        self._stack.callback(setattr, layer, attribute, None)

    def _remove(self, change: RemoveWeight) -> None:
        entry = self._model.table()[change.name]
        if not isinstance(entry, Entry):
            raise KeyError(f"'{change.name}' is made by a rule, and cannot be taken away")
        owner, _, attribute = entry.torch_name.rpartition(".")
        layer = self._model.module.get_submodule(owner)
        self._stack.callback(setattr, layer, attribute, getattr(layer, attribute))
        setattr(layer, attribute, None)

    def _remove_parametrizations(self, change: RemoveParametrizations) -> None:
        """Put a copy of the layer without them in its place: they cannot be put back."""
        module = self._model.module
        layer = self._layer(change.path)
        own = next(path for path, one in module.named_modules() if one is layer)
        owner, _, attribute = own.rpartition(".")
        plain = copy.deepcopy(layer)
        for name in list(getattr(plain, "parametrizations", {})):
            parametrize.remove_parametrizations(plain, name)
        parent = module.get_submodule(owner)
        self._stack.callback(setattr, parent, attribute, layer)
        setattr(parent, attribute, plain)

    def _tie(self, change: TieWeight) -> None:
        owner, _, attribute = change.name.rpartition(".")
        layer, source = self._model.module.get_submodule(owner), self._model.module.get_parameter(change.source)
        own = getattr(layer, attribute)
        if own.shape != source.shape or own is source:
            raise KeyError(f"'{change.name}' and '{change.source}' cannot be one")
        self._stack.callback(setattr, layer, attribute, own)
        setattr(layer, attribute, source)

    def _train(self, change: SetTrained) -> None:
        table = self._model.table()
        for name in change.names:
            for own in table[name].parameters:
                self._stack.callback(own.requires_grad_, own.requires_grad)
                own.requires_grad_(change.trained)

    def _average(self, change: SetStatistics) -> None:
        layer = self._layer(change.path)
        if not isinstance(layer, _BatchNorm):
            raise KeyError(f"'{change.path}' is no batch normalisation")
        if change.how == "frozen":
            self._stack.callback(setattr, layer, FROZEN, getattr(layer, FROZEN, False))
            setattr(layer, FROZEN, True)
            return
        if change.how == "thawed":
            self._stack.callback(layer.register_forward_pre_hook(self._thaw).remove)
            return
        before = type(layer)
        self._stack.callback(setattr, layer, "__class__", before)
        layer.__class__ = type(f"Biased{before.__name__}", (BiasedVariance, before), {})

    def _thaw(self, layer: nn.Module, _: object) -> None:
        """Put a layer into the mode of the whole module, whatever the user's code put it into."""
        layer.train(self._model.module.training)

    def _compute_loss(self, change: ChangeLoss) -> None:
        model, before = self._model, self._model.loss_of
        if change.in_steps:
            self._put(
                model, "loss_value", _within(model.loss_value, model, change.model_copy(update={"in_steps": False}))
            )
            return
        if change.function.name == "activity":
            self._penalise(**change.function.parameters)  # type: ignore[arg-type]
            return
        if change.function.name == "penalties":
            self._hold(**change.function.parameters)  # type: ignore[arg-type]
            return
        function = change.function
        if function.name == "masked":
            self._mask(str(function.parameters["input"]))
            function = Function(name="masked")
        self._put(model, "loss_of", changed_loss(model, function, before))

    def _hold(
        self, names: Sequence[str], l1: Sequence[float], l2: Sequence[float], orthogonal: Sequence[float]
    ) -> None:
        """Let the loss hold these penalties of weights in the place of the pair's."""
        before = self._model.penalties
        kept = [one for one in before if isinstance(one, Activity)]
        made = [
            kind(strength, weights=(glob.escape(name),))
            for kind, strengths in ((L1, l1), (L2, l2), (Orthogonal, orthogonal))
            for name, strength in zip(names, strengths, strict=True)
            if strength
        ]
        self._stack.callback(setattr, self._model, "penalties", before)
        self._model.penalties = (*kept, *made)

    def _mask(self, name: str) -> None:
        """Let steps count whose input of that name is not 0, as Keras' masks say."""
        model, before = self._model, self._model.loss_value
        number = list(model.inputs).index(name)

        def loss_value(inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
            real = inputs[number] != 0
            mask = (real if real.ndim == 2 else real.flatten(2).any(-1)).cpu().numpy()
            model.masks = [mask for _ in targets]
            loss = before(inputs, targets)
            model.masks = ()
            return loss

        self._put(model, "loss_value", loss_value)

    def _penalise(self, path: str, l2: float, l1: float) -> None:
        """Add a penalty of what a layer gives to the loss of a step, divided by the batch size."""
        given: list[Tensor] = []

        def keep(_: nn.Module, args: object, output: Tensor) -> None:
            given[:] = [output]

        def loss_value(inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
            loss, (values,) = before(inputs, targets), given
            return loss + (l2 * values.square().sum() + l1 * values.abs().sum()) / len(values)

        before = self._model.loss_value
        self._stack.callback(self._layer(path).register_forward_hook(keep).remove)
        self._put(self._model, "loss_value", loss_value)

    def _map_gradients(self, change: MapGradient) -> None:
        model, before = self._model, self._model.backward
        if change.function.name == SUMMED:
            self._sum_gradients(change.names)
            return

        def backward(inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
            loss = before(inputs, targets)
            with torch.no_grad():
                change_gradients(model, change)
            return loss

        self._put(model, "backward", backward)

    def _sum_gradients(self, names: Sequence[str]) -> None:
        """In steps of a training only: a gradient that is asked for alone is that of one step."""
        sums, before = Sums(self._model, names), self._model.before_update

        def before_update() -> None:
            with torch.no_grad():
                sums.add()
            before()

        self._put(self._model, "before_update", before_update)

    def _update(self, change: SetUpdate) -> None:
        """All changed settings are those of one optimizer."""
        if change.setting == "limit":
            self._spare(change.weights)
        self._updates.append(change)
        if len(self._updates) == 1:
            self._put(self._model, "new_optimizer", Replacement(self._model, self._updates))

    def _spare(self, names: Sequence[str]) -> None:
        """Let no constraint of the pair act on these weights, all of them for none."""
        before, trained = self._model.constraints, self._model.trainable_names()
        own = [one for one in before if one.on(is_torch=True)]
        left = [(one, [name for name in one.chosen(trained) if names and name not in names]) for one in own]
        self._stack.callback(setattr, self._model, "constraints", before)
        self._model.constraints = tuple(
            replace(one, weights=tuple(map(glob.escape, kept)), sides="torch") for one, kept in left if kept
        )

    def _loop(self, change: ChangeLoop) -> None:
        """All changes to a loop are made at once."""
        self._loops.append(change)
        if len(self._loops) == 1:
            self._put(self._model, "run_loop", ChangedLoop(self._model, self._loops, self._updates))

    def _put(self, model: "TorchModel", name: str, value: object) -> None:
        """Give the model a method of its own, until the end."""
        before = vars(model).get(name)
        setattr(model, name, value)
        self._stack.callback(*((setattr, model, name, before) if before else (delattr, model, name)))


def _within(step: Step, model: "TorchModel", change: ChangeLoss) -> Step:
    """Return a step's loss with a change that is made as long as it is computed."""

    def loss_value(inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
        with ExitStack() as stack:
            TrainingChanger(model, stack).make(change)
            return step(inputs, targets)

    return loss_value
