"""twotrack run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.runs.comparison import TrainingOutcome
    from twotrack.shared.runs.run_folder import Run


@options.grouped
def run(
    context: typer.Context,
    chapter: options.Chapter,
    *,
    track: Annotated[
        str, typer.Option(help=f"Tracks to train, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    recipe: options.Recipe = "fast",
    seed: Annotated[int, typer.Option(help="Fixes initial weights, batch order and dropout.")] = 0,
    training: options.Training,
    defaults: options.ProfileOptions,
    device: options.Device = "auto",
    source: options.OwnSource = None,
    own: options.OwnData,
    stop_after: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            help="Stop when so many training steps are done, counted from the start of the training; --from goes on.",
        ),
    ] = None,
    goes_on: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Go on with the training of this run folder, of any track, as if it had not stopped: with its "
            "weights, its optimizer's state, its place in schedule and epoch.",
        ),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(
            metavar="EPOCH",
            help="With --from: go on from the checkpoint behind this epoch, which --set checkpoint=EPOCHS leaves.",
        ),
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Begin a new training from the trained weights of this run folder, of any track, with its settings "
            "and data. Optimizer and learning-rate schedule start anew. --epochs 0 trains nothing.",
        ),
    ] = None,
    tensorboard: options.Tensorboard = False,
    out: options.Out = Path("runs"),
    json: options.Json = False,
) -> None:
    """Train a chapter with one seed and leave a run folder per track.

    With --from, recipe, seed, settings, examples and precision are those of the run; those given again must be the
    same.
    """
    from twotrack.shared.cli.training import exit_code, train
    from twotrack.shared.runs.chosen import chosen
    from twotrack.shared.runs.comparison import run_name, timestamp
    from twotrack.shared.runs.reserving import reserving

    stamp = timestamp()
    start = warm_start and chosen(warm_start)
    request = options.request(chapter, track, (seed,), recipe, training, device, source, own, defaults, start)
    goes_on = options.checkpoint_of(goes_on, at)
    request = replace(request, goes_on=goes_on, stop_after=stop_after)
    if goes_on:
        recipe = options.require_of_run(context, request, goes_on)
    with reserving(out) as reserved:
        outcome, runs = train(
            request,
            out,
            lambda track, seed: reserved.run(f"{chapter}_{recipe}_{run_name(track, seed)}_{stamp}"),
            reserved.folder(f"{chapter}_{recipe}_tensorboard_{stamp}") if tensorboard else None,
            pool=options.lent_pool(),
        )
    _tell(outcome, runs, json)
    raise typer.Exit(exit_code(outcome))


def _tell(outcome: "TrainingOutcome", runs: "Sequence[Run]", json: bool) -> None:
    """Print what the runs came to."""
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.report.tables import run_rows

    if json:
        print_json({"runs": run_rows(runs), "failures": [vars(failure) for failure in outcome.failures]})
        return
    for result in runs:
        scores = ", ".join(f"{name} {value:.4f}" for name, value in result.record.test.items())
        print(f"{result.record.job.track}: test {scores}; {result.folder}")
