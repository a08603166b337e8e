"""What one side of a pair shows, in both precisions."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import evidence
from twotrack.shared.verify.trace import Trace

E = TypeVar("E")


class Observation(BaseModel):
    """One side: what it says of itself, and where its traces are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, tuple[int, ...]]
    """Canonical shapes of all weights."""
    without_counterpart: list[str]
    """Trainable tensors that the other framework cannot have."""
    dropout: dict[str, float]
    """Rates that drop something, by layer."""
    input_kinds: frozenset[str]
    loss: dict[str, Any]
    """Hyperparameters."""
    optimizer: dict[str, Any]
    """Hyperparameters."""
    asked_for_float32: list[str] = []
    """Paths of layers that were built to compute in float32; here they do not."""
    folders: dict[Precision, Path]
    """With a trace each."""
    probed: dict[str, dict[Precision, Path]] = {}
    """Folders with what the probes of a rung found, by rung."""

    @cached_property
    def traces(self) -> Mapping[Precision, Trace]:
        """The traces, read once."""
        return {precision: evidence.load(Trace, folder) for precision, folder in self.folders.items()}

    def layer(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """Return class name and hyperparameters of a layer; empty ones if the side has none at that path."""
        for layer in self.traces["float64"].layers:
            if layer.path == path:
                return layer.kind, layer.hyperparameters
        return "", {}

    def probe(self, rung: str, kind: type[E]) -> dict[Precision, E]:
        """Read what the probes of a rung found, in each precision that they looked in."""
        return {precision: evidence.load(kind, folder) for precision, folder in self.probed[rung].items()}
