"""What a certificate says of code that asked for a narrower precision than the proof's."""

from collections.abc import Iterator

from twotrack.shared.spec.widening import NarrowRequest
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import Gap, GapKind, in_short


def notes(torch: Observation, keras: Observation) -> tuple[str, ...]:
    """Return one sentence for each line that asked for float32, in which the model runs anyway."""
    return tuple(
        f"{side} asks for {request.precision} at {request.place}{_inside(request)}, and gets float64"
        for side, request in _all(torch, keras)
        if not request.is_half and not _is_alone(request, side, torch, keras)
    )


def gaps(torch: Observation, keras: Observation) -> tuple[Gap, ...]:
    """Return an exception for each line that asked for less than float32, or that alone asks to round to float32.

    In the first the model itself computes less; the second is no difference in float32, and would be one in float64.
    """
    return tuple(
        Gap(
            GapKind.HALF if request.is_half else GapKind.PRECISION,
            request.place,
            f"{side} asks for {request.precision}{_inside(request)}, and was compared in float64",
        )
        for side, request in _all(torch, keras)
        if request.is_half or _is_alone(request, side, torch, keras)
    )


def _is_alone(request: NarrowRequest, side: str, torch: Observation, keras: Observation) -> bool:
    """Tell whether a line rounds to float32 on one side, and nothing on the other."""
    other = keras if side == "torch" else torch
    return request.rounds and not (other.asked_for_float32 or any(one.rounds for one in other.narrow_requests))


def _all(torch: Observation, keras: Observation) -> Iterator[tuple[str, NarrowRequest]]:
    for side, observation in (("torch", torch), ("Keras", keras)):
        for request in observation.narrow_requests:
            yield side, request


def _inside(request: NarrowRequest) -> str:
    return f" (in {in_short(request.layers)})" if request.layers else ""
