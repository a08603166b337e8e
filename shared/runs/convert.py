"""Weights from a torch checkpoint, Keras weights or a run into a file of either framework.

Each framework reads and writes its own files in a worker process; between them the weights stand in
canonical form in a temporary .safetensors file.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.numpy import load_file, save_file

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.runs import convert_state
from twotrack.shared.runs.convert_state import Apart, StateFiles, StepRequest
from twotrack.shared.runs.output_file import output, require_extension, require_output
from twotrack.shared.runs.run_folder import RECORD, WEIGHTS, read
from twotrack.shared.spec.framework_files import BuildModel, Checkpoints
from twotrack.shared.spec.track import TRACKS, installed_track
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.task import task

TORCH, KERAS = "torch", "keras"
READABLE = {TORCH: (".safetensors", ".pt", ".pth"), KERAS: (".weights.h5", ".keras")}
WRITABLE = {TORCH: (".safetensors", ".pt"), KERAS: (".weights.h5",)}
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class ConversionRequest:
    """What the user asked to convert."""

    weights: Path
    chapter: str | None
    """The chapter whose model the weights belong to; a run folder knows its own."""
    settings: Mapping[str, str]
    to: str
    out: Path
    with_optimizer: bool = False
    """Carry the optimizer's state too."""


@dataclass(frozen=True)
class Converted:
    """What was written."""

    out: Path
    weights: int
    values: int
    notes: list[str]
    """What the target does not keep of the source."""
    step: Apart | None = None
    """How far a further step of both sides is apart; None if no optimizer was carried."""


@dataclass(frozen=True)
class Files:
    """A file of a track's framework for a chapter's model, and the same weights in canonical form."""

    track: str
    model: ChapterVariant
    path: Path
    canonical: Path


@dataclass(frozen=True)
class Written:
    """How much is in a file."""

    weights: int
    values: int


def convert(request: ConversionRequest, on_step: OnStep, pool: WorkerPool | None = None) -> Converted:
    """Convert, so that `request.out` appears whole or not at all.

    Raises UserError for anything that cannot be done; what needs no framework is checked first.
    """
    writer = _writer(request)
    run, model = _source(request)
    reader = None if run else _reader(request.weights)
    with output(request.out.absolute()) as converted, lent_or_new(pool, "cpu") as workers:
        canonical, notes = run / WEIGHTS if run else converted.with_name("canonical"), list[str]()
        if reader:
            on_step(f"reading '{request.weights}' with {reader}")
            files = Files(reader, model, request.weights.absolute(), canonical)
            notes = workers.call(reader, read_weights, files)
        on_step(f"writing '{request.out}' with {writer}")
        if not request.with_optimizer:
            written = workers.call(writer, write_weights, Files(writer, model, converted, canonical))
            return Converted(request.out, written.weights, written.values, notes)
        carry = _Carry(request, model, workers, on_step)
        apart = carry.out(run, reader, StateFiles(writer, model, converted, canonical, canonical.with_name("state")))
        notes = [*notes, *convert_state.notes_of(canonical.with_name(convert_state.STATE))]
        arrays = load_file(canonical).values()
    return Converted(request.out, len(arrays), sum(array.size for array in arrays), notes, apart)


@dataclass(frozen=True)
class _Carry:
    """Carries the optimizer's state along."""

    request: ConversionRequest
    model: ChapterVariant
    workers: WorkerPool
    on_step: OnStep

    def out(self, run: Path | None, reader: str | None, target: StateFiles) -> Apart:
        """Write weights and state; return how far a further step of source and target is apart."""
        state, folder = target.path.with_name(convert_state.STATE), target.path.parent
        canonical = target.canonical
        target = replace(target, state=state)
        if run:
            convert_state.of_run(run, state)
            other = _track(KERAS if self.request.to == TORCH else TORCH)
            source = replace(target, track=other, path=folder / f"source{WRITABLE[_family(other)][-1]}")
            self.workers.call(other, convert_state.write_training, source)
        else:
            assert reader
            source = StateFiles(reader, self.model, self.request.weights.absolute(), canonical, state)
            if not self.workers.call(reader, convert_state.read_state, source):
                raise convert_state.no_state(self.request.weights)
        self.workers.call(target.track, convert_state.write_training, target)
        return self._proof(source, target, folder)

    def _proof(self, source: StateFiles, target: StateFiles, folder: Path) -> Apart:
        moved = []
        for side, files in (("source", source), ("target", target)):
            self.on_step(f"training a further step from the {side} on {files.track}")
            out = folder / f"step of {side}"
            step = StepRequest(files.track, self.model, files.path, files.state, out)
            self.workers.call(files.track, convert_state.further_step, step)
            moved.append(out)
        return convert_state.apart(moved[0], moved[1], source.state)


