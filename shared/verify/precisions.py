"""Sides in lower precisions, asked of their workers once each."""

from collections.abc import Sequence
from pathlib import Path

from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.spec.sides import SideName
from twotrack.shared.verify import evidence
from twotrack.shared.verify.lower_precision import PrecisionEvidence, PrecisionRequest, measure_precision
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.rungs.precision import InPrecision
from twotrack.shared.verify.showing import Showing


class LowerPrecisions:
    """What sides of one climb do in the precisions of its request; what the reference does serves all comparisons."""

    def __init__(self, showing: Showing, folder: Path):
        self._showing, self._folder = showing, folder
        self._measured: dict[tuple[SideName, Arithmetic], PrecisionEvidence] = {}

    def of(self, request: VerifyRequest, reference: SideName, candidate: SideName) -> Sequence[InPrecision]:
        """Return what two sides do in each precision."""
        found = []
        for arithmetic in request.arithmetics:
            sides = [self._of_side(request, side, arithmetic) for side in (reference, candidate)]
            found.append(InPrecision(arithmetic, *sides))
        for side in (reference, candidate):
            self._showing.on_phase(side.track, "done")
        return found

    def _of_side(self, request: VerifyRequest, side: SideName, arithmetic: Arithmetic) -> PrecisionEvidence:
        if (side, arithmetic) not in self._measured:
            folder = self._folder / side.slug
            asked = PrecisionRequest(verify=request, side=side, folder=folder, arithmetic=arithmetic)
            found = self._showing.call(side.track, measure_precision, asked)
            self._measured[side, arithmetic] = evidence.load(PrecisionEvidence, found)
        return self._measured[side, arithmetic]
