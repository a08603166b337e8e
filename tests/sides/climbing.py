"""Climbs a pair of this folder, and what came of it."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.ladders import SharedLadder
from twotrack.shared.report.ladder_text import ladder_text
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import VerifyRequest


def climb(
    ladder: SharedLadder,
    pair: str,
    tracks: Sequence[str] = ("torch",),
    until: str = "training",
    causes: str = "none",
    weights: dict[str, Path] | None = None,
    inputs: Path | None = None,
) -> tuple[TrackResult, str]:
    """Return the only comparison of a pair, and the text that a reader gets."""
    request = VerifyRequest(
        name=f"tests.sides.{pair}",
        until=until,
        causes=causes,  # type: ignore[arg-type]
        weights=weights or {},
        inputs=inputs,
    )
    (result,) = ladder.climb(request, lambda *_: None, tracks)
    return result, ladder_text(request, [result])
