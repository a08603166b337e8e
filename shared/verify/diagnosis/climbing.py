"""Climbs on behind a failure: finds its cause, removes it in memory, and looks at what comes then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twotrack.shared.spec.changes import Change, on_keras
from twotrack.shared.verify.diagnosis.cause import Cause, Status, proved, unproved
from twotrack.shared.verify.diagnosis.findings import Finding, Findings
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import RUNGS
from twotrack.shared.verify.result import RungResult

MOST = 8
"""Causes of one pair."""
PUT_TO_TEST = 3
"""Of the candidates that remove a difference on ordinary inputs, how many are looked at on all others."""
VALUES = ("forward", "range", "pieces")
"""Rungs that look at values: if one of them fails yet, another candidate may explain more."""


@dataclass(frozen=True)
class Climb:
    """How far two sides come with changes."""

    results: Sequence[RungResult]
    sides: tuple[Observation, Observation]
    """Torch's, with the changes, and Keras'."""
    changes: tuple[Change, ...] = ()

    @property
    def failure(self) -> RungResult | None:
        """The last result, if it is no pass."""
        return None if self.results[-1].passed else self.results[-1]

    @property
    def progress(self) -> tuple[int, int]:
        """How far it came: number of the rung that failed, and in the rung forward of the layer in Keras' order."""
        failure = self.failure
        if failure is None:
            return len(RUNGS), 0
        order = [layer.path for layer in self.sides[1].traces["float64"].layers] if failure.rung == "forward" else []
        place = order.index(failure.where) if failure.where in order else len(order)
        return RUNGS.index(failure.rung), place

    @property
    def place(self) -> tuple[str, str] | None:
        """Where it ended."""
        return (self.failure.rung, self.failure.where) if self.failure else None


@dataclass
class Diagnosis:
    """The causes of a failure, and what is behind them."""

    causes: list[Cause] = field(default_factory=list)
    last: RungResult | None = None
    """The failure that is left with all proved causes removed; None if every rung passes then."""

    sides: tuple[Observation, Observation] | None = None
    """torch's, with all proved causes removed, and Keras'; None if there is no failure."""

    @property
    def proved(self) -> list[Cause]:
        """The causes that are proved, which come first."""
        return [cause for cause in self.causes if cause.status is Status.PROVED]


Look = Callable[[Climb, RungResult], Findings]
"""Searches for what removes the failure of a climb."""
Again = Callable[[tuple[Change, ...]], Climb | None]
"""Climbs again with changes; None if the model does not run with them."""


def diagnose(failed: Climb, look: Look, again: Again, only_first: bool = False) -> Diagnosis:
    """Find cause after cause until every rung passes, or one cannot be proved."""
    diagnosis, climb, ended = Diagnosis(), failed, {failed.place}
    while (failure := climb.failure) and len(diagnosis.causes) < MOST:
        findings = look(climb, failure)
        better = _best(climb, findings, again)
        if better is None or (better[1].progress == climb.progress and better[1].place in ended):
            diagnosis.causes.append(unproved(failure, findings))
            break
        finding, climb = better
        ended.add(climb.place)
        diagnosis.causes.append(proved(failure, finding, findings.tried))
        if only_first:
            break
    diagnosis.last, diagnosis.sides = climb.failure, climb.sides
    return diagnosis


def without_search(failed: Climb, why: str) -> Diagnosis:
    """Return what is known of a failure for which no cause can be looked for."""
    assert failed.failure
    unknown = unproved(failed.failure, Findings(stopped=why))
    return Diagnosis([unknown], failed.failure, failed.sides)


def _best(climb: Climb, findings: Findings, again: Again) -> tuple[Finding, Climb] | None:
    """Return the candidate with which the sides come farthest, if they come beyond the failure with it."""
    best: tuple[Finding, Climb] | None = None
    for finding in findings.removing[:PUT_TO_TEST]:
        farther = again((*climb.changes, *finding.candidate.changes))
        if farther is None:
            continue
        if best is None or farther.progress > best[1].progress:
            best = _measured(finding, farther, climb.failure), farther
        if farther.failure is None or farther.failure.rung not in VALUES:
            break
    if best is None or best[1].place == climb.place or best[1].progress < climb.progress:
        return None
    return best


def _measured(finding: Finding, farther: Climb, failure: RungResult | None) -> Finding:
    """Return a finding with what a climb found of changes to Keras' side, which were not measured before."""
    if failure is None or not on_keras(finding.candidate.changes):
        return finding
    found = (one.difference for one in farther.results if one.rung == failure.rung)
    return finding.model_copy(update={"after": next(found, None) or 0.0})
