"""Worker task: make changes to torch's side until the sides agree where they part."""

from collections.abc import Callable, Mapping

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.verify.diagnosis import keras_side
from twotrack.shared.verify.diagnosis.climbing import VALUES
from twotrack.shared.verify.diagnosis.drawn import DrawProposals
from twotrack.shared.verify.diagnosis.findings import Findings, SearchRequest
from twotrack.shared.verify.diagnosis.gradients import GradientProposals
from twotrack.shared.verify.diagnosis.loops import LoopProposals
from twotrack.shared.verify.diagnosis.losses import LossProposals
from twotrack.shared.verify.diagnosis.partners import PartnerProposals
from twotrack.shared.verify.diagnosis.searching import ENOUGH, Proposals, Search
from twotrack.shared.verify.diagnosis.shapes import ShapeProposals
from twotrack.shared.verify.diagnosis.starting import StartProposals
from twotrack.shared.verify.diagnosis.statistics import TrainingProposals
from twotrack.shared.verify.diagnosis.updates import AloneProposals
from twotrack.shared.verify.diagnosis.values import ValueProposals
from twotrack.shared.verify.diagnosis.wide_values import PieceProposals, WideProposals
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.result import FailurePlace
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_torch
from twotrack.shared.workers.task import Report, task


@task
def search(request: SearchRequest, report: Report) -> Findings:
    """Return what removes the difference, on the inputs that it was found on."""
    report("looking for the cause", {})
    propose = _proposals(request)
    if propose is None:
        return Findings()
    exercise = find_exercise(request.verify, request.reference)
    exercise = exercise if request.rung in ON_OWN else exercise.drawn
    side = ObservedSide(exercise, open_torch("auto"), "float64", lambda _: None)
    of_keras = list(keras_side.candidates(request))
    return Search(propose(side, request), _limit(request.rung), _enough(request.rung), of_keras).run()


def _proposals(request: SearchRequest) -> Callable[[ObservedSide, SearchRequest], Proposals] | None:
    if request.place is FailurePlace.START:
        return StartProposals
    searches = OF_LOOPS if request.torch.has_own_loop else SEARCHES
    return searches.get(request.rung, SEARCHES.get(request.rung))


ON_OWN = ("parameters", "forward", "gradients", "training")
"""Rungs that look at the user's own weights and inputs, where there are any."""


def _limit(rung: str) -> float:
    return LIMITS[rung] if rung in LIMITS else TOLERANCES[rung].limit


def _enough(rung: str) -> int:
    """Return after how many removing candidates to end: of others than values the first alone is put to the test."""
    return ENOUGH if rung in VALUES else 1


LIMITS = {
    "data": TOLERANCES["forward"].limit,
    "forward": TOLERANCES["forward"].limit,
    "range": 1e-9,
    "pieces": 1e-9,
    "dropout": 0.0,
    "parameters": 0.0,
}
"""What may be left of a difference. On extreme values, what rounding may add is judged by the climb that follows."""
SEARCHES: Mapping[str, Callable[[ObservedSide, SearchRequest], Proposals]] = {
    "data": ShapeProposals,
    "forward": ValueProposals,
    "range": WideProposals,
    "pieces": PieceProposals,
    "dropout": DrawProposals,
    "parameters": PartnerProposals,
    "loss": LossProposals,
    "gradients": GradientProposals,
    "optimizer": AloneProposals,
    "training": TrainingProposals,
}
"""By rung: what may be to blame for its failure."""
OF_LOOPS: Mapping[str, Callable[[ObservedSide, SearchRequest], Proposals]] = {
    "gradients": LoopProposals,
    "training": LoopProposals,
}
"""Where training functions of the user's own train."""
