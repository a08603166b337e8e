"""Options that several commands share, and how their text is read."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError
from twotrack.shared.spec import profiles
from twotrack.shared.spec.track import DEFAULT_TRACKS, TRACKS, run_precision

if TYPE_CHECKING:
    from twotrack.shared.runs.comparison import TrainingRequest
    from twotrack.shared.workers.pool import WorkerPool

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout instead of text.")]
Chapter = Annotated[str, typer.Argument(help="A chapter's slug, as 'twotrack list' shows it.")]
OptionalChapter = Annotated[
    str | None, typer.Argument(metavar="CHAPTER", help="A chapter's slug, as 'twotrack list' shows it.")
]
RunFolder = Annotated[
    Path,
    typer.Argument(
        help="A run folder of any track; latest:CHAPTER or latest:CHAPTER:TRACK is the run below runs/ that finished "
        "last."
    ),
]
Recipe = Annotated[
    str, typer.Option(help="fast: little time. classic: the original chapter's. Others: 'twotrack list' shows them.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of the chapter, optimizer, learning_rate, schedule, patience, checkpoint, keep, "
        "average, accumulate, loss, initialiser or shift; may be repeated.",
    ),
]
Epochs = Annotated[
    float | None, typer.Option(help="Train this many epochs instead of the recipe's; 0.5 is half of one.")
]
Examples = Annotated[int | None, typer.Option(help="Train on the first so many examples only, for a quick try.")]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Compute in float64 and drop nothing out: what is left between tracks is rounding. Takes longer.",
    ),
]
SameMasks = Annotated[
    bool,
    typer.Option(
        "--same-masks",
        help="As --exact, but with dropout, whose masks are drawn once for all tracks: what is left is rounding.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="float32, float64, or bfloat16: passes of training in the framework's mixed precision, weights, updates "
        "and predictions in float32 [default: the recipe's; float64 with --exact]."
    ),
]
Device = Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu or cuda.")]
Replicas = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Train on N replicas, each with its share of every batch: GPUs, or parts of the processor. After the "
        "rungs, `verify` proves that they do the training of one.",
    ),
]
Source = Annotated[
    str,
    typer.Option(
        help="embedded, cdnow, stamps, tfds, or tfds:NAME for another data set of the same form, e.g. tfds:kmnist."
    ),
]
OwnSource = Annotated[
    str | None,
    typer.Option(
        help="embedded, cdnow, stamps, tfds or tfds:NAME [default: that of the run of --from or --warm-start, else "
        "embedded]."
    ),
]
TfdsDir = Annotated[
    Path | None, typer.Option(help="Folder of prepared tensorflow-datasets [default: its own, ~/tensorflow_datasets].")
]
Data = Annotated[
    Path | None, typer.Option(help="A CSV file of your own in the columns of the data set, instead of --source.")
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="Pretrained weights for a chapter that starts from some: a name, a file or folder, or an address."
    ),
]
Images = Annotated[
    Path | None, typer.Option(help="A folder of your own photos, one sub-folder per class, instead of --source.")
]
SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Leave out files below --images that are no photos.")]
Profile = Annotated[str, typer.Option(help="aligned: every default made equal. native: each framework's own defaults.")]
OwnStart = Annotated[
    bool | None,
    typer.Option(
        "--own-start/--same-start",
        help="Initial weights: each framework's own, or the same in every track [default: same; own with native].",
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option("--tensorboard", help="Write TensorBoard event files while training; needs the extra tensorboard."),
]
Out = Annotated[Path, typer.Option(help="Folder for results.")]


@dataclass(frozen=True)
class Training:
    """What of a chapter is trained, and how much."""

    settings: Settings = None
    weights: Weights = None
    epochs: Epochs = None
    examples: Examples = None
    exact: Exact = False
    same_masks: SameMasks = False
    precision: Precision = None
    replicas: Replicas = 1


@dataclass(frozen=True)
class ProfileOptions:
    """What each framework decides itself."""

    profile: Profile = profiles.ALIGNED
    own_start: OwnStart = None


@dataclass(frozen=True)
class OwnData:
    """Where data are that are not embedded."""

    tfds_dir: TfdsDir = None
    data: Data = None
    images: Images = None
    skip_broken: SkipBroken = False


TRACK_LIST = ", ".join(TRACKS)
DEFAULT_TRACK_LIST = ",".join(DEFAULT_TRACKS)
ALL = "all"
"""Of --tracks: every installed one."""


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take groups of options: dataclasses such as `Training`.

    Typer is shown the group's fields, in their order, where the command has a parameter of the group.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters
    groups = {name: hints[name] for name in parameters if is_dataclass(hints[name])}

    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    shown: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        shown += _fields(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def _fields(group: type) -> list[inspect.Parameter]:
    """Return a group's options as parameters of a command."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(group)
    ]


def request(
    chapter: str,
    tracks: str,
    seeds: tuple[int, ...],
    recipe: str,
    training: Training,
    device: str,
    source: str | None,
    own: OwnData,
    defaults: ProfileOptions = ProfileOptions(),
    start: Path | None = None,
) -> "TrainingRequest":
    """Return what the options of `run`, `compare` and `ablate` ask for, their texts read."""
    from twotrack.shared.runs.comparison import TrainingRequest

    return TrainingRequest(
        chapter,
        parse_tracks(tracks),
        seeds,
        recipe,
        chapter_settings(chapter, training.settings, training.weights),
        training.epochs,
        training.examples,
        device,
        source,
        str(own.tfds_dir) if own.tfds_dir else None,
        own.data,
        own.images,
        own.skip_broken,
        start,
        defaults.profile,
        defaults.own_start,
        training.exact,
        training.same_masks,
        run_precision(training.precision) if training.precision else None,
        replicas=training.replicas,
    )


