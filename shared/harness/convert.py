"""Weights from a torch checkpoint, Keras weights or a run into a file of either framework.

Each framework reads and writes its own files in a worker process; between them the weights stand in
canonical form in a temporary .safetensors file.
"""

import importlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.numpy import load_file, save_file

from twotrack.shared import atomic, chapters
from twotrack.shared.bridge import BridgeError
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.harness.processes import Worker
from twotrack.shared.harness.run_folder import RECORD, WEIGHTS, read, unwritable
from twotrack.shared.track import TRACKS, TrackModel, installed_track, open_track

TORCH, KERAS = "torch", "keras"
READABLE = {TORCH: (".safetensors", ".pt", ".pth"), KERAS: (".weights.h5", ".keras")}
WRITABLE = {TORCH: (".safetensors", ".pt"), KERAS: (".weights.h5",)}
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What the user asked to convert."""

    weights: Path
    chapter: str
    settings: Mapping[str, str]
    to: str
    out: Path


@dataclass(frozen=True)
class Converted:
    """What was written."""

    out: Path
    weights: int
    values: int
    notes: list[str]
    """What the target does not keep of the source."""


def convert(request: Request, on_step: OnStep) -> Converted:
    """Convert, so that `request.out` appears whole or not at all.

    Raises UserError for anything that cannot be done; what needs no framework is checked first.
    """
    writer = _writer(request)
    run, settings = _run_folder(request)
    chapters.get(request.chapter).configure(settings)
    reader = None if run else _reader(request.weights)
    model = {"chapter": request.chapter, "settings": settings}
    with TemporaryDirectory() as folder:
        canonical, made, notes = run and run / WEIGHTS, Path(folder, request.out.name), []
        if reader:
            on_step(f"reading '{request.weights}' with {reader}")
            canonical = Path(folder, "canonical")
            notes = _call(reader, "read_task", model, path=request.weights, canonical=canonical)
        on_step(f"writing '{request.out}' with {writer}")
        counts = _call(writer, "write_task", model, path=made, canonical=canonical)
        _publish(made, request.out)
    return Converted(request.out, notes=notes, **counts)


def _writer(request: Request) -> str:
    """Return the track that writes; UserError if the target or the output file cannot be."""
    if request.to not in WRITABLE:
        raise unknown("target of --to", request.to, WRITABLE)
    _require_extension(request.out, WRITABLE[request.to], "--out")
    if not request.out.parent.is_dir():
        raise UserError(f"--out: the folder '{request.out.parent}' does not exist; create it or choose another one.")
    if request.out.is_dir():
        raise UserError(f"--out: '{request.out}' is a folder; expected the name of a file.")
    return _track(request.to)


def _run_folder(request: Request) -> tuple[Path | None, dict[str, str]]:
    """Return the run folder that the weights stand in, if they do, and the model's settings."""
    path = request.weights
    if not path.exists():
        raise UserError(f"there is no file or run folder '{path}'.")
    folder = path.parent if path.name == WEIGHTS and (path.parent / RECORD).is_file() else path
    if not folder.is_dir():
        return None, dict(request.settings)
    job = read(folder).record.job
    if job.chapter != request.chapter:
        raise UserError(f"'{folder}' holds weights of the chapter '{job.chapter}', not of '{request.chapter}'.")
    return folder, job.settings | dict(request.settings)


def _reader(path: Path) -> str:
    """Return the track that reads the file."""
    _require_extension(path, [extension for known in READABLE.values() for extension in known], "WEIGHTS")
    return _track(next(family for family, known in READABLE.items() if path.name.endswith(known)))


def _require_extension(path: Path, known: "list[str] | tuple[str, ...]", what: str) -> None:
    if not path.name.endswith(tuple(known)):
        raise UserError(f"{what}: expected a name that ends in {' or '.join(known)}, found '{path}'.")


def _track(family: str) -> str:
    """Return torch, or the first Keras track that is installed here; UserError if there is none."""
    tracks = [name for name in TRACKS if name.partition(":")[0] == family]
    usable = [name for name in tracks if not TRACKS[name].missing]
    return installed_track((usable or tracks)[0]).name


def _call(track: str, task: str, model: Mapping[str, Any], **paths: Path) -> Any:
    arguments = {"track": track, **model, **{name: str(path) for name, path in paths.items()}}
    with Worker(track, "cpu") as worker:
        return worker.call(f"{__name__}:{task}", arguments)


def _publish(made: Path, out: Path) -> None:
    """Give `out` its content in one step."""
    try:
        with atomic.written(out) as partial:
            shutil.copyfile(made, partial)
    except OSError as error:
        raise unwritable(out.parent, error) from error


def read_task(arguments: Mapping[str, Any], report: object) -> list[str]:
    """Worker task: read a file of the track's framework, write it in canonical form; return what is not kept."""
    weights, notes = _of_model(arguments, "read", Path(arguments["path"]))
    save_file(weights, arguments["canonical"])
    return notes


def write_task(arguments: Mapping[str, Any], report: object) -> dict[str, int]:
    """Worker task: write canonical weights as a file of the track's framework; return how many they are."""
    canonical = load_file(arguments["canonical"])
    _of_model(arguments, "write", Path(arguments["path"]), canonical)
    return {"weights": len(canonical), "values": sum(array.size for array in canonical.values())}


def _of_model(arguments: Mapping[str, Any], work: str, *what: Any) -> Any:
    """Let the track's framework read or write for the chapter's model."""
    chapter, spec = chapters.get(arguments["chapter"]), TRACKS[arguments["track"]]
    track = open_track(spec.name, "cpu")  # before the files choose a precision, which opening would reset

    def build() -> TrackModel:
        return track.build(chapter, chapter.configure(arguments["settings"]), seed=0)

    files = importlib.import_module(f"{spec.module.rpartition('.')[0]}.checkpoints")
    try:
        return getattr(files, work)(*what, build)
    except BridgeError as error:
        raise UserError(str(error)) from error
