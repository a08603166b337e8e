"""A pair: a Keras build function and a PyTorch build function that claim to be the same model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from twotrack.shared.spec.inputs import Input, InputShape, describe
from twotrack.shared.spec.losses import TARGET_KINDS, LossName
from twotrack.shared.spec.recipes import Adam, Constant, Optimizer, Recipe, Schedule
from twotrack.shared.spec.transfer import EVERYTHING
from twotrack.shared.weights.correspondence.rule import WeightRule
from twotrack.shared.weights.correspondence.weight_map import WeightMap


@dataclass(frozen=True)
class CustomLoss:
    """A loss of the user's own: functions that return each framework's loss object."""

    keras: Callable[[], Any]
    """Returns a keras.losses.Loss."""
    torch: Callable[[], Any]
    """Returns a callable (outputs, targets) -> scalar."""
    target: Literal["classes", "binary", "real"]


LossSpec = LossName | CustomLoss


def target_kind(loss: LossSpec) -> Literal["classes", "binary", "real"]:
    """Return the kind of target that a loss takes."""
    return loss.target if isinstance(loss, CustomLoss) else TARGET_KINDS[loss]


@dataclass(frozen=True)
class CustomOptimizer:
    """An optimizer of the user's own, in each framework."""

    keras: Callable[[], Any]
    """Returns a keras.optimizers.Optimizer."""
    torch: Callable[[Any], Any]
    """Maps the parameters to a torch.optim.Optimizer."""


@dataclass(frozen=True)
class ChapterBuild:
    """In place of a build function: the model that a track has for a chapter."""

    slug: str
    config: Any
    """The chapter's hyperparameters."""
    has_base: bool = False
    """The model is head(base(inputs)), see shared/spec/transfer.py."""


@dataclass(frozen=True)
class Pair:
    """What `twotrack verify my_module:PAIR` proves to be one model, or two.

    The build functions take no argument and are called in separate processes, so each may import
    its own framework inside.
    """

    keras: Callable[[], Any] | ChapterBuild
    torch: Callable[[], Any] | ChapterBuild
    input_shape: InputShape
    """Without the batch axis; a mapping for several inputs, in the order of torch's forward and with
    the names of Keras' inputs."""
    loss: LossSpec = "mean_squared_error"
    """Applied to every output and summed."""
    optimizer: Optimizer | CustomOptimizer = Adam(learning_rate=1e-3)  # noqa: RUF009 - frozen
    schedule: Schedule = Constant()  # noqa: RUF009 - frozen
    rename: Mapping[str, str] = field(default_factory=dict)
    """torch layer path (or prefix) to Keras layer path, where the names differ. `{i}` stands for a part of a path:
    {"h.{i}.ln_1": "transformer_layer_{i}.norm"}."""
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

    @property
    def weight_map(self) -> WeightMap:
        """What the pair says of its weights beside names."""
        return WeightMap(self.weight_rules, self.unused_torch, self.unused_keras)

    def with_map(self, weight_map: WeightMap) -> "Pair":
        """Return the pair with what a map says too; its own rules come first."""
        whole = self.weight_map.over(weight_map)
        own = replace(self, weight_rules=whole.rules, unused_torch=whole.unused_torch)
        return replace(own, unused_keras=whole.unused_keras)

    @property
    def inputs(self) -> dict[str, Input]:
        """Every input by name; a single one is called `input`."""
        return describe(self.input_shape)

    @property
    def shapes(self) -> str:
        """The inputs' shapes, for messages."""
        return ", ".join(
            f"shape (batch, {', '.join(map(str, spec.shape))}) '{name}'" for name, spec in self.inputs.items()
        )

    def learning_rates(self, steps: int) -> list[float]:
        """Return the learning rate of each of `steps` steps; none of an optimizer of the user's own."""
        if isinstance(self.optimizer, CustomOptimizer):
            return []
        recipe = Recipe(self.optimizer, self.schedule, self.batch_size, epochs=1)
        return recipe.learning_rates(steps)

    @property
    def target(self) -> Literal["classes", "binary", "real"]:
        """The kind of target: classes, binary or real."""
        return target_kind(self.loss)
