"""A cause: changes that make a failure vanish, with the evidence for it."""

from dataclasses import dataclass
from enum import StrEnum

from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.ledger.spec import Difference
from twotrack.shared.spec.changes import Change
from twotrack.shared.verify.diagnosis.findings import Finding, Findings
from twotrack.shared.verify.result import RungResult


class Status(StrEnum):
    """How much of a failure a cause explains."""

    PROVED = "proved"
    PARTLY = "partly"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cause:
    """Why a rung failed, and by what that is known."""

    status: Status
    rung: str
    where: str
    """Canonical path of the layer that is changed, or where the failure is."""
    what: str = ""
    """In what the sides differ; empty if that is unknown."""
    torch_fix: str = ""
    keras_fix: str = ""
    before: float | None = None
    """The difference at the place of the failure, relative."""
    after: float | None = None
    """With the change."""
    tried: int = 0
    """Changes that were tried."""
    entry: Difference | None = None
    """Of the ledger, on this."""
    changes: tuple[Change, ...] = ()
    """Made to torch's side."""
    stopped: str = ""
    """Why there was no search, or it ended before its time; empty if it did not."""


def proved(failure: RungResult, finding: Finding, tried: int) -> Cause:
    """Return the cause that a finding proves."""
    return _of(Status.PROVED, failure, finding, tried)


def unproved(failure: RungResult, findings: Findings) -> Cause:
    """Return what is known where nothing is proved."""
    if findings.partly:
        return _of(Status.PARTLY, failure, findings.partly, findings.tried)
    return Cause(Status.UNKNOWN, failure.rung, failure.where, tried=findings.tried, stopped=findings.stopped)


def _of(status: Status, failure: RungResult, finding: Finding, tried: int) -> Cause:
    candidate = finding.candidate
    where = candidate.where or getattr(candidate.changes[0], "path", "") or failure.where
    return Cause(
        status,
        failure.rung,
        where,
        candidate.what,
        candidate.torch_fix,
        candidate.keras_fix,
        finding.before,
        finding.after,
        tried,
        next((entry for entry in LEDGER if entry.slug == candidate.entry), None),
        candidate.changes,
    )
