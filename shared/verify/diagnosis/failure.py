"""A failure of two sides, diagnosed: climbed with again and again, each time with other changes to torch's side."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.spec.changes import Change
from twotrack.shared.spec.operations import OperationsTrace
from twotrack.shared.spec.probe import Replay
from twotrack.shared.spec.sides import TORCH, SideName
from twotrack.shared.verify import evidence
from twotrack.shared.verify.comparing import SideResults, climbed
from twotrack.shared.verify.diagnosis.climbing import Climb, Diagnosis, diagnose, without_search
from twotrack.shared.verify.diagnosis.findings import Findings, SearchRequest
from twotrack.shared.verify.diagnosis.operations import parting
from twotrack.shared.verify.diagnosis.search import search
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.observe import isolate, record_operations
from twotrack.shared.verify.request import FOR_THE_VERDICT, LayerRequest, SideRequest, VerifyRequest
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.rungs.forward import layer_difference
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.verify.showing import Showing


@dataclass(frozen=True)
class Failure:
    """What two sides came to that are not one model; the reference is changed, if it is torch's."""

    showing: Showing
    request: VerifyRequest
    reference: SideName
    candidate: SideName
    results: Sequence[RungResult]
    torch: SideResults
    keras: SideResults
    folder: Path
    """For all that is shown again."""

    @property
    def sides(self) -> tuple[Observation, Observation]:
        """What both sides showed, the reference first."""
        return self.torch.observation, self.keras.observation

    @property
    def needs_all_values(self) -> bool:
        """Whether causes are to be looked for, and both sides kept digests only of what they computed."""
        traces = [shown.observation.traces["float64"] for shown in (self.torch, self.keras)]
        is_failure = not self.results[-1].passed and self.request.causes != "none"
        return is_failure and any(trace.digested for trace in traces)

    def diagnosis(self) -> Diagnosis:
        """Find the causes."""
        failed = Climb(self.results, self.sides, self.request.changes)
        if self.request.causes == "none":
            return Diagnosis(last=failed.failure, sides=failed.sides)
        if self.reference.track != TORCH:
            return without_search(failed, "causes are looked for on torch's side; there is none")
        found = diagnose(failed, self._look, self._again, self.request.causes == "first")
        self.showing.on_phase(self.reference.track, "done")
        return found

    def _again(self, changes: tuple[Change, ...]) -> Climb | None:
        """Climb with changes; None if torch's model does not run with them on all that the rungs feed it."""
        try:
            return self._climb(changes)
        except (UserError, WorkerDiedError):
            return None

    def _climb(self, changes: tuple[Change, ...]) -> Climb:
        request = self.request.model_copy(update={"precisions": FOR_THE_VERDICT})
        place = Path(tempfile.mkdtemp(dir=self.folder))
        asked = request.model_copy(update={"changes": changes})
        changed = self.showing.side(asked, self.reference, place / self.reference.slug)
        sides = {self.reference: changed, self.candidate: self.keras}
        asked = self.showing.with_same_outputs(asked, sides, place)  # what hid that the outputs are linked may be gone
        sides[self.candidate] = self.showing.with_same_draws(request, self.candidate, sides, place)
        self.showing.samples(asked, sides, place)
        sides = self.showing.answers(asked, sides, place)
        second = SecondLook(asked, self.reference, self.showing.ask, place / "again")
        torch, keras = sides[self.reference], sides[self.candidate]
        found = climbed(asked, torch, keras, partial(second.judge, self.candidate))
        return Climb(found, (torch.observation, keras.observation), asked.changes)

    def _look(self, climb: Climb, failure: RungResult) -> Findings:
        asked = SearchRequest(
            verify=self.request.model_copy(update={"changes": climb.changes}),
            reference=self.reference,
            candidate=self.candidate,
            rung=failure.rung,
            place=failure.place,
            where=failure.where,
            torch=climb.sides[0],
            keras=climb.sides[1],
        )
        try:
            return self.showing.call(self.reference.track, search, asked)
        except WorkerDiedError as error:  # the verdict stands whatever the search meets in the user's model
            return Findings(stopped=f"the search was cut short ({str(error).splitlines()[0]})")

    def parting(self) -> str:
        """Return the first operation by which the sides part in the forward pass, in words; empty for another rung."""
        if self.results[-1].rung != "forward" or self.request.causes == "none":
            return ""
        asked = [
            SideRequest(verify=self.request, side=side, folder=self.folder / side.slug)
            for side in (self.reference, self.candidate)
        ]
        try:
            folders = [self.showing.pool.call(one.side.track, record_operations, one) for one in asked]
        except (UserError, WorkerDiedError) as error:  # the verdict stands whatever is met in the user's model
            return f"its operations could not be compared: {error}"
        torch, keras = (evidence.load(OperationsTrace, folder) for folder in folders)
        found = parting(torch, keras)
        return found.words if found else ""

    def isolated(self) -> str:
        """Run the candidate's first diverging layer alone on the inputs that the reference's layer got."""
        failure = self.results[-1]
        if failure.place is not FailurePlace.LAYER or not failure.layer_inputs_agree:
            return ""
        layers = self.torch.observation.traces["float64"].layers
        number = next(number for number, layer in enumerate(layers) if layer.path == failure.where)
        layer_request = LayerRequest(
            verify=self.request,
            side=self.candidate,
            folder=self.folder / self.candidate.slug,
            path=failure.where,
            reference=self.torch.observation.folders["float64"],
            number=number,
        )
        try:
            alone = evidence.load(Replay, self.showing.pool.call(self.candidate.track, isolate, layer_request))
        except (UserError, WorkerDiedError) as error:  # the verdict stands whatever the layer does alone
            alone = Replay(error=str(error))
        if alone.error:
            return f"'{failure.where}' does not run alone: {alone.error}"
        difference = layer_difference(layers[number].outputs, alone.outputs)
        return alone_in_words(failure.where, difference, alone.kept)


def alone_in_words(where: str, difference: float, kept: int = 0) -> str:
    """Say what a layer did alone on inputs that agree, and what that means: in the model it differs.

    `kept` tensors of its call are not torch's, which has none like them.
    """
    own = f" and {kept} input{'s' if kept > 1 else ''} of its own" if kept else ""
    alone = f"run alone on torch's inputs{own}, '{where}'"
    if difference > TOLERANCES["forward"].limit:
        return f"{alone} differs too ({difference:.1e}): the layer itself is another one"
    return (
        f"{alone} agrees ({difference:.1e}): in the model it is called in another way, "
        "with another mask, mode, state or second input"
    )
