"""A user's own pair on its way to a worker: by reference where it is code, as plain data where it is not."""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.spec import plain, regularisation
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.loop import TrainingLoop
from twotrack.shared.spec.loss_specs import LOSSES, Loss, TargetKind, Weights
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.objective import CustomLoss, LossSpec, OneLoss, OutputLoss
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import Build, CustomOptimizer, File, Pair
from twotrack.shared.spec.schedules import Schedule
from twotrack.shared.spec.sides import Builds, told_apart
from twotrack.shared.verify import user_modules
from twotrack.shared.verify.user_functions import (
    AnyFunction,
    FunctionReference,
    HeldFunction,
    Hold,
    attribute,
    refer_to,
)
from twotrack.shared.weights.correspondence.rule import WeightRule

_PLAIN = (
    "input_shape", "rename", "batch_size", "outputs", "trainable", "weight_rules", "unused_torch", "unused_keras",
    "kept_torch", "same_start",
)  # fmt: skip
"""Fields of a Pair that are data."""


class SpecRecord(FrozenRecord):
    """An optimizer or a schedule as plain data."""

    values: dict[str, Any]
    """See twotrack.shared.spec.plain."""

    def load(self) -> Any:
        """Return the spec."""
        return plain.spec(self.values)


_LOSSES: dict[str, type[Loss]] = {kind.__name__: kind for kind in LOSSES}


class LossRecord(FrozenRecord):
    """A loss of twotrack as plain data."""

    kind: str
    values: dict[str, bool | int | float | str | tuple[float, ...] | None]

    def load(self, folders: tuple[Path, ...]) -> Loss:
        """Return the spec."""
        return _LOSSES[self.kind](**self.values)  # type: ignore[arg-type]


class CustomLossReference(FrozenRecord):
    """A CustomLoss."""

    keras: AnyFunction | None
    torch: AnyFunction | None
    target: TargetKind | tuple[TargetKind, ...]
    weights: Weights = ""
    mask: str = ""
    class_weight: dict[int, float] = Field(default_factory=dict)
    loss_weights: tuple[float, ...] = ()

    def load(self, folders: tuple[Path, ...]) -> CustomLoss:
        """Import the functions."""
        keras, torch = (None if one is None else one.load(folders) for one in (self.keras, self.torch))
        return CustomLoss(keras, torch, self.target, self.weights, self.mask, self.class_weight, self.loss_weights)


OneLossReference = LossName | CustomLossReference | LossRecord


class OutputLossReference(FrozenRecord):
    """An OutputLoss."""

    loss: OneLossReference
    weight: float = 1.0
    torch_weight: float | None = None

    def load(self, folders: tuple[Path, ...]) -> OutputLoss:
        """Import what it has of the user's."""
        return OutputLoss(_loaded_loss(self.loss, folders), self.weight, self.torch_weight)


def _loaded_loss(loss: OneLossReference, folders: tuple[Path, ...]) -> OneLoss:
    return loss if isinstance(loss, str) else loss.load(folders)


_HELD_KINDS: dict[str, type] = {kind.__name__: kind for kind in regularisation.KINDS}


class HeldRecord(FrozenRecord):
    """A penalty or a constraint as plain data."""

    kind: str
    values: dict[str, float | str | tuple[int, ...] | tuple[str, ...]]

    def load(self, folders: tuple[Path, ...]) -> Any:
        """Return the spec."""
        return _HELD_KINDS[self.kind](**self.values)


class CustomPenaltyReference(FrozenRecord):
    """A CustomPenalty."""

    torch: AnyFunction

    def load(self, folders: tuple[Path, ...]) -> regularisation.CustomPenalty:
        """Import the function."""
        return regularisation.CustomPenalty(self.torch.load(folders))


HeldReference = CustomPenaltyReference | HeldRecord


class LoopReference(FrozenRecord):
    """A TrainingLoop."""

    torch: AnyFunction | None
    keras: AnyFunction | None
    target: TargetKind | tuple[TargetKind, ...]

    def load(self, folders: tuple[Path, ...]) -> TrainingLoop:
        """Import the functions."""
        torch, keras = (None if one is None else one.load(folders) for one in (self.torch, self.keras))
        return TrainingLoop(torch, keras, self.target)


class CustomOptimizerReference(FrozenRecord):
    """A CustomOptimizer."""

    keras: AnyFunction | None
    torch: AnyFunction | None


