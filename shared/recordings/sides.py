"""Records sides in the workers of their tracks, and compares live ones with a recording."""

from collections.abc import Sequence
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError
from twotrack.shared.recordings.comparison import RUNGS, Compared, compare
from twotrack.shared.recordings.folder import OpenedRecording, open_recording
from twotrack.shared.recordings.live import CanonicalWeights, read_weights, record_side
from twotrack.shared.recordings.renaming import exactly, read_renames
from twotrack.shared.recordings.request import BuildReference, CanonicalRequest, RecordRequest
from twotrack.shared.runs.output_file import require_new
from twotrack.shared.spec.sides import TORCH
from twotrack.shared.spec.track import TRACKS, installed_track
from twotrack.shared.verify import evidence
from twotrack.shared.verify.showing import OnPhase
from twotrack.shared.verify.user_pair import PairReference
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

Subject = BuildReference | PairReference


def record_track(request: RecordRequest, on_phase: OnPhase, pool: WorkerPool | None = None) -> OpenedRecording:
    """Record one side in a worker; return the recording. UserError for what cannot be done, with nothing written."""
    installed_track(request.track)
    require_new(request.out)
    with lent_or_new(pool, quick_to_compile=True) as workers:
        workers.call(request.track, record_side, request, lambda progress: on_phase(request.track, progress.phase))
    on_phase(request.track, "done")
    return open_recording(request.out)


def tracks_facing(recording: OpenedRecording) -> list[str]:
    """Return the installed tracks that are no recording's own: Keras for one of torch, torch for one of Keras."""
    is_torch = recording.manifest.framework == TORCH
    return [name for name, spec in TRACKS.items() if (name != TORCH) == is_torch and not spec.missing]


def compare_live(
    subject: Subject,
    recording: OpenedRecording,
    tracks: Sequence[str],
    on_phase: OnPhase,
    pool: WorkerPool | None = None,
    renames: Sequence[str] = (),
    until: str = RUNGS[-1],
) -> list[Compared]:
    """Record each track's side on a recording's weights, inputs and targets, and compare it with the recording."""
    for track in tracks:
        installed_track(track)
    precision = recording.manifest.precision
    if precision not in ("float64", "float32"):
        raise UserError(f"'{recording.folder}' was recorded in {precision}; a live side runs in float64 or float32.")
    if not recording.weights or not recording.manifest.inputs:
        raise UserError(f"'{recording.folder}' has no weights or no inputs, which a live side is run on.")
    with atomic.scratch() as folder, lent_or_new(pool, quick_to_compile=True) as workers:
        weights = _canonical(subject, recording, folder / "canonical", workers)
        paths = evidence.load(CanonicalWeights, weights).paths if weights else {}
        patterns, found = (*read_renames(renames), *exactly(paths)), []
        for track in tracks:
            request = RecordRequest(
                subject=subject,
                track=track,
                out=folder / TRACKS[track].slug,
                precision=precision,
                material=recording.folder.resolve(),
                weights=weights,
                renames=tuple(renames),
            )
            live = record_track(request, on_phase, workers)
            compared = compare(live, recording, patterns, until, names=(track, recording.folder.resolve().name))
            found.append(compared)
        return found


def _canonical(subject: Subject, recording: OpenedRecording, folder: Path, workers: WorkerPool) -> Path | None:
    """Let torch read weights that have its own names; return the evidence, or None for other names."""
    manifest = recording.manifest
    if manifest.framework != TORCH or manifest.names == "canonical":
        return None
    installed_track(TORCH)
    material, precision = recording.folder.resolve(), manifest.precision
    asked = CanonicalRequest(subject=subject, precision=precision, material=material, folder=folder)
    return workers.call(TORCH, read_weights, asked)
