"""A pair's model in one framework and precision, opened up: layers, gradients, single training steps."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from twotrack.shared.verify.pair import Pair
from twotrack.shared.workers.door import open_track

if TYPE_CHECKING:
    import numpy as np

    from twotrack.shared.verify.trace import LayerTrace


class Subject(Protocol):
    """What both tracks show of a model. Inputs are arrays by input name, channels last; weights are canonical."""

    def weights(self) -> dict[str, "np.ndarray"]:
        """Return copies of all weights."""

    def load_weights(self, canonical: Mapping[str, "np.ndarray"]) -> None:
        """Replace all weights."""

    def without_counterpart(self) -> list[str]:
        """Return trainable tensors that the other framework cannot have."""

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return the hyperparameters of loss and optimizer."""

    def remove_dropout(self) -> dict[str, float]:
        """Set every dropout rate to zero; return, by layer, the rates that dropped something."""

    def trace_layers(self, inputs: Mapping[str, "np.ndarray"]) -> "tuple[list[LayerTrace], list[np.ndarray]]":
        """Run in inference mode; return every layer's values in the order of calls, and the outputs."""

    def gradients(self, inputs: Mapping[str, "np.ndarray"], targets: "Sequence[np.ndarray]") -> "dict[str, np.ndarray]":
        """Return the gradient of the loss for every trainable weight, in training mode."""

    def input_gradients(
        self, inputs: Mapping[str, "np.ndarray"], targets: "Sequence[np.ndarray]"
    ) -> "dict[str, np.ndarray]":
        """Return the gradient of the loss for every input of numbers, in the input's shape and training mode."""

    def attention(self, inputs: Mapping[str, "np.ndarray"]) -> "dict[str, np.ndarray]":
        """Return what every attention layer weighs with, in inference mode: (batch, heads, queries, keys) by path."""

    def start_training(self, steps: int) -> None:
        """Attach the pair's optimizer, for `steps` steps."""

    def train_step(self, inputs: Mapping[str, "np.ndarray"], targets: "Sequence[np.ndarray]") -> float:
        """Update once; return the loss before the update."""


def open_subject(pair: Pair, track: str, precision: str) -> Subject:
    """Build one side of the pair; a build function that fails is the user's to put right (UserError)."""
    device = _device(track)
    if track == "torch":
        from twotrack.torch_track.tracing import TorchSubject

        return TorchSubject(pair, precision, device)
    from twotrack.keras_track.tracing import KerasSubject

    return KerasSubject(pair, precision, device)


@lru_cache
def _device(track: str) -> str:
    """Open the track, once per process, and return where it computes."""
    return open_track(track, "auto").device
