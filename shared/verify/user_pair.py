"""A user's own pair on its way to a worker: by reference where it is code, as plain data where it is not."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.pair import CustomLoss, CustomOptimizer, Pair
from twotrack.shared.spec.recipes import Optimizer, Schedule
from twotrack.shared.verify import user_modules
from twotrack.shared.weights.correspondence.rule import WeightRule

_SPECS: dict[str, type] = {kind.__name__: kind for kind in (*get_args(Optimizer), *get_args(Schedule))}


_PLAIN = (
    "input_shape", "rename", "batch_size", "outputs", "trainable", "weight_rules", "unused_torch", "unused_keras",
)  # fmt: skip
"""Fields of a Pair that are data."""


class FunctionReference(FrozenRecord):
    """A function, or a class, that another process can import."""

    file: Path
    module: str
    """As this process knows it; the user's script is __main__."""
    name: str
    """Qualified name in the module."""

    def load(self, folders: tuple[Path, ...]) -> Callable[..., Any]:
        """Import it; UserError if that fails."""
        module = user_modules.import_file(self.module, self.file, folders)
        function = _attribute(module, self.name)
        if function is None:
            raise UserError(f"expected '{self.name}' in '{self.file}', found nothing; define it at the top level.")
        return function


class SpecRecord(FrozenRecord):
    """An optimizer or a schedule as plain data."""

    kind: str
    values: dict[str, bool | int | float]

    def load(self) -> Any:
        """Return the spec."""
        return _SPECS[self.kind](**self.values)


class CustomLossReference(FrozenRecord):
    """A CustomLoss."""

    keras: FunctionReference
    torch: FunctionReference
    target: Literal["classes", "binary", "real"]


class CustomOptimizerReference(FrozenRecord):
    """A CustomOptimizer."""

    keras: FunctionReference
    torch: FunctionReference


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
        pair = _attribute(module, self.name)
        if not isinstance(pair, Pair):
            kind = "nothing" if pair is None else f"a {type(pair).__name__}"
            place = getattr(module, "__file__", None) or self.module
            raise UserError(f"'{self.label}': expected a twotrack.Pair named '{self.name}' in {place}, found {kind}.")
        return pair


class PairOfFunctions(FrozenRecord):
    """A Pair object: its functions by reference, everything else as it is."""

    keras: FunctionReference
    torch: FunctionReference
    input_shape: dict[str, Input]
    loss: LossName | CustomLossReference
    optimizer: SpecRecord | CustomOptimizerReference
    schedule: SpecRecord
    rename: dict[str, str]
    batch_size: int
    outputs: dict[str, str]
    trainable: tuple[str, ...]
    weight_rules: dict[str, WeightRule] = Field(default_factory=dict)
    unused_torch: tuple[str, ...] = ()
    unused_keras: tuple[str, ...] = ()
    folders: tuple[Path, ...]
    """Where the user's process finds modules."""

    @property
    def label(self) -> str:
        """Its functions."""
        return f"{self.keras.module}:{self.keras.name} and {self.torch.module}:{self.torch.name}"

    def load(self) -> Pair:
        """Import the functions and return the pair; UserError if that fails."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return Pair(
            keras=self.keras.load(self.folders),
            torch=self.torch.load(self.folders),
            loss=self._loss(),
            optimizer=self._optimizer(),
            schedule=self.schedule.load(),
            **plain,
        )

    def _loss(self) -> LossName | CustomLoss:
        if not isinstance(self.loss, CustomLossReference):
            return self.loss
        keras, torch = self.loss.keras.load(self.folders), self.loss.torch.load(self.folders)
        return CustomLoss(keras, torch, self.loss.target)

    def _optimizer(self) -> Optimizer | CustomOptimizer:
        if isinstance(self.optimizer, SpecRecord):
            return self.optimizer.load()
        return CustomOptimizer(self.optimizer.keras.load(self.folders), self.optimizer.torch.load(self.folders))


PairReference = NamedPair | PairOfFunctions


def named(text: str, folders: tuple[Path, ...] = ()) -> NamedPair:
    """Return the reference for "module:NAME", seen from the current folder and from `folders`."""
    module, _, name = text.partition(":")
    return NamedPair(module=module, name=name, folders=(Path.cwd(), *folders))


def module_folders() -> tuple[Path, ...]:
    """Return where this process finds modules: the folder of the user's script, what pytest was told, ..."""
    return tuple(Path(folder).absolute() for folder in sys.path if folder)


def reference(pair: Pair) -> PairOfFunctions:
    """Return a reference from which a worker makes the same pair; UserError if a function cannot be imported there."""
    return PairOfFunctions(
        keras=_function(pair.keras, "the Keras build function"),
        torch=_function(pair.torch, "the torch build function"),
        input_shape=pair.inputs,
        loss=_loss(pair.loss),
        optimizer=_optimizer(pair.optimizer),
        schedule=_spec(pair.schedule),
        rename=dict(pair.rename),
        batch_size=pair.batch_size,
        outputs=dict(pair.outputs),
        trainable=pair.trainable,
        weight_rules=dict(pair.weight_rules),
        unused_torch=pair.unused_torch,
        unused_keras=pair.unused_keras,
        folders=module_folders(),
    )


def _loss(loss: LossName | CustomLoss) -> LossName | CustomLossReference:
    if not isinstance(loss, CustomLoss):
        return loss
    keras, torch = _function(loss.keras, "CustomLoss.keras"), _function(loss.torch, "CustomLoss.torch")
    return CustomLossReference(keras=keras, torch=torch, target=loss.target)


def _optimizer(optimizer: Optimizer | CustomOptimizer) -> SpecRecord | CustomOptimizerReference:
    if not isinstance(optimizer, CustomOptimizer):
        return _spec(optimizer)
    return CustomOptimizerReference(
        keras=_function(optimizer.keras, "CustomOptimizer.keras"),
        torch=_function(optimizer.torch, "CustomOptimizer.torch"),
    )


def _spec(spec: Optimizer | Schedule) -> SpecRecord:
    kind = type(spec).__name__
    if type(spec) not in _SPECS.values():
        raise UserError(f"expected an optimizer or a schedule of twotrack ({', '.join(_SPECS)}), found a {kind}.")
    return SpecRecord(kind=kind, values=dataclasses.asdict(spec))


def _function(function: object, role: str) -> FunctionReference:
    """Return the reference of a function; UserError unless its module's file and its name lead back to it."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = getattr(function, "__qualname__", "")
    if module is None or _attribute(module, name) != function:
        described = f"'{name}' of {module.__name__}" if module and name else f"a {type(function).__name__}"
        raise UserError(
            f"{role}: expected a function at the top level of a file, which a worker process can import, found "
            f"{described}; write `def` or `class` at the top level, or name the pair as text, 'module:NAME'."
        )
    file = getattr(module, "__file__", None)
    if file is None:
        raise UserError(
            f"{role}: expected a function in a file, which a worker process can import, found '{name}' of an "
            "interactive session; write it into a file and import it from there."
        )
    return FunctionReference(file=Path(file).absolute(), module=_name_of(module.__name__), name=name)


def _name_of(module: str) -> str:
    """Return the name by which a module can be imported: that of `python -m`, if that is how the script runs."""
    spec = sys.modules[module].__spec__
    return spec.name if module == user_modules.SCRIPT and spec else module


def _attribute(module: object, name: str) -> Any:
    """Return what the dotted name leads to in the module, or None."""
    for part in name.split("."):
        module = getattr(module, part, None)
    return module
