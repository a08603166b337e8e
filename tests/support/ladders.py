"""The session's ladder, on the session's workers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify import accuracy
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, SideRequest, VerifyRequest

SHORTER: Mapping[str, Any] = MappingProxyType({"precisions": FOR_THE_VERDICT, "optimizer_steps": 200})
"""What a test climbs with unless it says otherwise: every rung, in the precision that decides."""


def shorter(request: VerifyRequest) -> VerifyRequest:
    """Return the request with SHORTER in the place of what it leaves open."""
    return request.model_copy(update={name: SHORTER[name] for name in SHORTER.keys() - request.model_fields_set})


class SharedLadder(Ladder):
    """A ladder that does less unless asked for, and can do the accuracy rung's trainings alone."""

    def climb(
        self, request: VerifyRequest, on_phase: Callable[..., object], tracks: Sequence[str] | None = None
    ) -> list[TrackResult]:
        return super().climb(shorter(request), on_phase, tracks)

    def short_trainings(
        self, tracks: Sequence[str], chapter: str, settings: Mapping[str, str], folder: Path
    ) -> list[accuracy.ShortTrainings]:
        """Train on every track as the accuracy rung does; return what each came to."""

        def measure(track: str) -> accuracy.ShortTrainings:
            own = folder / track.replace(":", "-")
            own.mkdir()
            verify = VerifyRequest(name=chapter, settings=dict(settings))
            asked = SideRequest(verify=verify, side=mixed(track), folder=own)
            return accuracy.load(self._pool.call(track, accuracy.measure, asked))

        return list(self._pool.each(tracks, measure).values())
