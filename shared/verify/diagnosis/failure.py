"""A failure of two sides, diagnosed: climbed with again and again, each time with other changes to torch's side."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.spec.changes import Change, on_keras
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
from twotrack.shared.verify.observe import isolate, observe, record_operations
from twotrack.shared.verify.request import FOR_THE_VERDICT, LayerRequest, SideRequest, VerifyRequest
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.rungs.forward import layer_difference
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.verify.showing import Showing
from twotrack.shared.verify.trace import Kind

NEEDED: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(("forward", "range", "pieces"), frozenset[Kind]({"layers"})),
    "gradients": frozenset({"gradients"}),
    "training": frozenset({"weights"}),
}
"""By rung: of what a search for the cause of its failure needs all values."""


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
    full: "tuple[Observation, Observation] | None" = None
    """What both sides showed with all values where they fail, if they kept digests before."""

    @property
    def sides(self) -> tuple[Observation, Observation]:
        """What both sides showed, the reference first."""
        return self.full or (self.torch.observation, self.keras.observation)

    def in_full(self) -> "Failure":
        """Return it with all values that a search for causes compares, of large models that kept digests of them."""
        if self.results[-1].passed or self.request.causes == "none":
            return self
        return replace(self, full=self._in_full(self.results[-1].rung, self.sides, self.request.changes))

    def _in_full(
        self, rung: str, sides: tuple[Observation, Observation], changes: tuple[Change, ...]
    ) -> tuple[Observation, Observation]:
        """Return sides with all values of what a rung compares: traced once more, one after the other."""
        kinds = NEEDED.get(rung, frozenset())
        if not kinds or not any(side.is_large(self.request) for side in sides):
            return sides
        if rung == "gradients" and sides[1].traces["float64"].added:  # which are of what layers give
            kinds |= {"layers"}
        traced = {"in_full": kinds, "until": "forward", "precisions": FOR_THE_VERDICT, "changes": changes}
        place, request = self.folder / "in full", self.request.model_copy(update=traced)
        shutil.rmtree(place, ignore_errors=True)  # of the failure before

        def trace(name: SideName, shown: Observation) -> Observation:
            folder = place / name.slug
            folder.mkdir(parents=True)
            asked = SideRequest(verify=request, side=name, folder=folder, alignment=shown.alignment)
            seen = {"probed": shown.probed, "answered": shown.answered, "samples": shown.samples}
            return self.showing.ask(name.track, observe, asked).model_copy(update=seen)

        return trace(self.reference, sides[0]), trace(self.candidate, sides[1])

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
        except (UserError, WorkerDiedError):  # the first climb's verdict stands; these changes prove nothing
            return None

    def _climb(self, changes: tuple[Change, ...]) -> Climb:
        request = self.request.model_copy(update={"precisions": FOR_THE_VERDICT})
        place = Path(tempfile.mkdtemp(dir=self.folder))
        asked = request.model_copy(update={"changes": changes})
        changed = self.showing.side(asked, self.reference, place / self.reference.slug)
        keras = self.keras
        if on_keras(changes):
            keras = self.showing.side(asked, self.candidate, place / self.candidate.slug)
        sides = {self.reference: changed, self.candidate: keras}
        asked = self.showing.with_same_outputs(asked, sides, place)  # what hid that the outputs are linked may be gone
        sides[self.candidate] = self.showing.with_same_draws(request, self.candidate, sides, place)
        self.showing.samples(asked, sides, place)
        sides = self.showing.answers(asked, sides, place)
        second = SecondLook(asked, self.reference, self.showing.ask, place / "again")
        torch, keras = sides[self.reference], sides[self.candidate]
        found = climbed(asked, torch, keras, partial(second.judge, self.candidate))
        return Climb(found, (torch.observation, keras.observation), asked.changes)

    def _look(self, climb: Climb, failure: RungResult) -> Findings:
        is_first = climb.changes == self.request.changes
        torch, keras = self.sides if is_first else self._in_full(failure.rung, climb.sides, climb.changes)
        kinds = NEEDED.get(failure.rung, frozenset())
        asked = SearchRequest(
            verify=self.request.model_copy(update={"changes": climb.changes, "in_full": kinds}),
            reference=self.reference,
            candidate=self.candidate,
            rung=failure.rung,
            place=failure.place,
            where=failure.where,
            torch=torch,
            keras=keras,
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
        torch = self.sides[0]
        layers = torch.traces["float64"].layers
        number = next(number for number, layer in enumerate(layers) if layer.path == failure.where)
        layer_request = LayerRequest(
            verify=self.request,
            side=self.candidate,
            folder=self.folder / self.candidate.slug,
            path=failure.where,
            reference=torch.folders["float64"],
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
