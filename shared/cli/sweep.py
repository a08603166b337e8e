"""twotrack sweep."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import engines, options
from twotrack.shared.errors import UserError

if TYPE_CHECKING:
    from twotrack.shared.engines.launching import Launcher
    from twotrack.shared.report.sweep import Compared
    from twotrack.shared.runs.comparison import TrainingRequest
    from twotrack.shared.runs.plans import Todo
    from twotrack.shared.runs.records import Job
    from twotrack.shared.runs.sweeps import SweepSpec

_VARIED = ("chapters", "tracks", "seeds", "recipes", "settings")


@options.grouped
def sweep(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="TOML or YAML with chapters, tracks, seeds, recipes and [settings]."),
    ] = None,
    *,
    chapters: Annotated[str | None, typer.Option(help="Chapters, separated by commas.")] = None,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to compare, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    seeds: Annotated[int, typer.Option(help="Train each track with this many seeds: 0, 1, ...")] = 1,
    recipes: Annotated[str, typer.Option(help="Recipes, separated by commas.")] = "fast",
    training: options.Training,
    defaults: options.ProfileOptions,
    device: options.Device = "auto",
    source: options.Source = "embedded",
    own: options.OwnData,
    engine: engines.EngineOptions,
    out: options.Out = Path("runs"),
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Continue the sweep in this folder: train what is missing."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare tracks on every chapter, with every recipe and every setting: the product of all.

    --set may name a setting several times; each value is tried with each of the others. FILE may say what is varied
    instead. A sweep that is continued takes no other options than those of the engine.
    Exit code 1 if a track fails somewhere, or if --exact leaves more than rounding.
    """
    from twotrack.shared.runs.agreement import agreements

    launcher = engines.launcher(engine)
    if resume:
        _require_alone(context)
        sweep = _continued(resume, launcher)
    else:
        spec = _spec(context, file, chapters, tracks, seeds, recipes, training.settings)
        plain = replace(training, settings=None)
        requests = [
            options.request(
                chapter,
                ",".join(spec.tracks),
                _seeds(spec),
                recipe,
                replace(plain, settings=[f"{name}={value}" for name, value in settings.items()]),
                device,
                source,
                own,
                defaults,
            )
            for chapter, recipe, settings in spec.points()
        ]
        sweep = _new(requests, out, launcher)
    done = list(sweep)
    _tell(done, json)
    whole = all(not one.failures and all(pair.within for pair in agreements(one.runs)) for one in done)
    raise typer.Exit(0 if whole else 1)


def _seeds(spec: "SweepSpec") -> tuple[int, ...]:
    from twotrack.shared.runs.comparison import first_seeds

    return first_seeds(spec.seeds) if isinstance(spec.seeds, int) else tuple(spec.seeds)


def _spec(
    context: typer.Context,
    file: Path | None,
    chapters: str | None,
    tracks: str,
    seeds: int,
    recipes: str,
    settings: list[str] | None,
) -> "SweepSpec":
    """Return what is varied, by the file or by the options; UserError if both say it, or neither."""
    from twotrack.shared.runs.sweeps import SweepSpec, read

    if file is None:
        if chapters is None:
            raise UserError("no chapter named; expected a FILE, or --chapters, whose slugs 'twotrack list' shows.")
        values: dict[str, list[str]] = {}
        for text in settings or []:
            ((name, value),) = options.parse_settings([text]).items()
            values.setdefault(name, []).append(value)
        return SweepSpec(
            chapters=options.parts(chapters, "chapter"),
            tracks=list(options.parse_tracks(tracks)),
            seeds=seeds,
            recipes=options.parts(recipes, "recipe"),
            settings=values,
        )
    for name in _VARIED:
        if name in options.given(context):
            option = "--set" if name == "settings" else f"--{name}"
            raise UserError(f"{option} and '{file}' both say what is varied; leave one of them out.")
    return read(file)


def _require_alone(context: typer.Context) -> None:
    """Raise UserError if options beside --resume say what the plan says."""
    from dataclasses import fields

    allowed = {"resume", "json", *(one.name for one in fields(engines.EngineOptions))}
    for name in options.given(context):
        if name not in allowed:
            word = "FILE" if name == "file" else f"--{'set' if name == 'settings' else name.replace('_', '-')}"
            raise UserError(f"--resume goes on with a sweep as it was begun; leave out {word}.")


