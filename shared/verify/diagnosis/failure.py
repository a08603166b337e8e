"""A failure of two sides, diagnosed: climbed with again and again, each time with other changes to torch's side."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.spec.changes import Change
from twotrack.shared.verify import evidence
from twotrack.shared.verify.comparing import SideResults, climbed
from twotrack.shared.verify.diagnosis.climbing import Climb, Diagnosis, diagnose
from twotrack.shared.verify.diagnosis.findings import Findings, SearchRequest
from twotrack.shared.verify.diagnosis.search import search
from twotrack.shared.verify.observe import isolate
from twotrack.shared.verify.request import FOR_THE_VERDICT, LayerRequest, VerifyRequest
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.rungs.forward import layer_difference
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.verify.showing import REFERENCE, Showing, slug
from twotrack.shared.verify.trace import Trace


@dataclass(frozen=True)
class Failure:
    """What two sides came to that are not one model; torch's side is changed, Keras' stays."""

    showing: Showing
    request: VerifyRequest
    track: str
    """Keras'."""
    results: Sequence[RungResult]
    torch: SideResults
    keras: SideResults
    folder: Path
    """For all that is shown again."""

    def diagnosis(self) -> Diagnosis:
        """Find the causes."""
        failed = Climb(self.results, (self.torch.observation, self.keras.observation), self.request.changes)
        if self.request.causes == "none":
            return Diagnosis(last=failed.failure, sides=failed.sides)
        found = diagnose(failed, self._look, self._again, self.request.causes == "first")
        self.showing.on_phase(REFERENCE, "done")
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
        changed = self.showing.side(asked, REFERENCE, place / REFERENCE)
        sides = {REFERENCE: changed, self.track: self.keras}
        asked = self.showing.with_same_outputs(asked, sides, place)  # what hid that the outputs are linked may be gone
        sides[self.track] = self.showing.with_same_draws(request, self.track, sides, place)
        self.showing.samples(asked, sides, place)
        sides = self.showing.answers(asked, sides, place)
        second = SecondLook(asked, self.showing.ask, place / "again")
        torch, keras = sides[REFERENCE], sides[self.track]
        found = climbed(asked, torch, keras, partial(second.judge, self.track))
        return Climb(found, (torch.observation, keras.observation), asked.changes)

    def _look(self, climb: Climb, failure: RungResult) -> Findings:
        asked = SearchRequest(
            verify=self.request.model_copy(update={"changes": climb.changes}),
            track=self.track,
            rung=failure.rung,
            place=failure.place,
            where=failure.where,
            torch=climb.sides[0],
            keras=climb.sides[1],
        )
        try:
            return self.showing.call(REFERENCE, search, asked)
        except WorkerDiedError as error:  # the verdict stands whatever the search meets in the user's model
            return Findings(stopped=str(error))

    def isolated(self) -> str:
        """Run the first diverging layer alone in Keras on the inputs that torch's layer got."""
        failure = self.results[-1]
        if failure.place is not FailurePlace.LAYER or not failure.layer_inputs_agree:
            return ""
        layers = self.torch.observation.traces["float64"].layers
        number = next(number for number, layer in enumerate(layers) if layer.path == failure.where)
        layer_request = LayerRequest(
            verify=self.request,
            track=self.track,
            folder=self.folder / slug(self.track),
            path=failure.where,
            reference=self.torch.observation.folders["float64"],
            number=number,
        )
        alone = evidence.load(Trace, self.showing.pool.call(self.track, isolate, layer_request))
        difference = layer_difference(layers[number].outputs, alone.outputs)
        return alone_in_words(failure.where, difference)


def alone_in_words(where: str, difference: float) -> str:
    """Say what a layer did alone on inputs that agree, and what that means: in the model it differs."""
    alone = f"run alone on torch's inputs, '{where}'"
    if difference > TOLERANCES["forward"].limit:
        return f"{alone} differs too ({difference:.1e}): the layer itself is another one"
    return (
        f"{alone} agrees ({difference:.1e}): in the model it is called in another way, "
        "with another mask, mode, state or second input"
    )
