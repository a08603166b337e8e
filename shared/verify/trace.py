"""What one track shows of a model: layer outputs, gradients and training steps, on given weights and batches."""

from dataclasses import dataclass, field

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.spec.probe import LayerTrace


@with_config(WITH_ARRAYS)
@dataclass
class Trace:
    """All that the rungs data, forward, gradients and training compare, in one precision."""

    layers: list[LayerTrace] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    """(batch, ...) in inference mode, before training."""
    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    batches: str = ""
    """XXH3-128 of the bytes of all training batches."""
    epochs: list[int] = field(default_factory=list)
    """Of each training step, 0-based."""
    losses: list[float] = field(default_factory=list)
    """Before each training step."""
    weights: list[dict[str, np.ndarray]] = field(default_factory=list)
    """After each training step, trainable and not."""
    validation: list[float] = field(default_factory=list)
    """The loss on a chapter's validation split, after each epoch."""
    trained_outputs: list[np.ndarray] = field(default_factory=list)
    """As `outputs`, after training."""


def epochs_in_words(trace: Trace) -> str:
    """Return how many epochs the training had, as text."""
    count = len(set(trace.epochs))
    return f"{count} epoch{'' if count == 1 else 's'}"
