"""The rung replicas: do several replicas do the training of one, on either side and between them?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twotrack.shared.verify.replicas import LIMIT, Apart, ReplicasEvidence, apart
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult
from twotrack.shared.verify.suspects import STATISTICS

RUNG = "replicas"
CAUSES: Mapping[str, str] = {
    "statistics": "each replica normalises its own share of the batch; with the statistics of the whole batch",
    "clipping": "each replica clips its own gradients before they are added up; with the sum clipped",
    "both": "each replica normalises its own share of the batch and clips its own gradients; with both over the whole "
    "batch",
    "sum": "the loss is a sum over rows, and the mean of the replicas' gradients is taken; with their sum",
    "scalar": "the loss is a single number, which MirroredStrategy adds up over replicas as it stands; with its mean",
    "whole": "something takes the rows of a batch together, such as a loss that is no mean over rows, so that shares "
    "are no parts of it; with the whole batch on every replica",
}
"""What parts replicas from one where a change mends it, by the name of the change."""


@dataclass(frozen=True)
class OnReplicas:
    """What both sides did."""

    count: int
    torch: ReplicasEvidence
    keras: ReplicasEvidence

    @property
    def sides(self) -> Mapping[str, ReplicasEvidence]:
        """By what messages call them, of those that were trained."""
        return {name: one for name, one in {"torch": self.torch, "Keras": self.keras}.items() if not one.refused}


def check_replicas(found: OnReplicas, grows: bool = False) -> RungResult:
    """Judge both sides against one replica, then their replicas against each other.

    Where rounding grows, as in the sides' own trainings on one replica, weights may part from each other.
    """
    sides, both = found.sides, len(found.sides) > 1
    between = apart(found.torch.several, found.keras.several) if both else Apart()
    wrong = [_wrong(name, found.count, one) for name, one in sides.items() if not one.is_equal]
    grows = grows or any(one.from_common is not None for one in sides.values())
    if both and not wrong and max(between.gradient, between.loss, 0.0 if grows else between.weight) > LIMIT:
        place = f", first in '{between.where}'" if between.where else ""
        wrong = [f"{found.count} replicas of torch and of Keras differ: {_sizes(between)}{place}"]
    largest = [one.apart.largest for one in sides.values()]
    if both and all(one.is_equal for one in sides.values()):
        largest.append(between.largest)
    steps = sum(len(one.several.losses) for one in sides.values())
    first = next((one.apart for one in sides.values() if not one.is_equal), between)
    return RungResult(
        RUNG,
        not wrong,
        "; ".join(wrong) or _passed(found, between),
        max(largest, default=None),
        limit=LIMIT,
        place=FailurePlace.WEIGHT if wrong else FailurePlace.NOWHERE,
        where=first.where if wrong else "",
        counts={f"steps on {found.count} replicas": steps} if sides else {},
        gaps=tuple(_gaps(found, between, grows)),
        notes=tuple(_notes(found)),
    )


def _wrong(name: str, count: int, side: ReplicasEvidence) -> str:
    """Say how far a side is off one replica, and why."""
    place = f", from step {side.apart.step} on ('{side.apart.where}')" if side.apart.step else ""
    told = f"{count} replicas of {name} do not train as one does ({_sizes(side.apart)}{place})"
    if side.cause is None:
        return f"{told}: cause unknown, {_tried(side)}"
    return f"{told}: {CAUSES[side.cause.name]} {side.cause.apart.largest:.0e} is left"


def _tried(side: ReplicasEvidence) -> str:
    left = ", ".join(f"{one.name} {one.apart.largest:.0e}" for one in side.tried)
    return f"what is left with changes that were tried: {left}" if left else "nothing could be tried"


def _sizes(one: Apart) -> str:
    return f"loss {one.loss:.0e}, gradients {one.gradient:.0e}, weights {one.weight:.0e}"


def _passed(found: OnReplicas, between: Apart) -> str:
    if not found.sides:
        return "not run"
    own = ", ".join(f"{name} {one.apart.largest:.0e}" for name, one in found.sides.items())
    steps = max(len(one.several.losses) for one in found.sides.values())
    other = f", each other {between.largest:.0e}" if len(found.sides) > 1 else ""
    return f"{found.count} replicas: {steps} steps as one replica does them; apart: {own}{other}"


def _gaps(found: OnReplicas, between: Apart, grows: bool) -> Iterator[Gap]:
    for name, one in {"torch": found.torch, "Keras": found.keras}.items():
        if one.refused:
            yield Gap(GapKind.NOT_RUN, RUNG, f"{found.count} replicas of {name}: {one.refused}")
        elif one.is_equal and not one.apart.is_equal:
            detail = (
                f"{found.count} replicas of {name} part from one as rounding grows ({one.apart.largest:.0e}); steps "
                f"from common weights agree to {one.from_common:.0e}"
            )
            yield Gap(GapKind.ROUNDING, RUNG, detail)
    if grows and len(found.sides) > 1 and all(one.is_equal for one in found.sides.values()) and between.weight > LIMIT:
        detail = (
            f"the replicas of both sides part as rounding grows ({between.weight:.0e}), as one replica of each does"
        )
        yield Gap(GapKind.ROUNDING, RUNG, detail)


def _notes(found: OnReplicas) -> Iterator[str]:
    named = (name for one in found.sides.values() if one.synchronised for each in one.several.weights for name in each)
    if any(name.endswith(STATISTICS) for name in named):
        yield "on replicas batch normalisation takes the statistics of the whole batch, as in runs of twotrack"
