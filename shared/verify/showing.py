"""Both sides of a pair, shown in the workers of their tracks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.changes import LinkOutputs
from twotrack.shared.spec.sides import SideName
from twotrack.shared.verify import accuracy, draws, evidence
from twotrack.shared.verify.comparing import SideResults
from twotrack.shared.verify.distribution import sample
from twotrack.shared.verify.links import links_between
from twotrack.shared.verify.observe import answer, observe
from twotrack.shared.verify.outputs import corresponding, is_natural, require_some
from twotrack.shared.verify.request import AnswerRequest, SideRequest, VerifyRequest
from twotrack.shared.verify.rungs import PROBE_RUNGS
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import Answer, Request, Task

_MEMORY_PER_WORKER = 2 * 2**30
_MEMORY_OF_PARENT = 2 * 2**30
"""Which compares what the workers show: 1.6 GB for shop_transfer, 2.2 GB at most."""

OnPhase = Callable[[str, str], None]
"""Called with track and phase."""


@dataclass(frozen=True)
class Showing:
    """Lets the workers of a pool show sides, and tells what they are doing."""

    pool: WorkerPool
    on_phase: OnPhase

    def ask(self, track: str, task: Task[Request, Answer], request: Request) -> Answer:
        """Let a track's worker do a task, which ends what the track does."""
        answered = self.call(track, task, request)
        self.on_phase(track, "done")
        return answered

    def call(self, track: str, task: Task[Request, Answer], request: Request) -> Answer:
        """Let a track's worker do a task."""
        return self.pool.call(track, task, request, self.told(track))

    def told(self, track: str) -> Callable[[Progress], None]:
        """Return what tells how far a track is."""
        return lambda progress: self.on_phase(track, progress.phase)

    def everything(
        self, request: VerifyRequest, sides: Sequence[SideName], folder: Path
    ) -> tuple[VerifyRequest, dict[SideName, SideResults]]:
        """Let sides, the reference first, show all that rungs compare; return the request with what was found."""
        shown = self.all(request, sides, folder)
        request = self.with_found_outputs(request, shown, folder)
        request = self.with_same_outputs(request, shown, folder)
        for side in sides[1:]:
            shown[side] = self.with_same_draws(request, side, shown, folder)
        self.samples(request, shown, folder)
        return request, self.answers(request, shown, folder)

    def all(self, request: VerifyRequest, sides: Sequence[SideName], folder: Path) -> dict[SideName, SideResults]:
        """Let the workers work side by side, as many as memory allows."""
        free = psutil.virtual_memory().available - _MEMORY_OF_PARENT
        at_once = max(1, min(len(sides), free // _MEMORY_PER_WORKER))
        return self.pool.each(sides, lambda side: self.side(request, side, folder / side.slug), at_once)

    def side(self, request: VerifyRequest, side: SideName, folder: Path) -> SideResults:
        """Let one worker show its side; arrays go to a new folder."""
        folder.mkdir()
        side_request = SideRequest(verify=request, side=side, folder=folder)
        observation = self.call(side.track, observe, side_request)
        trainings = None
        if not request.is_pair and request.until == "accuracy" and not request.changes:
            trainings = accuracy.load(self.call(side.track, accuracy.measure, side_request))
        self.on_phase(side.track, "done")
        return SideResults(observation, trainings)

    def with_found_outputs(
        self, request: VerifyRequest, sides: dict[SideName, SideResults], folder: Path
    ) -> VerifyRequest:
        """Let sides show the outputs that correspond, in one order, where a model gives something nested."""
        for side, shown in sides.items():
            require_some(shown.observation, side.track)
        if all(shown.observation.given.is_plain for shown in sides.values()):
            return request
        reference, candidate = (shown.observation for shown in list(sides.values())[:2])
        found = corresponding(reference, candidate)
        request = request.model_copy(update={"outputs": found.names, "output_notes": found.notes})
        wanted = {side: list(found.names.values() if side.is_reference else found.names) for side in sides}
        again = [side for side, shown in sides.items() if not is_natural(shown.observation, wanted[side])]
        sides.update(self.pool.each(again, lambda side: self.side(request, side, folder / f"{side.slug}-found")))
        return request

    def with_same_outputs(
        self, request: VerifyRequest, sides: dict[SideName, SideResults], folder: Path
    ) -> VerifyRequest:
        """Let torch show its outputs as Keras has them, where Keras' model ends with a part of torch's loss."""
        reference, candidate = list(sides)[:2]
        torch, keras = (sides[side].observation for side in (reference, candidate))
        outputs = [side.traces["float64"].outputs for side in (torch, keras)]
        names = links_between(outputs[0], outputs[1], TOLERANCES["forward"].limit)
        if not names or keras.loss["from_logits"] or not torch.loss["from_logits"]:
            return request
        request = request.model_copy(update={"changes": (*request.changes, LinkOutputs(names=names))})
        linked = self.side(request, reference, folder / "linked")
        sides[reference] = replace(linked, trainings=sides[reference].trainings)
        return request

    def with_same_draws(
        self, request: VerifyRequest, side: SideName, sides: Mapping[SideName, SideResults], folder: Path
    ) -> SideResults:
        """Let a side draw what the reference's draws that correspond to its own draw, where order or layout differ."""
        torch, keras = sides[_reference(sides)].observation.draws, sides[side].observation.draws
        for attempt, mirrored in enumerate((False, True)):
            if not keras.draws or draws.agree(torch, keras):
                break
            if aligned := draws.alignment(torch, keras, mirrored):
                asked = SideRequest(
                    verify=request, side=side, folder=folder / f"{side.slug}-{attempt}", alignment=aligned
                )
                asked.folder.mkdir()
                again = self.call(side.track, observe, asked)
                if draws.agree(torch, again.draws):
                    return replace(sides[side], observation=again)
        return sides[side]

    def samples(self, request: VerifyRequest, sides: dict[SideName, SideResults], folder: Path) -> None:
        """Draw outputs of the sides of which one of a pair is random beyond control."""
        observed, reference = {side: shown.observation.draws for side, shown in sides.items()}, _reference(sides)
        random = [side for side in sides if draws.beyond_control(observed[reference], observed[side])]
        for side in dict.fromkeys([reference, *random]) if random else ():
            asked = SideRequest(verify=request, side=side, folder=folder / side.slug)
            observation = sides[side].observation.model_copy(update={"samples": self.call(side.track, sample, asked)})
            sides[side] = replace(sides[side], observation=observation)

    def answers(
        self, request: VerifyRequest, sides: Mapping[SideName, SideResults], folder: Path
    ) -> dict[SideName, SideResults]:
        """Let every two sides run on what the probes of either found, where anything was."""
        answered = dict(sides)
        for rung in PROBE_RUNGS:
            found = _found(rung, sides)
            asked = [side for side in sides if _concerning(side, found)]

            def ask(side: SideName, rung: ProbeRung = rung, found: Mapping[SideName, Path] = found) -> Path:
                concerning = {finder.slug: path for finder, path in _concerning(side, found).items()}
                return self.call(
                    side.track,
                    answer,
                    AnswerRequest(
                        verify=request, side=side, folder=folder / side.slug, rung=rung.name, found=concerning
                    ),
                )

            for side, given in self.pool.each(asked, ask).items():
                answered[side] = answered[side].with_answer(rung.name, given)
        return answered


def _reference(sides: Iterable[SideName]) -> SideName:
    return next(side for side in sides if side.is_reference)


def _found(rung: ProbeRung, sides: Mapping[SideName, SideResults]) -> dict[SideName, Path]:
    """Return the folders of what a rung's probes found, of the sides where that is to be run."""
    folders = {side: shown.observation.probed.get(rung.name, {}).get("float64") for side, shown in sides.items()}
    return {side: path for side, path in folders.items() if path and rung.asks(evidence.load(rung.evidence, path))}


def _concerning(side: SideName, found: Mapping[SideName, Path]) -> dict[SideName, Path]:
    """Return what a side is run on: the reference on what any side found, another on what it or the reference found."""
    return {
        finder: path for finder, path in found.items() if side.is_reference or finder.is_reference or finder == side
    }
