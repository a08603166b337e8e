"""twotrack predict."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shared.cli import options

SHOWN_CHARACTERS = 70


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    examples: Annotated[
        list[str], typer.Argument(metavar="EXAMPLE...", help="Reviews: texts in quotes. Shop: photos.")
    ],
    track: Annotated[
        str | None, typer.Option(help=f"Predict on this track [default: the run's own]: {options.TRACK_LIST}.")
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Ask the model of a finished run for the class of examples of your own."""
    import textwrap

    from shared.cli.console import print_json, stderr
    from shared.harness.prediction import predict

    with stderr.status("starting...") as status:
        found = predict(run, examples, track, device, lambda phase: status.update(f"{phase}..."))
    if json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        print(f"{one.class_name} {one.probability:.3f}  {textwrap.shorten(one.given, SHOWN_CHARACTERS)}")