class NamedPair(FrozenRecord):
    """A pair that stands in a module: "module:NAME"."""

    module: str
    name: str
    folders: tuple[Path, ...]
    """Where it may lie: the current folder of who named it, then where the user's process finds modules."""

    @property
    def label(self) -> str:
        """What the user calls it."""
        return f"{self.module}:{self.name}"

    def load(self) -> Pair:
        """Import it from the folders or the path; UserError if that is no Pair."""
        module = user_modules.import_named(self.module, self.folders)
        pair = attribute(module, self.name)
        if not isinstance(pair, Pair):
            kind = "nothing" if pair is None else f"a {type(pair).__name__}"
            place = getattr(module, "__file__", None) or self.module
            raise UserError(f"'{self.label}': expected a twotrack.Pair named '{self.name}' in {place}, found {kind}.")
        return pair.located(Path(module.__file__).parent) if module.__file__ else pair


class PairOfFunctions(FrozenRecord):
    """A Pair object: its functions by reference, everything else as it is."""

    keras: tuple[AnyFunction, ...]
    """None, one or two."""
    torch: tuple[AnyFunction, ...]
    input_shape: dict[str, Input]
    loss: OneLossReference | dict[str, OutputLossReference]
    optimizer: SpecRecord | CustomOptimizerReference
    schedule: SpecRecord
    rename: dict[str, str]
    batch_size: int
    outputs: dict[str, str]
    trainable: tuple[str, ...]
    weights: dict[str, Path]
    """By the name of the side, empty for a file alone."""
    inputs: Path | AnyFunction | None
    weight_rules: dict[str, WeightRule] = Field(default_factory=dict)
    unused_torch: tuple[str, ...] = ()
    unused_keras: tuple[str, ...] = ()
    kept_torch: tuple[str, ...] = ()
    same_start: tuple[str, ...] = ()
    penalties: tuple[HeldReference, ...] = ()
    constraints: tuple[HeldRecord, ...] = ()
    train: LoopReference | None = None
    folders: tuple[Path, ...]
    """Where the user's process finds modules."""

    @property
    def label(self) -> str:
        """Its functions."""
        return " and ".join(f"{build.module}:{build.name}" for build in (*self.keras, *self.torch))

    @property
    def builds(self) -> Builds:
        """The names of the build functions."""
        return Builds(keras=_names(self.keras), torch=_names(self.torch))

    def load(self) -> Pair:
        """Import the functions and return the pair; UserError if that fails."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        inputs = (
            self.inputs.load(self.folders) if isinstance(self.inputs, FunctionReference | HeldFunction) else self.inputs
        )
        return Pair(
            keras=_loaded(self.keras, self.folders),
            torch=_loaded(self.torch, self.folders),
            loss=self._loss(),
            optimizer=self._optimizer(),
            schedule=self.schedule.load(),
            weights=self.weights or None,
            inputs=inputs,
            penalties=tuple(one.load(self.folders) for one in self.penalties),
            constraints=tuple(one.load(self.folders) for one in self.constraints),
            train=self.train.load(self.folders) if self.train else None,
            **plain,
        )

    def _loss(self) -> LossSpec:
        if not isinstance(self.loss, dict):
            return _loaded_loss(self.loss, self.folders)
        return {name: one.load(self.folders) for name, one in self.loss.items()}

    def _optimizer(self) -> Optimizer | CustomOptimizer:
        if isinstance(self.optimizer, SpecRecord):
            return self.optimizer.load()
        return CustomOptimizer(self._own(self.optimizer.keras), self._own(self.optimizer.torch))

    def _own(self, function: AnyFunction | None) -> Callable[..., Any] | None:
        return None if function is None else function.load(self.folders)


def _names(builds: Sequence[AnyFunction]) -> tuple[str, ...]:
    return told_apart([build.name.rpartition(".")[2] for build in builds])


def _loaded(builds: Sequence[AnyFunction], folders: tuple[Path, ...]) -> Build | tuple[Build, Build] | None:
    """Return build functions as a pair has them: none, one or two."""
    if not builds:
        return None
    first, *more = (build.load(folders) for build in builds)
    return (first, more[0]) if more else first


PairReference = NamedPair | PairOfFunctions


def named(text: str, folders: tuple[Path, ...] = ()) -> NamedPair:
    """Return the reference for "module:NAME" or "file.py:NAME", seen from the current folder and from `folders`."""
    module, _, name = text.rpartition(":")
    module, folders = user_modules.place(module, folders)
    return NamedPair(module=module, name=name, folders=folders)


def module_folders() -> tuple[Path, ...]:
    """Return where this process finds modules: the folder of the user's script, what pytest was told, ..."""
    return tuple(Path(folder).absolute() for folder in sys.path if folder)


