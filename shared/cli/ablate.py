"""twotrack ablate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import engines, options

if TYPE_CHECKING:
    from twotrack.shared.runs.comparison import TrainingOutcome
    from twotrack.shared.runs.records import Job
    from twotrack.shared.workers.pool import WorkerPool


@options.grouped
def ablate(
    chapter: options.Chapter,
    *,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to train, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    recipe: options.Recipe = "fast",
    seeds: Annotated[int, typer.Option(help="Train everything with this many seeds: 0, 1, ...")] = 3,
    training: options.Training,
    device: options.Device = "auto",
    source: options.Source = "embedded",
    own: options.OwnData,
    engine: engines.EngineOptions,
    out: options.Out = Path("runs"),
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    json: options.Json = False,
) -> None:
    """Train a chapter aligned, then with one default of each framework at a time, then with all: what each costs."""
    from twotrack.shared.cli.console import data_progress, print_error, print_json
    from twotrack.shared.cli.training import listeners
    from twotrack.shared.errors import WorkerDiedError
    from twotrack.shared.runs import ablation
    from twotrack.shared.runs.comparison import first_seeds, timestamp
    from twotrack.shared.runs.plans import Todo
    from twotrack.shared.runs.reserving import reserving
    from twotrack.shared.runs.run_folder import require_writable

    request = options.request(chapter, tracks, first_seeds(seeds), recipe, training, device, source, own)
    launcher, pool = engines.launcher(engine), options.lent_pool()
    with reserving(out) as reserved:
        folder = reserved.folder(f"ablate_{chapter}_{recipe}_{timestamp()}")
        with data_progress() as show_data:
            jobs = ablation.aligned_jobs(request, folder, show_data, pool)
        require_writable(folder)
        with listeners(None, launcher) as show:

            def train(some: "Sequence[Job]", pool: "WorkerPool") -> "TrainingOutcome":
                return launcher.run(Todo(list(some)), show, pool)

            outcome = ablation.ablate(jobs, train, launcher.side_by_side, pool, launcher.threads)
    for failure in outcome.failures:
        print_error(failure.message)
    if not outcome.tracks:
        raise WorkerDiedError("no track finished, so there is nothing to tell.")
    from twotrack.shared.report.ablation import ablation_json, ablation_markdown, ablation_text

    if json:
        print_json({**ablation_json(outcome), "folder": str(folder)})
    elif markdown:
        print(ablation_markdown(outcome))
    else:
        print(ablation_text(outcome))
        print(f"runs: {folder}")
    raise typer.Exit(1 if outcome.failures else 0)
