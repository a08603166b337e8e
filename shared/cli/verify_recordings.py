"""twotrack verify, where one side or both are recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twotrack.shared.cli import options
from twotrack.shared.errors import UserError

if TYPE_CHECKING:
    from twotrack.shared.recordings.comparison import Compared


def compared(
    subject: str, other: Path | None, recording: Path | None, tracks: str, renames: Sequence[str], until: str
) -> "list[Compared]":
    """Compare two recordings, or a pair's live sides with one; UserError for what cannot be done."""
    from twotrack.shared.recordings.comparison import compare_folders
    from twotrack.shared.recordings.renaming import read_renames

    _require_rung(until)
    if other and recording:
        raise UserError("name two recordings, DIR DIR, or a pair and one, MODULE:PAIR --recording DIR, not both.")
    if other:
        return [compare_folders(Path(subject), other, read_renames(renames), until)]
    if recording is None:
        raise UserError(
            "--rename is for recordings: name two, DIR DIR, or one and a pair, MODULE:PAIR --recording DIR."
        )
    return _live(subject, recording, tracks, renames, until)


def _require_rung(until: str) -> None:
    from twotrack.shared.errors import unknown
    from twotrack.shared.verify.request import RUNGS

    if until not in RUNGS:
        raise unknown("rung", until, RUNGS)


def _live(subject: str, folder: Path, tracks: str, renames: Sequence[str], until: str) -> "list[Compared]":
    from twotrack.shared.cli.console import track_phases
    from twotrack.shared.recordings import sides
    from twotrack.shared.recordings.folder import open_recording
    from twotrack.shared.recordings.request import read_build

    reference, opened = read_build(subject), open_recording(folder)
    chosen = sides.tracks_facing(opened) if tracks == options.ALL else options.parse_tracks(tracks)
    with track_phases() as show:
        return sides.compare_live(reference, opened, chosen, show, options.lent_pool(), renames, until)
