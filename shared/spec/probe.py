"""What a probe shows of a track's model beyond its training: layers, gradients, hyperparameters, dropout."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS

if TYPE_CHECKING:
    from twotrack.shared.spec.pair import CustomOptimizer
    from twotrack.shared.spec.recipes import Optimizer

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


@dataclass
class OptimizerRun:
    """What an optimizer did to parameters of no model."""

    parameters: list[dict[str, np.ndarray]]
    """At every checkpoint, by canonical name."""
    learning_rates: list[float]
    """Of every step; empty where the optimizer has several at once."""


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

    @abstractmethod
    def asked_for_float32(self) -> list[str]:
        """Return the paths of layers that were built to compute in float32 whatever the model's precision."""

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
    def trace(
        self, inputs: Mapping[str, np.ndarray], training: bool = False, replace: Replace = keep
    ) -> tuple[list[LayerTrace], list[np.ndarray]]:
        """Run once; return every layer's values in the order of calls, and the outputs.

        What `replace` gives for a layer goes on through the model in place of the layer's output, or of the value
        before its fused activation; the trace has what the layer computed itself. In training mode running statistics
        move.
        """

    @abstractmethod
    def allows(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """Return whether the model itself says that it takes inputs of these shapes; so does one that says nothing."""

    @abstractmethod
    def run_layer(self, path: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one layer alone in inference mode on given inputs; return what may stand for its output."""

    @abstractmethod
    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every trainable weight, in training mode.

        Weights stay as they are, running statistics too; compile the model again before it is trained.
        """

    @abstractmethod
    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers, in the input's shape and training mode."""

    @abstractmethod
    def attention(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with, in inference mode: (batch, heads, queries, keys) by path."""

    @abstractmethod
    def run_optimizer(
        self,
        optimizer: "Optimizer | CustomOptimizer",
        learning_rates: Sequence[float],
        parameters: Mapping[str, np.ndarray],
        gradients: Mapping[str, np.ndarray],
        checkpoints: Sequence[int],
    ) -> OptimizerRun:
        """Run the optimizer that `compile` would attach on parameters of no model, one step for each gradient.

        Gradients are arrays (steps, ...) by the parameters' canonical names; a checkpoint is a number of steps done,
        the last one all of them. The model stays as it is.
        """

    @abstractmethod
    def learning_rates(self, optimizer: "Optimizer", learning_rates: Sequence[float]) -> list[float]:
        """Return the rate that every step has with the optimizer that `compile` would attach."""
