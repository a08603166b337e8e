"""twotrack benchmark."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def benchmark(
    chapter: options.Chapter,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to measure, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    recipes: Annotated[str, typer.Option(help="Recipes to measure, separated by commas.")] = "fast",
    to: Annotated[
        float | None,
        typer.Option(metavar="SCORE", help="Train too, and compare the seconds of those whose mean score is as high."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Every contestant has so many turns, each in a fresh process.")] = 3,
    steps: Annotated[int, typer.Option(help="Training steps that are timed in a turn.")] = 50,
    examples: options.Examples = None,
    device: options.Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Write the JSON document to this file too.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables instead of text.")] = False,
    json: options.Json = False,
) -> None:
    """Measure how fast tracks train a chapter: as a run does it, tuned, and as a learner's script does it.

    Contestants take turns, so that what else the machine does meets all of them. Imports and the first steps, which
    compile, are not counted.
    """
    from twotrack.shared.benchmark.measure import BenchmarkRequest, measure
    from twotrack.shared.benchmark.text import tables, text
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.runs.output_file import output, require_output

    if out:
        require_output(out, (".json",))
    named = tuple(one.strip() for one in recipes.split(",") if one.strip())
    asked = BenchmarkRequest(chapter, options.parse_tracks(tracks), named, rounds, steps, to, device, examples)
    with stderr.status("starting...") as status:
        found = measure(asked, lambda step: status.update(f"{step}..."))
    if out:
        with output(out) as file:
            file.write_text(found.model_dump_json(indent=2) + "\n")
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print(tables(found) if markdown else text(found))
