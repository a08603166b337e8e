"""twotrack run."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


@options.grouped
def run(
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
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Start from the trained weights of this run folder, of any track, with its settings and data. "
            "Optimizer and learning-rate schedule start anew. --epochs 0 trains nothing.",
        ),
    ] = None,
    tensorboard: options.Tensorboard = False,
    out: options.Out = Path("runs"),
    json: options.Json = False,
) -> None:
    """Train a chapter with one seed and leave a run folder per track."""
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.cli.training import exit_code, train
    from twotrack.shared.runs.comparison import run_name, timestamp
    from twotrack.shared.runs.reserving import reserving

    stamp = timestamp()
    request = options.request(chapter, track, (seed,), recipe, training, device, source, own, defaults, start)
    with reserving(out) as reserved:
        outcome, runs = train(
            request,
            out,
            lambda track, seed: reserved.run(f"{chapter}_{recipe}_{run_name(track, seed)}_{stamp}"),
            reserved.folder(f"{chapter}_{recipe}_tensorboard_{stamp}") if tensorboard else None,
            pool=options.lent_pool(),
        )
    if json:
        from twotrack.shared.report.tables import run_rows

        print_json({"runs": run_rows(runs), "failures": [vars(failure) for failure in outcome.failures]})
    else:
        for result in runs:
            scores = ", ".join(f"{name} {value:.4f}" for name, value in result.record.test.items())
            print(f"{result.record.job.track}: test {scores}; {result.folder}")
    raise typer.Exit(exit_code(outcome))
