"""A user's own model, loss or optimizer is looked at: whatever goes wrong there names it."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from twotrack.shared.base.code_places import is_pythons, place_in_code
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.task import Report


@contextmanager
def inspecting(request: SideRequest, report: Report) -> Iterator[Report]:
    """Yield a report of phases; any exception in the block is a UserError that names side, phase and place.

    It is as it was for a chapter, whose models are twotrack's. The whole of it stands in the worker's log.
    """
    phases = ["starting"]

    def listen(phase: str, figures: Mapping[str, Any] = MappingProxyType({}), /) -> None:
        phases.append(phase)
        report(phase, figures)

    try:
        yield listen
    except (UserError, BridgeError):
        raise
    except (
        Exception
    ) as error:  # whatever the user's model, or the framework in it, raises: it is told, and ends the climb
        if request.verify.pair is None:
            raise
        traceback.print_exc()
        raise UserError(
            f"{request.verify.name}: the side of {request.side.track} cannot be looked at "
            f"({phases[-1]}): {one_line(error)} ({_place(error)}); is it something that twotrack does not know? "
            "Make it simpler, or leave it out."
        ) from error


def _place(error: Exception) -> str:
    """Return where it was raised, or came from where the innermost code is Python's own."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_pythons(frame.filename)]
    return place_in_code(frames[-1].filename, frames[-1].lineno or 0) if frames else "no place in code"