def _new(requests: "list[TrainingRequest]", out: Path, launcher: "Launcher") -> "Iterator[Compared]":
    """Do a new sweep in a folder of its own, which goes if it stays empty."""
    from twotrack.shared.runs import sweeps
    from twotrack.shared.runs.comparison import timestamp
    from twotrack.shared.runs.reserving import reserving
    from twotrack.shared.runs.run_folder import require_writable

    with reserving(out) as reserved:
        folder = reserved.folder(f"sweep_{timestamp()}").absolute()
        comparisons = sweeps.named(folder, requests)
        jobs = _planned(comparisons)
        require_writable(folder)
        yield from _done(folder, comparisons, jobs, sweeps.begin(folder, comparisons), launcher)


def _continued(folder: Path, launcher: "Launcher") -> "Iterator[Compared]":
    """Do what a sweep lacks."""
    from twotrack.shared.runs import sweeps

    comparisons = sweeps.stored(folder)
    yield from _done(folder.absolute(), comparisons, _planned(comparisons), sweeps.resume(folder), launcher)


def _planned(comparisons: "Mapping[Path, TrainingRequest]") -> "dict[Path, list[Job]]":
    """Return the jobs of all comparisons; UserError for what cannot be done, before anything is."""
    from twotrack.shared.cli.console import data_progress
    from twotrack.shared.runs.comparison import plan, run_folder

    with data_progress() as show:
        return {
            folder: plan(request, partial(run_folder, folder), show, options.lent_pool())
            for folder, request in comparisons.items()
        }


def _done(
    folder: Path,
    comparisons: "Mapping[Path, TrainingRequest]",
    jobs: "Mapping[Path, list[Job]]",
    lock: AbstractContextManager[int],
    launcher: "Launcher",
) -> "Iterator[Compared]":
    """Do the jobs, of all comparisons at once or of one after the other, and yield the comparisons."""
    from twotrack.shared.cli.console import stderr
    from twotrack.shared.cli.training import listeners, saying_how_to_go_on
    from twotrack.shared.report.sweep import Compared
    from twotrack.shared.runs.plans import together
    from twotrack.shared.runs.run_folder import read

    parts = [list(comparisons)] if launcher.side_by_side else [[one] for one in comparisons]
    with saying_how_to_go_on("sweep", folder), lock as held:
        for number, part in enumerate(parts, start=1):
            if not launcher.side_by_side:
                stderr.print(f"comparison {number} of {len(parts)}: {part[0].name}", markup=False, highlight=False)
            with ExitStack() as stack, listeners(None, launcher) as show:
                todos = [stack.enter_context(_work(jobs[one], comparisons[one], launcher)) for one in part]
                outcome = launcher.run(together(todos, held), show, options.lent_pool())
            for one in part:
                runs = [read(job.folder) for job in jobs[one] if job.folder.exists()]
                yield Compared(one, comparisons[one], runs, outcome.failed.get(one, []))


@contextmanager
def _work(jobs: "list[Job]", request: "TrainingRequest", launcher: "Launcher") -> "Iterator[Todo]":
    """Begin a comparison, or go on with it if it was begun; its folder goes if it stays empty."""
    from twotrack.shared.cli.training import warn
    from twotrack.shared.runs import plans

    folder = jobs[0].folder.parent
    folder.mkdir(exist_ok=True)
    is_begun = (folder / plans.PLAN).exists()
    try:
        with plans.resume(jobs, warn, launcher.adopts) if is_begun else plans.begin(jobs, request) as todo:
            yield todo
    finally:
        with suppress(OSError):  # something is in it
            folder.rmdir()


def _tell(sweep: "list[Compared]", json: bool) -> None:
    """Write the reports, and print the table or the data."""
    from twotrack.shared.cli.console import print_error, print_json
    from twotrack.shared.cli.screen import console
    from twotrack.shared.report.sweep import Reporter, sweep_table

    for failure in (failure for one in sweep for failure in one.failures):
        print_error(failure.message)
    told = list(map(Reporter().report, sweep))
    if json:
        print_json({"comparisons": told})
        return
    wide = 120 + max(len(one.folder.name) + len(one.settings) for one in sweep)  # no word is broken in a file
    console(soft_wrap=True, width=wide).print(sweep_table(sweep))
    for one in told:
        print(f"report: {one['report'] or 'none, no run is finished'}")