def _writer(request: ConversionRequest) -> str:
    """Return the track that writes; UserError if the target or the output file cannot be."""
    if request.to not in WRITABLE:
        raise unknown("target of --to", request.to, WRITABLE)
    require_output(request.out, WRITABLE[request.to])
    if request.with_optimizer and request.out.suffix == ".safetensors":
        raise convert_state.no_place(request.out)
    return _track(request.to)


def _source(request: ConversionRequest) -> tuple[Path | None, ChapterVariant]:
    """Return the run folder that the weights stand in, if they do, and the model that they are of.

    Its path is absolute, for workers that are lent may have begun in another folder.
    """
    path = request.weights
    folder = path.parent if path.name == WEIGHTS and (path.parent / RECORD).is_file() else path
    if request.chapter is None and not folder.is_dir():
        raise UserError("say whose weights they are: --chapter NAME, or MODULE:PAIR in front of the file.")
    if not path.exists():
        raise UserError(f"there is no file or run folder '{path}'.")
    if request.chapter is not None and not folder.is_dir():
        return None, chapters.get(request.chapter).variant(settings=request.settings)
    job = read(folder).record.job
    if request.chapter not in (None, job.chapter):
        raise UserError(f"'{folder}' holds weights of the chapter '{job.chapter}', not of '{request.chapter}'.")
    return folder.absolute(), chapters.get(job.chapter).variant(settings=job.settings | dict(request.settings))


def _reader(path: Path) -> str:
    """Return the track that reads the file."""
    require_extension(path, [extension for extensions in READABLE.values() for extension in extensions], "WEIGHTS")
    return _track(next(family for family, extensions in READABLE.items() if path.name.endswith(extensions)))


def _family(track: str) -> str:
    return track.partition(":")[0]


def _track(family: str) -> str:
    """Return torch, or the first Keras track that is installed here; UserError if there is none."""
    tracks = [name for name in TRACKS if name.partition(":")[0] == family]
    usable = [name for name in tracks if not TRACKS[name].missing]
    return installed_track((usable or tracks)[0]).name


@task
def read_weights(files: Files) -> list[str]:
    """Read a file of the track's framework, write it in canonical form; return what is not kept."""
    checkpoints, build = _opened(files)
    with _as_user_error():
        weights, notes = checkpoints.read(files.path, build)
    save_file(weights, files.canonical)
    return notes


@task
def write_weights(files: Files) -> Written:
    """Write canonical weights as a file of the track's framework."""
    canonical = load_file(files.canonical)
    checkpoints, build = _opened(files)
    with _as_user_error():
        checkpoints.write(files.path, canonical, build)
    return Written(len(canonical), sum(array.size for array in canonical.values()))


def _opened(files: Files) -> tuple[Checkpoints, BuildModel]:
    """Return what the track's framework reads and writes with, and what builds the chapter's model."""
    track = open_track(files.track, "cpu")  # before the files choose a precision, which opening would reset
    return track.checkpoints(), lambda precision: track.build(whole_pair(files.model), 0, precision)


@contextmanager
def _as_user_error() -> Iterator[None]:
    """Let weights that are not the model's be the user's."""
    try:
        yield
    except BridgeError as error:
        raise UserError(str(error)) from error
