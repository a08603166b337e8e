"""Climbs with a mix-up, and says what came of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.mixups.mixup import Form, Mixup
from tests.mixups.pairs import MIXUPS, reference
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest


@dataclass(frozen=True)
class Outcome:
    """What the ladder said of one form of a mix-up."""

    mixup: Mixup
    form: Form
    track: str
    result: TrackResult

    @property
    def rung(self) -> str:
        """That failed; empty for none."""
        last = self.result.rungs[-1]
        return "" if last.passed else last.rung

    @property
    def proved(self) -> str:
        """What the causes say that are proved."""
        return "; ".join(cause.what for cause in self.result.diagnosis.proved) if self.result.diagnosis else ""

    @property
    def wrong(self) -> str:
        """What is not as it should be; empty if all is."""
        if self.form == "honest":
            return f"refused at {self.rung}: {self.result.rungs[-1].detail}" if self.rung else ""
        if not self.rung:
            return "passed"
        if self.rung != self.mixup.rung:
            return f"failed at {self.rung}: {self.result.rungs[-1].detail}"
        told = self.mixup.told[self.form]
        causes = "; ".join(f"{cause.status}: {cause.what}" for cause in self.result.diagnosis.causes)
        if not re.search(told, self.proved):
            return f"expected {told!r}, found {causes}"
        left = self.result.diagnosis.last
        return f"left behind: {left.rung}: {left.detail}" if left else ""


def climb(number: int, form: Form, tracks: Sequence[str], ladder: Ladder) -> list[Outcome]:
    """Climb with a form of a mix-up, as far as the rung where it must be found; torch's side is shown once for all."""
    mixup = MIXUPS[number]
    request = VerifyRequest(
        name=reference(number, form), until=mixup.rung, precisions=FOR_THE_VERDICT, optimizer_steps=200
    )
    results = ladder.climb(request, lambda *_: None, tracks)
    return [Outcome(mixup, form, track, result) for track, result in zip(tracks, results, strict=True)]
