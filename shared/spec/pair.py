"""A pair: two build functions, of one framework or of both, that claim to be the same model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import Input, InputShape, describe
from twotrack.shared.spec.loop import TrainingLoop
from twotrack.shared.spec.objective import CustomLoss, Framework, LossSpec, Objective, given, in_order
from twotrack.shared.spec.optimizers import Adam, Optimizer
from twotrack.shared.spec.regularisation import Constraint, Penalty
from twotrack.shared.spec.schedules import Constant, Schedule
from twotrack.shared.spec.sides import TORCH, Builds, SideName, told_apart
from twotrack.shared.spec.transfer import EVERYTHING
from twotrack.shared.weights.correspondence.rule import WeightRule
from twotrack.shared.weights.correspondence.weight_map import WeightMap

_REQUIRED: Any = object()
"""In place of a value that has to be given behind others that need not."""


@dataclass(frozen=True)
class CustomOptimizer:
    """An optimizer of the user's own, in each framework that the pair has."""

    keras: Callable[[], Any] | None = None
    """Returns a keras.optimizers.Optimizer."""
    torch: Callable[[Any], Any] | None = None
    """Maps the parameters to a torch.optim.Optimizer."""

    def of(self, framework: Framework) -> Callable[..., Any]:
        """Return a framework's function; UserError if there is none."""
        return given(self.torch if framework == TORCH else self.keras, "CustomOptimizer", framework)


@dataclass(frozen=True)
class ChapterBuild:
    """In place of a build function: the model that a track has for a chapter."""

    slug: str
    config: Any
    """The chapter's hyperparameters."""
    has_base: bool = False
    """The model is head(base(inputs)), see shared/spec/transfer.py."""


File = str | Path
"""Relative to the folder of the pair's module."""
Build = Callable[[], Any] | ChapterBuild


def _names(builds: tuple[Build, ...]) -> tuple[str, ...]:
    return told_apart([getattr(build, "__name__", "") or type(build).__name__ for build in builds])


