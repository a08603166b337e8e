"""Tries candidates one by one, then on top of those that take most of a difference away."""

from collections.abc import Iterable, Iterator, Sequence
from math import inf, isfinite
from time import process_time
from typing import Protocol

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.verify.diagnosis.findings import Finding, Findings

SECONDS = 6.0
"""Of the processor, after which a search ends with what it has: other work beside it changes no verdict."""
WIDTH = 3
"""Candidates of which others are tried on top."""
DEPTH = 3
"""Changes that are tried together."""
HALF = 0.5
"""Of the difference, which a candidate must take away for others to be tried on top."""
PART = 0.01
"""Of the difference, which a change may leave to be a part of the cause: of hundreds one leaves half by chance."""
ENOUGH = 4
"""Removing candidates after which a search for a value's cause ends: they are put to the test one by one."""

NOTHING = Candidate(changes=(), what="", torch_fix="", keras_fix="")


class Proposals(Protocol):
    """What may be to blame for one failure."""

    def measure(self, candidate: Candidate) -> float:
        """Make the changes, and return the difference that is left; infinity where the model does not run with them."""

    def propose(self, made: Candidate) -> Iterable[Candidate]:
        """Return what may be tried on top of changes that are made, likeliest and simplest first."""


class Search:
    """One search, which ends with `enough` removing candidates, or when there is nothing more to try.

    Where nothing removes the difference, changes to Keras' side are left, which only a climb puts to the test.
    """

    def __init__(self, proposals: Proposals, limit: float, enough: int = ENOUGH, of_keras: Sequence[Candidate] = ()):
        self._enough = enough
        measure = self._measure = proposals.measure
        self._propose, self._limit, self._of_keras = proposals.propose, limit, of_keras
        self._end, self._tried, self._before = process_time() + SECONDS, 0, measure(NOTHING)

    def run(self) -> Findings:
        """Return the candidates that remove the difference, or the one that leaves least of it."""
        beam, best = [Finding(candidate=NOTHING, before=self._before, after=self._before)], None
        for number in range(DEPTH):
            found = [finding for start in beam for finding in self._on_top(start)]
            removing = [finding for finding in found if finding.after <= self._limit]
            if removing:
                return Findings(removing=tuple(removing), tried=self._tried)
            nearest = sorted(found, key=lambda one: one.after)
            taking = [one for one in nearest if one.after < HALF * self._before][:WIDTH]
            if not number:  # several changes that together leave a rest tell nothing
                best = next((one for one in taking if one.after <= PART * self._before < inf), None)
            beam = taking or nearest[: WIDTH * (number == 0) * 4]  # of two faults, one alone may change next to nothing
            if not beam or process_time() > self._end:
                break
        removing = [Finding(candidate=one, before=self._before, after=0.0) for one in self._of_keras]
        return Findings(removing=tuple(removing), partly=best, tried=self._tried + len(removing))

    def _on_top(self, start: Finding) -> Iterator[Finding]:
        removing = 0
        for candidate in self._propose(start.candidate):
            both = together(start.candidate, candidate)
            after = self._measure(both)
            self._tried += 1
            if isfinite(after):
                yield Finding(candidate=both, before=self._before, after=after)
            removing += after <= self._limit
            if removing >= self._enough or process_time() > self._end:
                return


def together(first: Candidate, second: Candidate) -> Candidate:
    """Return two candidates as one."""
    if not first.changes:
        return second
    return Candidate(
        changes=(*first.changes, *second.changes),
        what=f"{first.what}; and {second.what}",
        torch_fix=f"{first.torch_fix}; {second.torch_fix}",
        keras_fix=f"{first.keras_fix}; {second.keras_fix}",
        entry=first.entry or second.entry,
        where=first.where or second.where,
    )
