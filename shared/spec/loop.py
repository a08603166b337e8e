"""A training function of the user's own in place of loss, optimizer and step, and what it is fed and tells."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from twotrack.shared.errors import UserError
from twotrack.shared.spec.loss_specs import TargetKind
from twotrack.shared.spec.objective import Framework
from twotrack.shared.spec.sides import TORCH

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class TrainingLoop:
    """How each side trains, as the user's own code has it.

    A function `train(model, batches, record)` goes through `batches`, pairs of inputs and targets as its framework has
    them, does a step on each, and calls `record(loss)` once for each. Several inputs are a mapping by name, several
    targets a list. What is recorded is compared, and the weights after every step. A function may end early, as early
    stopping does: what it trained is compared, and that the other side ends behind the same step.

    In torch, gradients that the parameters hold when `record` is called are compared too: call it behind backward().
    In Keras, `record(loss, gradients)` takes them in the order of model.trainable_variables.
    """

    torch: Callable[[Any, Any, Any], None] | None = None
    keras: Callable[[Any, Any, Any], None] | None = None
    """None for a model that the build function has compiled: train_on_batch is called, and so a train_step of one's
    own."""
    target: TargetKind | tuple[TargetKind, ...] = "real"
    """What is drawn as targets, for all outputs or for each."""

    def of(self, framework: Framework) -> Callable[[Any, Any, Any], None] | None:
        """Return a framework's function; None for a compiled model of Keras. UserError if torch has none."""
        if framework == TORCH and self.torch is None:
            raise UserError("TrainingLoop: expected a function train(model, batches, record) for torch, found none.")
        return self.torch if framework == TORCH else self.keras


class LoopBatch(Protocol):
    """What a loop is fed."""

    @property
    def inputs(self) -> "Mapping[str, np.ndarray]":
        """By name."""

    @property
    def targets(self) -> "Sequence[np.ndarray]":
        """One for each output."""


Hear = Callable[[float, Any], None]
"""Called with the loss and the gradients that were recorded, when the step they belong to is over."""


OddClipping = Literal["behind", "each", "some", "norm"]
"""How a call clips otherwise than all gradients in front of a step: behind it, several times for one step (behind each
of several backward()), some of the gradients only, by another norm than the root of squares."""


@dataclass
class LoopNotes:
    """What was seen of the optimizer that a loop steps with; nothing of one that is no optimizer of its framework."""

    rates: list[float] = field(default_factory=list)
    """The learning rate of each step of the optimizer."""
    method: str = ""
    """Of shared/spec/updates.py."""
    settings: dict[str, float] = field(default_factory=dict)
    """Its numbers at its first step, by name; 1 and 0 for what is on or off."""
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Its settings by canonical name of the weight, with the rate of each step; empty where they are not known."""
    begun: list[int] = field(default_factory=list)
    """The steps (0-based) at which another optimizer took over, the first one's too."""
    clipped: dict[str, float] = field(default_factory=dict)
    """Limits that torch's functions for clipping were called with, by the name of that setting."""
    odd_clipping: dict[OddClipping, str] = field(default_factory=dict)
    """What was odd about calls of these functions, and the setting that they are."""
    empty_steps: int = 0
    """Of torch's optimizer, in which no parameter had a gradient that is not 0."""
    batches: int = 0
    """That were given."""
    parts: list[int] = field(default_factory=list)
    """Of each backward() in the first batch, in torch: how many rows the model was given before it."""


def constant_or_all(rates: Sequence[float]) -> float | tuple[float, ...] | None:
    """Return learning rates as one number where they are one, else all; None for none."""
    if not rates:
        return None
    return rates[0] if len(set(rates)) == 1 else tuple(rates)


class Feed(Generic[T]):
    """The batches of a loop, and what it records of each; a step is over when the next batch is asked for, or none."""

    def __init__(self, batches: Iterable[T], hear: Hear, read: Callable[[Any, Any], tuple[float, Any]]):
        self._batches, self._hear, self._read = batches, hear, read
        self._recorded: tuple[float, Any] | None = None
        self._number = 0

    def __iter__(self) -> Iterator[T]:
        for number, batch in enumerate(self._batches, start=1):
            self._number, self._recorded = number, None
            try:
                yield batch
            except GeneratorExit:  # the function leaves its loop: with what it recorded the step is over too
                if self._recorded is not None:
                    self._hear(*self._recorded)
                raise
            if self._recorded is None:
                raise self._refusal("none")
            self._hear(*self._recorded)

    def record(self, loss: Any, gradients: Any = None) -> None:
        """Keep the loss of the batch at hand, and its gradients if there are any."""
        if not self._number or self._recorded is not None:
            raise self._refusal("two" if self._number else "one before the first batch")
        self._recorded = self._read(loss, gradients)

    def require_record(self) -> None:
        """Raise UserError unless the last batch that was used was recorded."""
        if self._recorded is None:
            raise self._refusal("none")

    def _refusal(self, found: str) -> UserError:
        return UserError(
            f"the training function: expected record(loss) once for each batch, found {found}"
            f"{f' for batch {self._number}' if self._number else ''}."
        )


def the_only_or_all(arrays: Mapping[str, T]) -> T | Mapping[str, T]:
    """Return what is alone, else the mapping."""
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays
