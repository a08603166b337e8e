"""What one track shows of a model: layer outputs, gradients and training steps, on given weights and batches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.spec.loop import LoopNotes
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.drawn_weights import Start

Kind = Literal["layers", "gradients", "weights"]
"""What a side computes, and may be kept in full: values of layers, gradients, weights after training steps."""
EVERYTHING: frozenset[Kind] = frozenset(get_args(Kind))

KeepCall = Callable[[LayerTrace], LayerTrace]
"""Returns what is kept of a layer's call."""


@with_config(WITH_ARRAYS)
@dataclass
class Trace:
    """All that the rungs data, forward, gradients and training compare, in one precision."""

    digested: bool = False
    """Gradients, and the weights of the start, are digests, as those of layers are; see keeping.py."""
    weights_digested: bool = False
    """The weights after each step are."""
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
    left_out: str = ""
    """What the training did less than that of a smaller model; empty for nothing."""
    recorded: list[dict[str, np.ndarray]] = field(default_factory=list)
    """The gradients of each training step, where a training function of the user's records them."""
    loop: LoopNotes | None = None
    """What was seen of the optimizer of a training function of the user's."""
    penalties: list[float] = field(default_factory=list)
    """Before each step, and after the last: what the losses hold for the weights alone; none if they hold nothing."""
    penalty_gradients: dict[str, np.ndarray] = field(default_factory=dict)
    """What `gradients` hold for the weights alone."""
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    """Digests of the gradients of all rows of a table, by its name, where the training asks for some rows only."""
    unmet_rows: dict[str, int] = field(default_factory=dict)
    """By the name of a weight: rows that no batch asks for, and that are not in `rows` either."""
    added: dict[str, float] = field(default_factory=dict)
    """What layers add to the loss for what they compute on the first batch, by their paths."""
    added_at_most: dict[str, float] = field(default_factory=dict)
    """The largest of it on wide inputs, on drawn weights and on larger ones."""
    start: dict[str, np.ndarray] = field(default_factory=dict)
    """The weights before training, where they are the user's own."""
    on_drawn: "Trace | None" = None
    """The gradients on drawn weights and inputs, where all else is on the user's own."""
    drawn: dict[str, Start] = field(default_factory=dict)
    """What the framework drew as initial weights."""
    relaxed: dict[str, "Trace"] = field(default_factory=dict)
    """The training again, by what constraints were changed to; see Probe.relaxed."""

    @property
    def pure_losses(self) -> list[float]:
        """The losses without what they hold for the weights alone."""
        penalties = self.penalties or [0.0] * (len(self.losses) + 1)
        return [loss - penalty for loss, penalty in zip(self.losses, penalties, strict=False)]


def same_losses(torch: Trace, keras: Trace) -> tuple[list[float], list[float]]:
    """Return the losses of both sides that must be equal: as they are, unless one side alone states penalties.

    What Keras' regularizers add to the loss, torch's optimizers may add to the gradients. No loss of torch holds it
    then, and the updates show whether both do the same. What torch's side alone states, a training step of Keras' own
    may add; gradients and updates show it, whether or not the loss that the step tells holds it.
    """
    if bool(torch.penalties) == bool(keras.penalties):
        return torch.losses, keras.losses
    if keras.penalties:
        return torch.losses, keras.pure_losses
    return torch.losses if _is_nearer(
        keras.losses, torch.losses, torch.pure_losses
    ) else torch.pure_losses, keras.losses


def _is_nearer(losses: list[float], one: list[float], other: list[float]) -> bool:
    """Tell which of two series the first of some losses is nearer to."""
    return bool(losses and one) and abs(losses[0] - one[0]) < abs(losses[0] - other[0])


def epochs_in_words(trace: Trace) -> str:
    """Return how many epochs the training had, as text."""
    count = len(set(trace.epochs))
    return f"{count} epoch{'' if count == 1 else 's'}"
