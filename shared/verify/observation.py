"""What one side of a pair shows, in both precisions."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.draws import SideDraws, load_draws
from twotrack.shared.verify.trace import Trace, load


class Observation(BaseModel):
    """One side: what it says of itself, and where its traces are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, tuple[int, ...]]
    """Canonical shapes of all weights."""
    without_counterpart: list[str]
    """Trainable tensors that the other framework cannot have."""
    input_kinds: frozenset[str]
    loss: dict[str, Any]
    """Hyperparameters."""
    optimizer: dict[str, Any]
    """Hyperparameters."""
    folders: dict[Precision, Path]
    """With a trace each."""
    drawn: Path
    """A folder with what is drawn in training."""

    @cached_property
    def traces(self) -> Mapping[Precision, Trace]:
        """The traces, read once."""
        return {precision: load(folder) for precision, folder in self.folders.items()}

    @cached_property
    def draws(self) -> SideDraws:
        """What is drawn in training, read once."""
        return load_draws(self.drawn)

    def layer(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """Return class name and hyperparameters of a layer; empty ones if the side has none at that path."""
        for layer in self.traces["float64"].layers:
            if layer.path == path:
                return layer.kind, layer.hyperparameters
        return "", {}
