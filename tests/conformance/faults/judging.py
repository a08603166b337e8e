"""Tells whether what the ladder says of a planted pair is true."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from tests.conformance.faults.family import ANYWHERE, Truth
from tests.conformance.faults.pairs import Fault
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, RUNGS, VerifyRequest


@dataclass(frozen=True)
class Outcome:
    """What the ladder said of one fault on one track."""

    fault: Fault
    result: TrackResult
    truths: Sequence[Truth]
    seconds: float

    @property
    def failed(self) -> bool:
        return not self.result.passed

    @property
    def rung(self) -> str:
        return self.result.rungs[-1].rung

    @property
    def where(self) -> str:
        return self.result.rungs[-1].where

    @property
    def is_in_place(self) -> bool:
        """The ladder stopped at the rung and the place of the first fault; of several of a rung at any of them."""
        first = [truth for truth in self.truths if truth.rung == self.truths[0].rung]
        return any(_is_at(truth, self.rung, self.where) for truth in first)

    @property
    def causes(self) -> Sequence[Cause]:
        return self.result.diagnosis.causes

    @property
    def proved(self) -> list[Cause]:
        return [cause for cause in self.causes if cause.status is Status.PROVED]

    @property
    def wrong(self) -> list[Cause]:
        """Those that were proved and are no planted fault."""
        return [cause for cause in self.proved if not any(is_named(truth, cause) for truth in self.truths)]

    @property
    def unproved(self) -> list[Truth]:
        """Faults that no proved cause names."""
        return [truth for truth in self.truths if not any(is_named(truth, cause) for cause in self.proved)]

    @property
    def verdict(self) -> str:
        """One word."""
        if not self.failed:
            return "PASSED"
        if self.wrong:
            return "WRONG"
        if not self.is_in_place:
            return "PLACE"
        if self.unproved:
            return "partly" if len(self.unproved) < len(self.truths) else "unproved"
        return "left" if self.result.diagnosis.last else "proved"


def is_named(truth: Truth, cause: Cause) -> bool:
    """Tell whether a proved cause is the fault."""
    if cause.rung not in truth.rung.split("|"):
        return False
    is_it = all(any(sign(change) for sign in truth.signs) for change in cause.changes)
    return is_it and all(re.search(pattern, cause.what, re.IGNORECASE) for pattern in truth.told)


def _is_at(truth: Truth, rung: str, where: str) -> bool:
    return rung in truth.rung.split("|") and any(one in (where, ANYWHERE) for one in truth.where.split("|"))


def climb(fault: Fault, track: str, ladder: Ladder) -> Outcome:
    """Climb with the pair, until the last of its faults is gone."""
    start, truths = perf_counter(), fault.made().truths
    (result,) = ladder.climb(
        VerifyRequest(name=fault.reference, until=until(truths), precisions=FOR_THE_VERDICT), lambda *_: None, [track]
    )
    return Outcome(fault, result, truths, perf_counter() - start)


def until(truths: Sequence[Truth]) -> str:
    """Return the last rung that is climbed: faults of values are looked at on all inputs, others to the end."""
    rungs = {rung for truth in truths for rung in truth.rung.split("|")}
    return far_enough(max(rungs, key=RUNGS.index))


def far_enough(rung: str) -> str:
    """Return the last rung to climb for a fault of a rung."""
    return "pieces" if rung in VALUES else rung


VALUES = ("parameters", "forward", "dropout", "range")