def named_chapter(chapter: str | None, resume: Path | None) -> str:
    """Return the chapter that was named, or that of the comparison to continue; UserError without either."""
    if chapter is not None:
        return chapter
    if resume is None:
        raise UserError("no chapter named; 'twotrack list' shows all chapters.")
    from twotrack.shared.runs.plans import stored_request

    return stored_request(resume).chapter


def as_begun(context: typer.Context, typed: "TrainingRequest", folder: Path) -> "TrainingRequest":
    """Return what the comparison in `folder` was asked for; UserError if an option given now says something else."""
    from twotrack.shared.runs.plans import require_same_request

    names = [_FIELDS.get(name, name) for name in given(context)]
    if "out" in names:
        raise UserError("--resume and --out both say where the results are; leave out --out.")
    return require_same_request(typed, folder, [name for name in names if hasattr(typed, name)])


def checkpoint_of(run: Path | None, epoch: int | None) -> Path | None:
    """Return the folder that --from and --at name; UserError for a checkpoint that is not there."""
    from twotrack.shared.errors import UserError
    from twotrack.shared.runs import checkpoints
    from twotrack.shared.runs.chosen import chosen

    if run is None:
        if epoch is not None:
            raise UserError("--at names a checkpoint of a run; expected --from RUN beside it.")
        return None
    folder = chosen(run)
    return folder if epoch is None else checkpoints.find(folder, epoch)


def require_of_run(context: typer.Context, typed: "TrainingRequest", folder: Path) -> str:
    """Return the recipe of the run that goes on; UserError if an option given now says something else than it does."""
    from twotrack.shared.runs.run_folder import read

    typed_names, job = set(given(context)), read(folder).record.job
    for name in sorted(typed_names & {"profile", "own_start", "weights"}):
        raise UserError(f"--from: a training goes on as it was begun; leave out --{name.replace('_', '-')}.")
    asked: dict[str, tuple[Any, Any]] = {
        f"set {key}": (value, job.settings.get(key, "the chapter's own")) for key, value in typed.settings.items()
    }
    for name in typed_names & {"recipe", "examples", "exact", "same_masks"}:
        asked[name.replace("_", "-")] = getattr(typed, name), getattr(job, name)
    if "precision" in typed_names:
        asked["precision"] = typed.precision, job.trains_in
    if "seed" in typed_names:
        asked["seed"] = typed.seeds[0], job.seed
    for name, (now, then) in asked.items():
        if now != then:
            raise UserError(
                f"--from: '{folder}' was begun with --{name} {then}, asked for is {now}; leave out --{name}, or begin "
                "a new training from its weights with --warm-start."
            )
    return job.recipe


_FIELDS = {"weights": "settings", "tfds_dir": "tfds_folder"}
"""Options that a request knows by another name."""


def given(context: typer.Context) -> list[str]:
    """Return the names of the options and arguments that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def parts(text: str, kind: str) -> list[str]:
    """Return what a text names, separated by commas; UserError if that is nothing."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise UserError(f"no {kind} named in '{text}'; expected one or more, separated by commas.")
    return found


def parse_tracks(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of tracks; UserError if it is empty or names one twice."""
    tracks = tuple(part.strip() for part in text.split(",") if part.strip())
    if not tracks:
        raise UserError(f"no track named; expected one or more of: {TRACK_LIST}.")
    doubled = {track for track in tracks if tracks.count(track) > 1}
    if doubled:
        raise UserError(f"track named twice: {', '.join(sorted(doubled))}; name each track once.")
    return tracks


def key_values(option: str, texts: list[str] | None, example: str) -> dict[str, str]:
    """Read the KEY=VALUE texts of an option; UserError for one without '='."""
    pairs = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UserError(f"{option} {text}: expected KEY=VALUE, for example {option} {example}.")
        pairs[key] = value
    return pairs


def parse_settings(texts: list[str] | None) -> dict[str, str]:
    """Read the texts of --set; UserError for one without '='."""
    return key_values("--set", texts, "dropout=0.5")


def chapter_settings(chapter: str, settings: list[str] | None, weights: str | None) -> dict[str, str]:
    """Return the settings of --set with that of --weights; UserError if the chapter has no pretrained weights.

    A path becomes absolute, so that the run's record says where it is.
    """
    from twotrack.shared import chapters

    parsed = parse_settings(settings)
    transfer = chapters.get(chapter).transfer
    if not weights:
        return parsed
    if transfer is None:
        known = ", ".join(slug for slug, other in chapters.CHAPTERS.items() if other.transfer)
        raise UserError(f"--weights: '{chapter}' starts from no pretrained weights; these chapters do: {known}.")
    path = ordinary.named(weights)
    is_path = weights not in transfer.names and path.exists()
    return parsed | {"weights": str(path.absolute()) if is_path else weights}


_LENT: "ContextVar[WorkerPool | None]" = ContextVar("lent workers", default=None)


@contextmanager
def lending(pool: "WorkerPool | None") -> Iterator[None]:
    """Lend workers to the command that runs inside the block."""
    token = _LENT.set(pool)
    try:
        yield
    finally:
        _LENT.reset(token)


def lent_pool() -> "WorkerPool | None":
    """Return the workers that whoever runs this command in a process of theirs lends it; None if it starts its own."""
    return _LENT.get()


def installed_tracks() -> tuple[str, ...]:
    """Return every track whose framework is installed."""
    return tuple(name for name, spec in TRACKS.items() if not spec.missing)
