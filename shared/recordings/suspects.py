"""What two recordings say of themselves where they part: both sides' settings, and what is known to differ there.

A recording cannot be run again, so that no cause can be proved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twotrack.shared.ledger.ledger import causes
from twotrack.shared.ledger.spec import Difference
from twotrack.shared.recordings.schema import Recording
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.spec.sides import TORCH
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.facts import Facts, facts
from twotrack.shared.verify.draws import SideDraws
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.suspects import suspect

WHY = "a recording cannot be run again, so no change was tried; with both models here `twotrack verify` tries them"


@dataclass(frozen=True)
class Stated:
    """What a recording says of its side, as an observation does."""

    manifest: Recording
    layers: Sequence[LayerTrace]
    draws: SideDraws = field(default_factory=SideDraws)
    input_kinds: frozenset[str] = frozenset()

    @property
    def loss(self) -> Mapping[str, Any]:
        """Settings of the loss."""
        return self.manifest.loss

    @property
    def optimizer(self) -> Mapping[str, Any]:
        """Settings of the optimizer."""
        return self.manifest.optimizer

    def layer(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """Return class name and hyperparameters of a layer; empty ones if the recording has none at that path."""
        found = next((layer for layer in self.layers if layer.path == path), None)
        return (found.kind, found.hyperparameters) if found else ("", {})


@dataclass(frozen=True)
class Suspicion:
    """Of a failure."""

    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    facts: Sequence[Facts] = ()
    suggestions: Sequence[Difference] = ()


def suspicion(failure: RungResult, one: Stated, other: Stated) -> Suspicion:
    """Return what both recordings state at the place of a failure, and the ledger's entries on that."""
    stated = facts(failure, one, other)
    unknown = Cause(Status.UNKNOWN, failure.rung, failure.where, stopped=WHY)
    return Suspicion(Diagnosis([unknown], failure), stated, _entries(failure, one, other))


def _entries(failure: RungResult, one: Stated, other: Stated) -> list[Difference]:
    """Return entries of the ledger, if one side was recorded of torch and the other of Keras."""
    torch = [side for side in (one, other) if side.manifest.framework == TORCH]
    keras = [side for side in (one, other) if side.manifest.framework != TORCH]
    return causes(suspect(failure, torch[0], keras[0])) if torch and keras else []
