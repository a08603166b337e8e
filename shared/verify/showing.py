"""Both sides of a pair, shown in the workers of their tracks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.changes import LinkOutputs
from twotrack.shared.verify import accuracy, draws, evidence
from twotrack.shared.verify.comparing import SideResults
from twotrack.shared.verify.distribution import sample
from twotrack.shared.verify.links import links_between
from twotrack.shared.verify.observe import answer, observe
from twotrack.shared.verify.request import AnswerRequest, SideRequest, VerifyRequest
from twotrack.shared.verify.rungs import PROBE_RUNGS
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import Answer, Request, Task

REFERENCE = "torch"
_MEMORY_PER_WORKER = 2 * 2**30

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
        return self.pool.call(track, task, request, self._shown(track))

    def _shown(self, track: str) -> Callable[[Progress], None]:
        return lambda progress: self.on_phase(track, progress.phase)

    def all(self, request: VerifyRequest, tracks: Sequence[str], folder: Path) -> dict[str, SideResults]:
        """Let the workers work side by side, as many as memory allows."""
        at_once = max(1, min(len(tracks), psutil.virtual_memory().available // _MEMORY_PER_WORKER))
        return self.pool.each(tracks, lambda track: self.side(request, track, folder / slug(track)), at_once)

    def side(self, request: VerifyRequest, track: str, folder: Path) -> SideResults:
        """Let one worker show its side; arrays go to a new folder."""
        folder.mkdir()
        side_request = SideRequest(verify=request, track=track, folder=folder)
        observation = self.call(track, observe, side_request)
        trainings = None
        if not request.is_pair and request.until == "accuracy" and not request.changes:
            trainings = accuracy.load(self.call(track, accuracy.measure, side_request))
        self.on_phase(track, "done")
        return SideResults(observation, trainings)

    def with_same_outputs(self, request: VerifyRequest, sides: dict[str, SideResults], folder: Path) -> VerifyRequest:
        """Let torch show its outputs as Keras has them, where Keras' model ends with a part of torch's loss."""
        torch, keras = (sides[track].observation for track in list(sides)[:2])
        outputs = [side.traces["float64"].outputs for side in (torch, keras)]
        names = links_between(outputs[0], outputs[1], TOLERANCES["forward"].limit)
        if not names or keras.loss["from_logits"] or not torch.loss["from_logits"]:
            return request
        request = request.model_copy(update={"changes": (*request.changes, LinkOutputs(names=names))})
        linked = self.side(request, REFERENCE, folder / "linked")
        sides[REFERENCE] = replace(linked, trainings=sides[REFERENCE].trainings)
        return request

    def with_same_draws(
        self, request: VerifyRequest, track: str, sides: Mapping[str, SideResults], folder: Path
    ) -> SideResults:
        """Let a Keras side draw what torch's draws that correspond to its own draw, where order or layout differ."""
        torch, keras = sides[REFERENCE].observation.draws, sides[track].observation.draws
        for attempt, mirrored in enumerate((False, True)):
            if not keras.draws or draws.agree(torch, keras):
                break
            if aligned := draws.alignment(torch, keras, mirrored):
                asked = SideRequest(
                    verify=request, track=track, folder=folder / f"{slug(track)}-{attempt}", alignment=aligned
                )
                asked.folder.mkdir()
                again = self.call(track, observe, asked)
                if draws.agree(torch, again.draws):
                    return replace(sides[track], observation=again)
        return sides[track]

    def samples(self, request: VerifyRequest, sides: dict[str, SideResults], folder: Path) -> None:
        """Draw outputs of the tracks of which one of a pair is random beyond control."""
        observed = {track: side.observation.draws for track, side in sides.items()}
        random = [track for track in sides if draws.beyond_control(observed[REFERENCE], observed[track])]
        for track in dict.fromkeys([REFERENCE, *random]) if random else ():
            asked = SideRequest(verify=request, track=track, folder=folder / slug(track))
            observation = sides[track].observation.model_copy(update={"samples": self.call(track, sample, asked)})
            sides[track] = replace(sides[track], observation=observation)

    def answers(self, request: VerifyRequest, sides: Mapping[str, SideResults], folder: Path) -> dict[str, SideResults]:
        """Let every two sides run on what the probes of either found, where anything was."""
        answered = dict(sides)
        for rung in PROBE_RUNGS:
            found = _found(rung, sides)
            asked = [track for track in sides if _concerning(track, found)]

            def ask(track: str, rung: ProbeRung = rung, found: Mapping[str, Path] = found) -> Path:
                concerning, place = _concerning(track, found), folder / slug(track)
                return self.call(
                    track,
                    answer,
                    AnswerRequest(verify=request, track=track, folder=place, rung=rung.name, found=concerning),
                )

            for track, given in self.pool.each(asked, ask).items():
                answered[track] = answered[track].with_answer(rung.name, given)
        return answered


def _found(rung: ProbeRung, sides: Mapping[str, SideResults]) -> dict[str, Path]:
    """Return the folders of what a rung's probes found, of the tracks where that is to be run."""
    folders = {track: side.observation.probed.get(rung.name, {}).get("float64") for track, side in sides.items()}
    return {track: path for track, path in folders.items() if path and rung.asks(evidence.load(rung.evidence, path))}


def _concerning(track: str, found: Mapping[str, Path]) -> dict[str, Path]:
    """Return what a side is run on: torch on what any side found, a Keras track on what it or torch found."""
    return {finder: path for finder, path in found.items() if track == REFERENCE or finder in (track, REFERENCE)}


def slug(track: str) -> str:
    """Return a track's name as a folder has it."""
    return track.replace(":", "-")
