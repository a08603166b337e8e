"""Two sides, compared rung by rung."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from twotrack.shared.spec.changes import LinkOutputs
from twotrack.shared.verify import accuracy
from twotrack.shared.verify.links import IDENTITY
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import OF_TRAINING, RUNGS, VerifyRequest
from twotrack.shared.verify.result import Gap, GapKind, RungResult
from twotrack.shared.verify.rungs import EXACT, OF_LOOPS


@dataclass(frozen=True)
class SideResults:
    """All that one worker showed."""

    observation: Observation
    trainings: accuracy.ShortTrainings | None
    """None for a user's pair, which has no data to learn, and where the climb ends before."""

    def with_answer(self, rung: str, folder: Path) -> "SideResults":
        """Return it with what the side did in float64 on what a rung's probes found."""
        return replace(self, observation=self.observation.with_answer(rung, "float64", folder))


LookAgain = Callable[[RungResult, Observation, Observation], RungResult]
"""Returns what a second look at torch's side and Keras' found in place of a failed training, or of a doubt."""


def climbed(request: VerifyRequest, torch: SideResults, keras: SideResults, look_again: LookAgain) -> list[RungResult]:
    """Compare two sides, rung by rung, up to the first failure."""
    results: list[RungResult] = []
    for rung in RUNGS[: RUNGS.index(request.until) + 1]:
        result = _check(rung, request, torch, keras)
        is_own = torch.observation.has_own_loop
        if result is not None and (result.in_doubt or (rung == "training" and not result.passed and not is_own)):
            result = look_again(result, torch.observation, keras.observation)
        if result is not None:
            told = _told_of_outputs(_told_of_links(result, request), request)
            results.append(_told_of_own(told, request))
            if not result.passed:
                break
    return results


def _told_of_links(result: RungResult, request: VerifyRequest) -> RungResult:
    """Say in the rung forward that outputs were compared with a function behind torch's."""
    links = [name for change in request.changes if isinstance(change, LinkOutputs) for name in change.names]
    if result.rung != "forward" or not links:
        return result
    names = " and ".join(dict.fromkeys(name for name in links if name != IDENTITY))
    detail = f"Keras gives {names} of what torch gives; they were compared so, and torch's loss took what it gives"
    return replace(result, gaps=(*result.gaps, Gap(GapKind.OUTPUTS, "the outputs", detail)))


def _told_of_outputs(result: RungResult, request: VerifyRequest) -> RungResult:
    """Say in the rung forward which outputs were compared with which, where names alone do not say it."""
    return replace(result, notes=(*request.output_notes, *result.notes)) if result.rung == "forward" else result


ON_OWN = ("forward", "gradients", "training")
"""Rungs that look at the user's own weights and inputs, where there are any."""


def _told_of_own(result: RungResult, request: VerifyRequest) -> RungResult:
    """Say of rungs that looked at weights or inputs of the user's own that they did."""
    if result.rung not in ON_OWN or not request.own.told:
        return result
    return replace(result, detail=f"{result.detail}, on {request.own.told}")


def _check(rung: str, request: VerifyRequest, torch: SideResults, keras: SideResults) -> RungResult | None:
    """Return what a rung finds; None if it does not apply."""
    if torch.observation.has_own_loop and rung in (*OF_TRAINING, "accuracy"):
        return None
    if torch.observation.has_own_loop and rung in OF_LOOPS:
        return OF_LOOPS[rung](torch.observation, keras.observation)
    if rung != "accuracy":
        return EXACT[rung](torch.observation, keras.observation)
    if torch.trainings is None or keras.trainings is None:
        return None
    return accuracy.check(request.variant.chapter.metric, torch.trainings, keras.trainings)