@dataclass(frozen=True)
class Pair:
    """What `twotrack verify my_module:PAIR` proves to be one model, or two.

    A Keras model against one of torch: `keras=`, `torch=`. Two models of one framework, such as before and after a
    refactoring: `torch=(before, after)` or `keras=(before, after)`. One Keras model on several backends: `keras=`.

    The build functions take no argument and are called in separate processes, so each may import
    its own framework inside.
    """

    keras: Build | tuple[Build, Build] | None = None
    torch: Build | tuple[Build, Build] | None = None
    input_shape: InputShape = _REQUIRED
    """Without the batch axis; a mapping for several inputs, in the order of torch's forward and with
    the names of Keras' inputs."""
    loss: LossSpec = "mean_squared_error"
    """For every output, and summed; or one for each output by its name, in the model's order."""
    optimizer: Optimizer | CustomOptimizer = Adam(learning_rate=1e-3)  # noqa: RUF009 - frozen
    schedule: Schedule = Constant()  # noqa: RUF009 - frozen
    rename: Mapping[str, str] = field(default_factory=dict)
    """Layer path (or prefix) of the reference, torch's or that of the first build function, to that of the other
    side, where the names differ. `{i}` stands for a part of a path: {"h.{i}.ln_1": "transformer_layer_{i}.norm"}."""
    batch_size: int = 8
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Name of an output in Keras to its name in torch: which ones are compared, and trained. Needed only where the
    models give mappings, dataclasses or nested outputs that do not correspond by themselves. An output that is alone
    is called `output`, those of a tuple `0`, `1`, ...; what is nested has dots: `hidden_states.0`."""
    trainable: tuple[str, ...] = EVERYTHING
    """What the canonical names of the weights that are trained begin with; see shared/spec/transfer.py."""
    weight_rules: Mapping[str, WeightRule] = field(default_factory=dict)
    """How weights of Keras, by canonical name, are made of torch's, where that is no renaming: a part of a fused
    one, several joined, another order of axes."""
    unused_torch: tuple[str, ...] = ()
    """Torch's names of weights that Keras does not have and on which nothing depends; that is proved."""
    unused_keras: tuple[str, ...] = ()
    """Canonical names of such weights of Keras."""
    kept_torch: tuple[str, ...] = ()
    """Torch's names of buffers that Keras does not have: constants, which stay as they are built. They are found."""

    weights: File | Mapping[str, File] | None = None
    """Weights to compare on, in place of drawn ones: a checkpoint of one side, or one of each side, by "torch" and
    "keras", or by the names of the build functions where both are of one framework."""
    inputs: File | Callable[[], Mapping[str, Any]] | None = None
    """Inputs to compare on, in place of drawn ones: an .npz file, or a function that returns a mapping; arrays
    (rows, ...) by input name, channels last, as many rows as there are."""

    penalties: tuple[Penalty, ...] = ()
    """What training adds to the loss for the weights. Keras' side adds what its layers bring besides."""
    constraints: tuple[Constraint, ...] = ()
    """What acts on weights after every step. Keras' layers may bring their own."""
    same_start: tuple[str, ...] = ()
    """Patterns of the shell on canonical names, ("*",) for all: weights whose initial values both sides draw by one
    law, which is compared by distribution, gain and fan. It is no part of the model: of others a note says what
    differs."""
    train: TrainingLoop | None = None
    """How the sides train where that is the user's own code: nothing is said of loss and optimizer then."""

    def __post_init__(self) -> None:
        if self.input_shape is _REQUIRED:
            raise UserError("Pair: expected input_shape=..., without the batch axis, found none.")
        if isinstance(self.same_start, str):
            raise UserError(f"Pair: expected same_start as a tuple of patterns, found '{self.same_start}'.")
        describe(self.input_shape)
        for name in ("rename", "weight_rules"):
            if not isinstance(getattr(self, name), Mapping):
                raise UserError(f"Pair: expected {name}= to be a mapping, found {type(getattr(self, name)).__name__}.")
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise UserError(f"Pair: expected batch_size= to be a whole number above 0, found {self.batch_size!r}.")
        if isinstance(self.loss, list | tuple | set):
            raise UserError(
                "Pair: expected loss= to be a loss, or a mapping from the name of each output to its loss, found a "
                f"{type(self.loss).__name__}."
            )
        keras, torch = self._of("keras"), self._of("torch")
        if not (keras or torch) or (keras and torch and len(keras) + len(torch) > 2):
            found = f"{len(keras)} of Keras and {len(torch)} of torch"
            raise UserError(
                "Pair: expected one build function of each framework, or keras=(one, other), torch=(one, other) or "
                f"keras=one alone, found {found}."
            )
        if self.train and torch:
            self.train.of("torch")
        if self.weight_map and not self.builds.is_mixed:
            raise UserError("Pair: weight_rules and unused weights are for a Keras model and one of torch; use rename.")

    @property
    def weight_map(self) -> WeightMap:
        """What the pair says of its weights beside names."""
        return WeightMap(self.weight_rules, self.unused_torch, self.unused_keras, kept_torch=self.kept_torch)

    def with_map(self, weight_map: WeightMap) -> "Pair":
        """Return the pair with what a map says too; its own rules come first."""
        whole = self.weight_map.over(weight_map)
        own = replace(self, weight_rules=whole.rules, unused_torch=whole.unused_torch)
        return replace(own, unused_keras=whole.unused_keras, kept_torch=whole.kept_torch)

    @property
    def files(self) -> dict[str, Path]:
        """The files of weights by the name of the side, empty for a file alone; none for drawn weights."""
        if self.weights is None:
            return {}
        files = self.weights if isinstance(self.weights, Mapping) else {"": self.weights}
        return {name: Path(file) for name, file in files.items()}

    def located(self, folder: Path) -> "Pair":
        """Return the pair with the paths of its files, which are relative to a folder, from the root on."""
        weights = {name: folder / file for name, file in self.files.items()} or None
        inputs = folder / self.inputs if isinstance(self.inputs, str | Path) else self.inputs
        return replace(self, weights=weights, inputs=inputs)

    @property
    def is_of_chapter(self) -> bool:
        """Whether its models are those of a chapter."""
        return isinstance(self.keras, ChapterBuild) or isinstance(self.torch, ChapterBuild)

    def _of(self, framework: Framework) -> tuple[Build, ...]:
        given = self.torch if framework == TORCH else self.keras
        return () if given is None else given if isinstance(given, tuple) else (given,)

    @property
    def builds(self) -> Builds:
        """The names of the build functions."""
        return Builds(keras=_names(self._of("keras")), torch=_names(self._of("torch")))

    def side(self, side: SideName) -> "Pair":
        """Return the pair as one side has it: with one build function of its framework."""
        framework: Framework = "torch" if side.track == TORCH else "keras"
        found = self._of(framework)
        if side.build >= len(found):
            raise UserError(f"the pair has no build function for track '{side.track}'.")
        is_renamed = side.build == 0 if len(found) > 1 else framework == TORCH
        rename, build = self.rename if is_renamed else {}, found[side.build]
        if framework == TORCH:
            return replace(self, torch=build, rename=rename)
        return replace(self, keras=build, rename=rename)

    def build(self, framework: Framework) -> Build:
        """Return the only build function of a framework; UserError unless there is one."""
        found = self._of(framework)
        if len(found) != 1:
            raise UserError(f"expected one build function of {framework}, found {len(found)}.")
        return found[0]

    @property
    def specs(self) -> dict[str, Input]:
        """Every input by name; a single one is called `input`."""
        return describe(self.input_shape)

    @property
    def shapes(self) -> str:
        """The inputs' shapes, for messages."""
        return ", ".join(
            f"shape (batch, {', '.join(map(str, spec.shape))}) '{name}'" for name, spec in self.specs.items()
        )

    def learning_rates(self, steps: int) -> list[float]:
        """Return the learning rate of each of `steps` steps; none of an optimizer of the user's own."""
        if isinstance(self.optimizer, CustomOptimizer):
            return []
        return [self.optimizer.learning_rate * factor for factor in self.schedule.factors(steps)]

    @property
    def objective(self) -> Objective:
        """The losses in the order of the outputs."""
        return CustomLoss(target=self.train.target) if self.train else in_order(self.loss)
