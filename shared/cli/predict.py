"""twotrack predict."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options

SHOWN_CHARACTERS = 70


def predict(
    run: options.RunFolder,
    examples: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXAMPLE...",
            help="What the chapter's data are made of: texts in quotes, pictures, or CSV files.",
        ),
    ] = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Predict the run's test split and compare with the predictions that it stored."),
    ] = False,
    track: Annotated[
        str | None, typer.Option(help=f"Predict on this track [default: the run's own]: {options.TRACK_LIST}.")
    ] = None,
    device: options.Device = "auto",
    out: Annotated[Path | None, typer.Option(help="With --test: write logits and labels to this .npz file.")] = None,
    json: options.Json = False,
) -> None:
    """Ask the model of a finished run for the class of examples of your own, or for its test split again."""
    from twotrack.shared.errors import UserError
    from twotrack.shared.runs.chosen import chosen

    if test and examples:
        raise UserError("--test predicts the run's test split; give examples of your own without it.")
    if out and not (test and out.suffix == ".npz"):
        raise UserError(f"--out: expected a name that ends in .npz, together with --test; found '{out}'.")
    run = chosen(run, track)
    if test:
        _repeat(run, track, device, out, json)
    else:
        _ask(run, examples or [], track, device, json)


def _ask(run: Path, examples: list[str], track: str | None, device: str, json: bool) -> None:
    import textwrap

    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.runs.prediction import predict

    with stderr.status("starting...") as status:
        predictions = predict(
            run, examples, track, device, lambda phase: status.update(f"{phase}..."), options.lent_pool()
        )
    if json:
        print_json([asdict(prediction) for prediction in predictions])
        return
    for prediction in predictions:
        note = f" ({prediction.note})" if prediction.note else ""
        given = textwrap.shorten(prediction.given, SHOWN_CHARACTERS)
        print(f"{prediction.class_name} {prediction.probability:.3f}  {given}{note}")


def _repeat(run: Path, track: str | None, device: str, out: Path | None, json: bool) -> None:
    """Print the comparison; exit code 1 if the predictions are not the run's."""
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.runs.prediction import repeat

    with stderr.status("starting...") as status:
        repetition = repeat(run, track, device, out, lambda phase: status.update(f"{phase}..."), options.lent_pool())
    if json:
        print_json(asdict(repetition))
    else:
        print(f"{repetition.track}: test {', '.join(f'{name} {value:.4f}' for name, value in repetition.test.items())}")
        outcome = "same predictions" if repetition.same else "OTHER predictions"
        print(
            f"{outcome} as stored by the run on {repetition.run_track}: "
            f"probabilities differ by at most {repetition.difference:.1e} (limit {repetition.limit:.0e}), "
            f"classes of {repetition.other_classes} of {repetition.examples:,} examples"
        )
    raise typer.Exit(0 if repetition.same else 1)
