"""What a probe shows of a track's model beyond its training: layers, gradients, hyperparameters, dropout."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import with_config

from twotrack.shared.base.arrays import copies
from twotrack.shared.base.records import WITH_ARRAYS

if TYPE_CHECKING:
    from twotrack.shared.pieces.recorder import Piece, PieceRun
    from twotrack.shared.precision.computing import Computing
    from twotrack.shared.precision.rounding import Rounding
    from twotrack.shared.spec.draws import DrawnPass
    from twotrack.shared.spec.operations import OperationsTrace
    from twotrack.shared.spec.optimizers import Optimizer
    from twotrack.shared.spec.pair import CustomOptimizer
    from twotrack.shared.spec.widening import NarrowRequest

Replace = Callable[[str, tuple[int, ...]], np.ndarray | None]
"""Maps a layer's canonical path and the canonical shape of its output to values for it; None to keep its own."""


def keep(path: str, shape: tuple[int, ...]) -> None:
    """Replace nothing."""


Hyperparameters = Mapping[str, Any]
"""JSON-ready values under names that both frameworks' layers, losses and optimizers are compared by."""


@with_config(WITH_ARRAYS)
@dataclass
class LayerTrace:
    """One call of a named layer in inference mode."""

    path: str
    """Canonical path; a second call of a shared layer ends in #2."""
    kind: str
    """Class name."""
    leaf: bool
    """Has no layers inside."""
    hyperparameters: dict[str, Any]
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    """What may stand for the layer's output: every tensor it returns, and the value before a fused activation."""
    replaceable: int = 0
    """Which of the outputs `Replace` is asked about."""
    digested: bool = False
    """Inputs and outputs are digests, see shared/verify/digests.py."""
    strained: np.ndarray | None = None
    """(rows,) Whether a softmax in front was given scores beyond what hides others; None where nothing looked."""


Visit = Callable[[LayerTrace], None]
"""Is shown one call of a layer, and keeps of it what it wants."""


def unseen(call: LayerTrace) -> None:
    """Look at nothing."""


