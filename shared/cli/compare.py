"""twotrack compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import engines, options

if TYPE_CHECKING:
    from twotrack.shared.report.ladder import LadderRecord
    from twotrack.shared.runs.comparison import TrainingOutcome, TrainingRequest
    from twotrack.shared.runs.run_folder import Run


@options.grouped
def compare(
    context: typer.Context,
    chapter: options.OptionalChapter = None,
    *,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to compare, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    recipe: options.Recipe = "fast",
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Train each track with this many seeds: 0, 1, ... By default 3 where a training takes seconds, else 1."
        ),
    ] = None,
    training: options.Training,
    defaults: options.ProfileOptions,
    device: options.Device = "auto",
    source: options.Source = "embedded",
    own: options.OwnData,
    engine: engines.EngineOptions,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Climb the verification ladder first, as 'twotrack verify' does, and report it."),
    ] = False,
    tensorboard: options.Tensorboard = False,
    out: options.Out = Path("runs"),
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Continue the comparison in this folder, which was interrupted: train what is missing.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Train a chapter on several tracks, on the same batches, and write a report.

    Of a comparison that is continued, CHAPTER and options are known; those given again must be the same.
    Exit code 1 if a track fails, if --verify finds a difference, or if --exact leaves more than rounding.
    """
    from twotrack.shared import chapters
    from twotrack.shared.cli.training import comparison_folder, exit_code, train_comparison
    from twotrack.shared.errors import WorkerDiedError
    from twotrack.shared.runs.agreement import agreements
    from twotrack.shared.runs.comparison import first_seeds

    chapter = options.named_chapter(chapter, resume)
    count = chapters.get(chapter).seeds if seeds is None else seeds
    request = options.request(chapter, tracks, first_seeds(count), recipe, training, device, source, own, defaults)
    if resume:
        request = options.as_begun(context, request, resume)
    launcher = engines.launcher(engine)
    ladder = _climb(request) if verify else None
    with comparison_folder(out, chapter, recipe, resume) as folder:
        logs = folder / "tensorboard" if tensorboard else None
        outcome, runs = train_comparison(request, folder, resume is not None, launcher, logs, options.lent_pool())
        if not runs:
            raise WorkerDiedError("no track finished, so there is nothing to report.")
        _report(runs, outcome, ladder, folder, json)
    failed = (ladder and not ladder.passed) or not all(pair.within for pair in agreements(runs))
    raise typer.Exit(1 if failed else exit_code(outcome))


def _report(
    runs: "Sequence[Run]", outcome: "TrainingOutcome", ladder: "LadderRecord | None", folder: Path, json: bool
) -> None:
    """Write the report, and print what it says in short."""
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.report.ladder import FILE, write_ladder
    from twotrack.shared.report.runs_page import write_report
    from twotrack.shared.report.tables import baseline_scores, comparison_json, comparison_text, notes_on_data

    baselines, notes = baseline_scores(runs), notes_on_data(runs)
    if ladder:
        write_ladder(folder / FILE, ladder)
    page = write_report(runs, folder / "report.html", outcome.failures, baselines, ladder, notes)
    if json:
        print_json(comparison_json(runs, outcome.failures, baselines, ladder, notes) | {"report": str(page)})
    else:
        print(comparison_text(runs, baselines, notes))
        print(f"report: {page}")


def _climb(request: "TrainingRequest") -> "LadderRecord":
    """Verify the models before they are trained; the outcome is printed unless every rung is passed."""
    from twotrack.shared.cli.console import print_error, stderr
    from twotrack.shared.cli.verify import climb
    from twotrack.shared.report.ladder import ladder_record
    from twotrack.shared.report.ladder_text import ladder_text
    from twotrack.shared.verify.request import VerifyRequest

    ladder_request = VerifyRequest(name=request.chapter, settings=dict(request.settings), recipe=request.recipe)
    results = climb(ladder_request, request.tracks)
    ladder = ladder_record(ladder_request, results)
    if ladder.passed:
        stderr.print("verification: every rung passed")
    else:
        print_error(ladder_text(ladder_request, results))
    return ladder
