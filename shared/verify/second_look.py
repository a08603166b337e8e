"""A second look at two sides that part: is it rounding, or a difference?

Of a training, where rounding grows; and of what a rung's probes saw, where float32 shows how much it amounts to.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from math import isfinite, prod
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from twotrack.shared.base.tolerances import ENLARGED_AT_MOST, ROUNDED_GRADIENT, TOLERANCES
from twotrack.shared.spec.draws import Counterpart
from twotrack.shared.spec.sides import SideName
from twotrack.shared.verify import enlarging, evidence, following
from twotrack.shared.verify.common_steps import Stepped, StepRequest, step_from_start
from twotrack.shared.verify.enlarged import Enlarged
from twotrack.shared.verify.following import Explained, Followed, FollowRequest, LeadRequest, Led, Strayed
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.observe import answer, measure_rounding
from twotrack.shared.verify.request import AnswerRequest, RungRequest, SideRequest, VerifyRequest
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.rungs import EXACT, common_digests
from twotrack.shared.verify.rungs.common_state import FreeRun, find_difference, judge_free_run
from twotrack.shared.verify.rungs.gradients import gradient_scales
from twotrack.shared.verify.trace import Trace
from twotrack.shared.workers.task import Answer, Request, Task

E = TypeVar("E")

EXPLANATIONS = 3
"""Draws of moved gradients: up, down, at random."""
STRAYS = 2
"""Draws of rounding, see STRAYED_AT_MOST."""
IN_TRAINING_MODE = ("dropout", "gradients")
"""Rungs whose doubts are settled by how far the network enlarges rounding."""
_NO_MEASURE = "whether that is rounding is not known: the model asks for half precision, which float32 is to show"
_PLACES = {FailurePlace.WEIGHT, FailurePlace.VALIDATION, FailurePlace.OUTPUTS}


class Ask(Protocol):
    """Lets the worker of a track do a task."""

    def __call__(self, track: str, task: Task[Request, Answer], request: Request, /) -> Answer:
        """Return its answer."""


class SecondLook:
    """Looks again at what one request's rungs found; what the reference does serves all sides compared with it."""

    def __init__(self, request: VerifyRequest, reference: SideName, ask: Ask, folder: Path):
        self._request, self._reference, self._ask, self._folder = request, reference, ask, folder
        self._enlarged: dict[SideName, Path] = {}
        self._measured: dict[tuple[str, SideName, bool], list[tuple[frozenset[str], Path]]] = {}

    def judge(self, name: SideName, found: RungResult, torch: Observation, keras: Observation) -> RungResult:
        """Return what the second look found in place of a doubt, or of a training's failure."""
        if not found.in_doubt:
            return self._judge_training(name, found, torch, keras)
        if found.rung in IN_TRAINING_MODE:
            return self._judge_enlarged(name, found.rung, torch, keras)
        if any(request.is_half for side in (torch, keras) for request in side.narrow_requests):
            return replace(found, detail=f"{found.detail}; {_NO_MEASURE}")
        sides, rung = {self._reference: torch, name: keras}, found.rung
        if rung in torch.answered:
            return EXACT[rung](*(self._answered_in_float32(rung, each, sides) for each in sides))
        sides = {each: self._in_float32(found, each, side) for each, side in sides.items()}
        judged = EXACT[rung](*sides.values())
        if not judged.in_doubt:
            return judged
        return EXACT[rung](*(self._rounding(judged, each, side) for each, side in sides.items()))

    def _judge_enlarged(self, name: SideName, rung: str, torch: Observation, keras: Observation) -> RungResult:
        """Allow for how far the reference enlarges rounding, and the other side, too, where that is too little.

        A variance as E[x^2] - E[x]^2, which one of them may take, loses digits that the other keeps.
        """
        judged = EXACT[rung](torch.model_copy(update={"enlarged_in": (self._enlarged_in,)}), keras)
        if judged.passed or judged.difference is None or not judged.difference <= ENLARGED_AT_MOST:
            return judged
        both = self._enlarged_in, self._enlarge(name, keras.alignment)
        return EXACT[rung](torch.model_copy(update={"enlarged_in": both}), keras)

    def _in_float32(self, found: RungResult, name: SideName, side: Observation) -> Observation:
        """Return a side with what a rung's probes see in float32 where there are doubts."""
        seen = side.probed[found.rung] | {"float32": self._measure(found, name, side)}
        return side.model_copy(update={"probed": side.probed | {found.rung: seen}})

    def _rounding(self, found: RungResult, name: SideName, side: Observation) -> Observation:
        """Return a side with what a rung's probes see, where there are doubts, if operations round at random."""
        seen = self._measure(found, name, side, rounds=True)
        return side.model_copy(update={"rounded": side.rounded | {found.rung: seen}})

    def _measure(self, found: RungResult, name: SideName, side: Observation, rounds: bool = False) -> Path:
        """Let a rung's probes look where there are doubts; nothing is asked for twice."""
        known = self._measured.setdefault((found.rung, name, rounds), [])
        measured = next((path for doubts, path in known if found.doubts <= doubts), None)
        if measured is None:
            measured = self._ask(
                name.track,
                measure_rounding,
                RungRequest(
                    verify=self._request,
                    side=name,
                    folder=self._folder / f"{name.slug}-{len(known)}",
                    rung=found.rung,
                    doubts=found.doubts,
                    alignment=side.alignment,
                    rounds=rounds,
                ),
            )
            known.append((found.doubts, measured))
        return measured

    def _answered_in_float32(self, rung: str, name: SideName, sides: Mapping[SideName, Observation]) -> Observation:
        """Return one of two sides with what it does in float32, too, on what the rung's probes found on both."""
        folder = self._folder.joinpath("-".join(side.slug for side in sides), name.slug)
        found = {side.slug: shown.probed[rung]["float64"] for side, shown in sides.items()}
        asked = AnswerRequest(
            verify=self._request, side=name, folder=folder, rung=rung, found=found, precision="float32"
        )
        return sides[name].with_answer(rung, "float32", self._ask(name.track, answer, asked))

    def _judge_training(
        self, name: SideName, failure: RungResult, torch: Observation, keras: Observation
    ) -> RungResult:
        """Return the failure of a free run, or what was found in its place."""
        sides = torch.traces["float64"], keras.traces["float64"]
        if failure.place not in _PLACES or not isfinite(failure.difference or 0.0):
            return failure
        if torch.is_large(self._request) or keras.is_large(self._request):
            return self._judge_large(name, torch, keras)
        if _is_beyond_rounding(*sides) and not self._may_be_enlarged(failure):
            return failure
        if self._leader is None:
            return replace(failure, detail=f"{failure.detail}; {_no_room(torch)}")
        led = evidence.load(Led, self._leader / following.LED)
        followed = self._follow(name, keras)
        found = evidence.load(Followed, followed)
        different = find_difference(led, found, [])
        if different and found.is_complete and isfinite(different.difference or 0.0):
            different = find_difference(led, found, self._drawn(following.explain, Explained, followed, EXPLANATIONS))
        if different:
            return different
        free = FreeRun.of(*sides)
        return judge_free_run(free, led, found, self._drawn(following.stray, Strayed, followed, STRAYS))

    def _judge_large(self, name: SideName, torch: Observation, keras: Observation) -> RungResult:
        """Return what steps from the weights of the start tell of two sides, of which no copies are made."""
        own = self._stepped
        other = self._steps(name, keras, "stepped")
        steps, moved = common_digests.Steps(own, other), list[common_digests.Steps]()
        different = common_digests.find_difference(steps, moved)
        if different and common_digests.exceeds(steps):
            runs = (self._steps(self._reference, torch, f"moved-{draw}", draw) for draw in range(EXPLANATIONS))
            moved = [common_digests.Steps(own, run) for run in runs]
            different = common_digests.find_difference(steps, moved)
        traces = torch.traces["float64"], keras.traces["float64"]
        return different or common_digests.passed(FreeRun.of(*traces), steps, traces[1])

    @cached_property
    def _stepped(self) -> Stepped:
        return self._steps(self._reference, None, "stepped")

    def _steps(self, name: SideName, shown: Observation | None, kind: str, moved: int | None = None) -> Stepped:
        """Let a side step from the weights of the start."""
        asked = StepRequest(
            verify=self._request,
            side=name,
            folder=self._folder / f"{name.slug}-{kind}",
            alignment=shown.alignment if shown else {},
            moved=moved,
        )
        return evidence.load(Stepped, self._ask(name.track, step_from_start, asked))

    @property
    def _enlarged_in(self) -> Path:
        """The folder of what rounding may add in a training step, as the reference shows it."""
        return self._enlarge(self._reference, {})

    def _enlarge(self, name: SideName, alignment: dict[int, Counterpart]) -> Path:
        """Return the folder of what rounding may add in a training step, as a side shows it; none is asked twice."""
        if name not in self._enlarged:
            folder = self._folder / f"{name.slug}-enlarged"
            asked = SideRequest(verify=self._request, side=name, folder=folder, alignment=alignment)
            self._enlarged[name] = self._ask(name.track, enlarging.enlarge, asked)
        return self._enlarged[name]

    def _may_be_enlarged(self, failure: RungResult) -> bool:
        """Tell whether rounding is enlarged so far that a step may show it of any number."""
        is_small = (failure.difference or 0.0) <= ENLARGED_AT_MOST
        return is_small and evidence.load(Enlarged, self._enlarged_in).is_seen

    @cached_property
    def _leader(self) -> Path | None:
        asked = LeadRequest(verify=self._request, side=self._reference, folder=self._folder / "leader")
        return self._ask(self._reference.track, following.lead, asked)

    def _follow(self, name: SideName, keras: Observation) -> Path:
        assert self._leader
        folder = self._folder / name.slug
        asked = FollowRequest(
            verify=self._request, side=name, folder=folder, leader=self._leader, alignment=keras.alignment
        )
        return self._ask(name.track, following.follow, asked)

    def _drawn(self, task: Task[FollowRequest, Path], kind: type[E], followed: Path, draws: int) -> list[E]:
        """Let the reference do a task with several random draws; return what it showed."""
        assert self._leader
        found = []
        for draw in range(draws):
            asked = FollowRequest(
                verify=self._request,
                side=self._reference,
                folder=followed.parent / f"{followed.name}-{task.name}-{draw}",
                leader=self._leader,
                followed=followed,
                draw=draw,
                rounds=evidence.load(Enlarged, self._enlarged_in).is_seen,
            )
            found.append(evidence.load(kind, self._ask(self._reference.track, task, asked)))
        return found


def _is_beyond_rounding(torch: Trace, keras: Trace) -> bool:
    """Return whether the first step differs in a number whose gradient is no rounding, unless that is much enlarged.

    It is a step from common weights already.
    """
    scales = gradient_scales(torch)
    for name, array in torch.weights[0].items():
        limit = TOLERANCES["training"].limit * (float(np.abs(array).max(initial=0.0)) or 1.0)
        exceeds = ~(np.abs(keras.weights[0][name] - array) <= limit)
        if exceeds.any() and name not in scales:
            return True
        if exceeds.any() and (np.abs(torch.gradients[name][exceeds]) > ROUNDED_GRADIENT * scales[name]).any():
            return True
    return False


def _no_room(torch: Observation) -> str:
    needed = 8 * sum(prod(shape) for shape in torch.parameters.values()) * len(torch.traces["float64"].losses)
    return (
        f"judging it from common weights takes {needed / 1e9:.1f} GB of disk in {tempfile.gettempdir()}, which has "
        "less: set TMPDIR to a folder with more"
    )