@dataclass(frozen=True)
class OptimizerStart:
    """From where an optimizer begins anew."""

    parameters: Mapping[str, np.ndarray]
    """By canonical name."""
    checkpoints: Sequence[int]
    """Numbers of steps done; the last one is all of them."""
    scale: float = 1.0
    """Of the gradients."""

    def scaled(self, gradients: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Return gradients (steps, ...) by name in the size that they have here."""
        return gradients if self.scale == 1 else {name: self.scale * one for name, one in gradients.items()}


@dataclass
class OptimizerRun:
    """What an optimizer did to parameters of no model."""

    parameters: list[dict[str, np.ndarray]]
    """At every checkpoint of every start, by canonical name."""
    learning_rates: list[float]
    """Of every step from the first start; empty where the optimizer has several at once."""
    relaxed: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict)
    """The parameters again, by what constraints were changed to; none without constraints. See `Probe.relaxations`."""
    averages_at_the_end: bool = False
    """The weights are replaced by their average when training ends, which no step does."""
    unpenalised: list[dict[str, np.ndarray]] = field(default_factory=list)
    """The parameters again, without the penalties that this side alone states; empty if there are none."""


@dataclass(frozen=True)
class Penalty:
    """What a loss holds for the weights alone."""

    value: float
    gradients: dict[str, np.ndarray]
    """Canonical."""


@dataclass(frozen=True)
class LossFacts:
    """What must be known of a side to give its loss outputs that its model could have."""

    ignored: int | None
    """The class that the loss object says it leaves out."""
    epsilon: float
    """Probabilities nearer than this to 0 or 1 are taken for it; 0 if none are."""
    mask_axes: tuple[int, ...]
    """Of each output: the number of axes of the mask that the model sends along with it; 0 if it sends none."""
    keeps_logits: tuple[bool, ...]
    """Of each output: the loss is computed from the logits behind its probabilities."""
    within: tuple[Literal["", "sigmoid", "softmax"], ...] = ()
    """Of each output: what the loss makes probabilities of it with before it clips these; empty if nothing does."""


@dataclass(frozen=True)
class LossBatch:
    """A batch of outputs that no model gave, with targets, for a loss alone."""

    outputs: Sequence[np.ndarray]
    logits: Sequence[np.ndarray]
    """Behind each of the outputs; the outputs themselves where they are no probabilities."""
    targets: Sequence[np.ndarray]
    masks: Sequence[np.ndarray | None]
    """True where a step is real; None to send no mask along."""
    weights: Sequence[np.ndarray] = ()
    """As Keras takes them, one for each output; none for no weights. Those that a batch brings follow the targets."""


@with_config(WITH_ARRAYS)
@dataclass
class LossRun:
    """What a loss came to on one batch."""

    value: float
    gradients: list[np.ndarray]
    """With respect to each output, (batch, ...)."""
    logit_gradients: list[np.ndarray]
    """With respect to each output's logits, beside the gradients; empty of a loss that takes outputs alone."""
    error: str = ""
    """Why there is no value."""


def as_rows(given: Any, numbers: np.ndarray) -> Any:
    """Return what a layer gave for all rows of its table, as rows; ValueError if it is something else."""
    if tuple(given.shape) != (1, *numbers.shape):
        raise ValueError(f"expected rows of shape {numbers.shape}, found {tuple(given.shape)}")
    return given[0]


@with_config(WITH_ARRAYS)
@dataclass
class Replay:
    """A layer's call again, apart from the model, with the other side's values."""

    outputs: list[np.ndarray] = field(default_factory=list)
    """What may stand for the layer's output; nothing of a layer that did not run."""
    kept: int = 0
    """Tensors of the call that stayed the layer's own, as the other side has nothing of their shape."""
    error: str = ""
    """Why it did not run."""


def swaps(own: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """Return which of the other side's values take the places of a call's own tensors, by number.

    Values that are the other's but for rounding find each other first, then those of one shape and kind, in order.
    """
    left, found = list(others), dict[int, np.ndarray]()
    for fits in (_same_values, _same_form):
        for number, array in enumerate(own):
            other = next((n for n, one in enumerate(left) if number not in found and fits(array, one)), None)
            if other is not None:
                found[number] = left.pop(other)
    return found


def _same_values(one: np.ndarray, other: np.ndarray) -> bool:
    return _same_form(one, other) and np.allclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True)


def _same_form(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and (one.dtype.kind == "f") == (other.dtype.kind == "f")


def settings_of(layers: Mapping[str, object]) -> Callable[[], list[str]]:
    """Return what puts back the plain public attributes that layers, by path, have now."""
    own = {path: {n: v for n, v in vars(layer).items() if _is_setting(n, v)} for path, layer in layers.items()}

    def put_back() -> list[str]:
        changed: list[str] = []
        for path, settings in own.items():
            for name, value in settings.items():
                now = getattr(layers[path], name, None)
                if now != value:
                    changed.append(f"{name} of '{path}' became {now}, and was {value}")
                    setattr(layers[path], name, value)
        return changed

    return put_back


def _is_setting(name: str, value: object) -> bool:
    return (
        not name.startswith("_")
        and name not in {"training", "built"}
        and isinstance(value, bool | int | float | str | tuple)
    )


class Probe(ABC):
    """Opens up one TrackModel, on the model's own way of building, stepping and predicting.

    Inputs are arrays (batch, ...) by input name, channels last; weights and gradients are canonical.
    """

    @abstractmethod
    def without_counterpart(self) -> list[str]:
        """Return trainable tensors that the other framework cannot have."""

    @abstractmethod
    def layers(self) -> list[tuple[tuple[str, ...], Hyperparameters]]:
        """Return, for every layer, the names of its class and of those it derives from, and its hyperparameters."""

    @property
    def is_compiled(self) -> bool:
        """The model gives what compiled code gives, and its layers are watched where the code runs as it is written."""
        return False

    @property
    def own_methods(self) -> list[str]:
        """Return the methods of a training step that the model has in the place of its framework's."""
        return []

    @abstractmethod
    def asked_for_float32(self) -> list[str]:
        """Return the paths of layers that were built to compute in float32 whatever the model's precision."""

    @abstractmethod
    def narrow_requests(self) -> "list[NarrowRequest]":
        """Return where the model's own code has asked so far for a narrower precision than float64; none in float32."""

    @abstractmethod
    def loss(self) -> Hyperparameters:
        """Return the hyperparameters of the model's loss."""

    @abstractmethod
    def optimizer(self) -> Hyperparameters:
        """Return the hyperparameters of the optimizer; the model must be compiled."""

    @abstractmethod
    def remove_dropout(self) -> dict[str, float]:
        """Drop nothing from now on; return, by layer, the rates that dropped something."""

    @abstractmethod
    def drawn_pass(self, inputs: Mapping[str, np.ndarray], training: bool = True, visit: Visit = unseen) -> "DrawnPass":
        """Run once, in training or in inference mode; return what was drawn, and the outputs; `visit` as in `visit`.

        The numbers are those of the model's source, if it has one. Weights and running statistics stay as they are;
        the framework's random generators move on.
        """

    def trace(
        self, inputs: Mapping[str, np.ndarray], training: bool = False, replace: Replace = keep
    ) -> tuple[list[LayerTrace], list[np.ndarray]]:
        """Run once as `visit` does; return every layer's values in the order of calls, and the outputs."""
        traces: list[LayerTrace] = []
        outputs = self.visit(inputs, traces.append, training, replace)
        return traces, outputs

    @abstractmethod
    def visit(
        self, inputs: Mapping[str, np.ndarray], visit: Visit, training: bool = False, replace: Replace = keep
    ) -> list[np.ndarray]:
        """Run once, let `visit` see every layer's values as it returns, and return the outputs.

        What `replace` gives for a layer goes on through the model in place of the layer's output, or of the value
        before its fused activation; the trace has what the layer computed itself. In training mode running statistics
        move.
        """

    @abstractmethod
    def settings(self) -> Callable[[], list[str]]:
        """Return what puts the settings of the model's layers back to what they are now, and tells which had changed.

        Some change a setting with the size of what they are given, and keep it: a window that is no larger than a map.
        """

    @abstractmethod
    def allows(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """Return whether the model itself says that it takes inputs of these shapes; so does one that says nothing."""

    @abstractmethod
    def pieces(
        self, inputs: Mapping[str, np.ndarray], replace: Replace = keep, watched: "Piece | None" = None
    ) -> "PieceRun":
        """Run once in inference mode; return how often each piece of every piecewise function was met.

        `replace` as in `trace`; of the piece that is watched there are the margins too.
        """

    @abstractmethod
    def run_layer(self, path: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one layer alone in inference mode on given inputs; return what may stand for its output."""

    @abstractmethod
    def replay_layer(self, path: str, given: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray]) -> Replay:
        """Make the first call that a layer gets in a pass on `given` again, alone, in inference mode.

        Its tensors, by place and by name, give way to `inputs`, which are another side's; everything else stays.
        Raises what the layer does.
        """

    @abstractmethod
    def operations(self, inputs: Mapping[str, np.ndarray]) -> "OperationsTrace":
        """Run once in inference mode, and record every operation."""

    @abstractmethod
    def row_gradients(self, name: str, numbers: np.ndarray) -> np.ndarray:
        """Return the gradient of a weight that its layer alone reads all rows of, once each, in inference mode.

        It is that of the sum of what the layer gives times numbers (rows, width). Raises what the layer does, and
        ValueError if it gives no rows.
        """

    @abstractmethod
    def rounded(self, rounding: "Rounding") -> AbstractContextManager[None]:
        """Return a block in which the result of every operation of a float64 model is rounded, backward passes too.

        What is compiled runs operation by operation meanwhile.
        """

    @abstractmethod
    def poor_sums(self, precision: str) -> frozenset[str]:
        """Return which of the framework's operations that are rounded add up in half precision on this machine."""

    @abstractmethod
    def noted(self, computing: "Computing") -> AbstractContextManager[None]:
        """Return a block in which it is noted what computes in which type, operation by operation."""

    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every trainable weight, in training mode.

        Weights stay as they are, running statistics too; compile the model again before it is trained.
        """
        return copies(self.live_gradients(inputs, targets))

    def live_gradients(
        self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """Return the same, each as it is when asked for, before the model computes anything else: not to be kept."""
        return self.loss_and_gradients(inputs, targets)[1]

    @abstractmethod
    def loss_and_gradients(
        self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]
    ) -> tuple[float, Mapping[str, np.ndarray]]:
        """Return the loss in training mode, with what `live_gradients` returns."""

    @abstractmethod
    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers, in the input's shape and training mode."""

    @abstractmethod
    def attention(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with, in inference mode: (batch, heads, queries, keys) by path."""

    @abstractmethod
    def penalty(self) -> Penalty | None:
        """Return what the loss holds for the weights that training updates, as they are now; None if nothing."""

    @abstractmethod
    def added_losses(self, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return what layers add to the loss for what they compute in training mode, by their canonical paths.

        Weights and running statistics stay as they are.
        """

    @abstractmethod
    def relaxations(self) -> list[str]:
        """Return in which ways `relaxed` can change the constraints on the weights; none without constraints."""

    @abstractmethod
    def relaxed(self, kind: str) -> AbstractContextManager[None]:
        """Change the constraints for a while; what was compiled before keeps the old ones."""

    @abstractmethod
    def loss_facts(self) -> LossFacts:
        """Return what the loss and the model's outputs are like."""

    @abstractmethod
    def run_loss(self, batches: Sequence[LossBatch]) -> list[LossRun]:
        """Compute the loss that `compile` attached, all outputs together, and its gradients, on each batch.

        What the loss raises stands in the run.
        """

    @abstractmethod
    def run_optimizer(
        self,
        optimizer: "Optimizer | CustomOptimizer",
        learning_rates: Sequence[float],
        starts: Sequence[OptimizerStart],
        gradients: Mapping[str, np.ndarray],
    ) -> OptimizerRun:
        """Run the optimizer that `compile` would attach on stand-ins of weights, one step for each gradient.

        A stand-in has the canonical name of a trained weight, its place among them, and what the framework holds to
        it: penalties are added to its gradients, constraints act after each step. Its shape may be smaller.
        Gradients are arrays (steps, ...) by name, the same from every start. The model stays as it is.
        """

    @abstractmethod
    def learning_rates(self, optimizer: "Optimizer", learning_rates: Sequence[float]) -> list[float]:
        """Return the rate that every step has with the optimizer that `compile` would attach."""