def reference(pair: Pair, hold: Hold | None = None) -> PairOfFunctions:
    """Return a reference from which a worker makes the same pair.

    A function that cannot be imported there is given to `hold`; without that, it is a UserError.
    """
    refer = partial(refer_to, hold=hold)
    keras, torch = (
        _builds(pair.keras, "the Keras build function", refer),
        _builds(pair.torch, "the torch build function", refer),
    )
    files = [build.file for build in (*keras, *torch) if isinstance(build, FunctionReference)]
    pair = pair.located(files[0].parent if files else Path.cwd())
    return PairOfFunctions(
        keras=keras,
        torch=torch,
        weights=pair.files,
        inputs=_inputs(pair.inputs, refer),
        input_shape=pair.specs,
        loss=_loss(pair.loss, refer),
        optimizer=_optimizer(pair.optimizer, refer),
        schedule=_spec(pair.schedule),
        rename=dict(pair.rename),
        batch_size=pair.batch_size,
        outputs=dict(pair.outputs),
        trainable=pair.trainable,
        weight_rules=dict(pair.weight_rules),
        unused_torch=pair.unused_torch,
        unused_keras=pair.unused_keras,
        kept_torch=pair.kept_torch,
        same_start=pair.same_start,
        penalties=tuple(_held(one, refer) for one in pair.penalties),
        constraints=tuple(_plain(one) for one in pair.constraints),
        train=pair.train and _loop(pair.train, refer),
        folders=module_folders(),
    )


Refer = Callable[[object, str], AnyFunction]


def _loss(loss: LossSpec, refer: Refer) -> OneLossReference | dict[str, OutputLossReference]:
    if not isinstance(loss, Mapping):
        return _one_loss(loss, refer)
    whole = {name: one if isinstance(one, OutputLoss) else OutputLoss(one) for name, one in loss.items()}
    return {
        name: OutputLossReference(loss=_one_loss(one.loss, refer), weight=one.weight, torch_weight=one.torch_weight)
        for name, one in whole.items()
    }


def _one_loss(loss: OneLoss, refer: Refer) -> OneLossReference:
    if isinstance(loss, Loss):
        return LossRecord(kind=type(loss).__name__, values=dataclasses.asdict(loss))
    if not isinstance(loss, CustomLoss):
        return loss
    keras, torch = _given(loss.keras, "CustomLoss.keras", refer), _given(loss.torch, "CustomLoss.torch", refer)
    return CustomLossReference(
        keras=keras,
        torch=torch,
        target=loss.target,
        weights=loss.weights,
        mask=loss.mask,
        class_weight=dict(loss.class_weight),
        loss_weights=loss.loss_weights,
    )


def _held(one: regularisation.Penalty, refer: Refer) -> HeldReference:
    if isinstance(one, regularisation.CustomPenalty):
        return CustomPenaltyReference(torch=refer(one.torch, "CustomPenalty.torch"))
    return _plain(one)


def _plain(one: Any) -> HeldRecord:
    return HeldRecord(kind=type(one).__name__, values=dataclasses.asdict(one))


def _loop(loop: TrainingLoop, refer: Refer) -> LoopReference:
    torch, keras = _given(loop.torch, "TrainingLoop.torch", refer), _given(loop.keras, "TrainingLoop.keras", refer)
    return LoopReference(torch=torch, keras=keras, target=loop.target)


def _inputs(inputs: File | Callable[[], Any] | None, refer: Refer) -> Path | AnyFunction | None:
    if callable(inputs):
        return refer(inputs, "inputs")
    return None if inputs is None else Path(inputs)


def _builds(builds: Build | tuple[Build, Build] | None, role: str, refer: Refer) -> tuple[AnyFunction, ...]:
    given = () if builds is None else builds if isinstance(builds, tuple) else (builds,)
    return tuple(refer(build, role) for build in given)


def _given(function: Callable[..., Any] | None, role: str, refer: Refer) -> AnyFunction | None:
    return None if function is None else refer(function, role)


def _optimizer(optimizer: Optimizer | CustomOptimizer, refer: Refer) -> SpecRecord | CustomOptimizerReference:
    if not isinstance(optimizer, CustomOptimizer):
        return _spec(optimizer)
    return CustomOptimizerReference(
        keras=_given(optimizer.keras, "CustomOptimizer.keras", refer),
        torch=_given(optimizer.torch, "CustomOptimizer.torch", refer),
    )


def _spec(spec: Optimizer | Schedule) -> SpecRecord:
    if type(spec) not in plain.SPECS.values():
        known, found = ", ".join(plain.SPECS), type(spec).__name__
        raise UserError(f"expected an optimizer or a schedule of twotrack ({known}), found a {found}.")
    return SpecRecord(values=plain.plain(spec))


def held_side(pair: PairOfFunctions, side: Literal["keras", "torch"]) -> bool:
    """Return whether this process holds a function of that side, which therefore runs here."""
    losses = [one.loss for one in pair.loss.values()] if isinstance(pair.loss, dict) else [pair.loss]
    own = [
        getattr(part, side) for part in (*losses, *pair.penalties, pair.train, pair.optimizer) if hasattr(part, side)
    ]
    return any(isinstance(function, HeldFunction) for function in (*getattr(pair, side), *own))
