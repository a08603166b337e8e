"""twotrack benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.benchmark.measure import BenchmarkRequest
    from twotrack.shared.benchmark.records import Benchmark


def benchmark(
    chapter: options.OptionalChapter = None,
    tracks: Annotated[
        str, typer.Option(help=f"Tracks to measure, separated by commas, out of: {options.TRACK_LIST}.")
    ] = options.DEFAULT_TRACK_LIST,
    recipes: Annotated[str, typer.Option(help="Recipes to measure, separated by commas.")] = "fast",
    precision: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Train recipes in these precisions, separated by commas: float32, bfloat16, float64.  [default: each "
            "recipe's own]",
            show_default=False,
        ),
    ] = "",
    forms: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What to measure beside the baseline, separated by commas: script, plain, run, tuned.",
        ),
    ] = "script,plain,run,tuned",
    to: Annotated[
        float | None,
        typer.Option(metavar="SCORE", help="Train too, and compare the seconds of those whose mean score is as high."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Every contestant has so many turns, each in a fresh process.")] = 3,
    steps: Annotated[int, typer.Option(help="Training steps that are timed in a turn.")] = 50,
    examples: options.Examples = None,
    device: options.Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Write the JSON document to this file too.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to this file too.")] = None,
    measured: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Measure nothing: show what --out has left in this file."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables instead of text.")] = False,
    json: options.Json = False,
) -> None:
    """Measure how fast tracks train a chapter: as a learner writes it, as a run does it, and with all switched on.

    Contestants take turns, so that what else the machine does meets all of them. Imports and the first steps, which
    compile, are not counted.
    """
    from twotrack.shared.benchmark.measure import BenchmarkRequest
    from twotrack.shared.benchmark.records import named_form, read
    from twotrack.shared.benchmark.text import tables, text
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.errors import UserError
    from twotrack.shared.report.pages import require_page
    from twotrack.shared.runs.output_file import output, require_output
    from twotrack.shared.spec.track import run_precision

    if out:
        require_output(out, (".json",))
    if report:
        require_page(report, "--report")
    named = tuple(options.parts(recipes, "recipe"))
    precisions = tuple(map(run_precision, options.parts(precision, "precision"))) if precision else ()
    if measured:
        found = read(measured)
        if chapter not in (None, found.chapter):
            raise UserError(f"--from: '{measured}' is of '{found.chapter}', expected '{chapter}'.")
    else:
        slug = options.named_chapter(chapter, None)
        shown = tuple(map(named_form, options.parts(forms, "form")))
        asked = BenchmarkRequest(
            slug, options.parse_tracks(tracks), named, rounds, steps, to, device, examples, precisions, shown
        )
        found = _measured(asked)
    if out:
        with output(out) as file:
            file.write_text(found.model_dump_json(indent=2) + "\n")
    if report:
        from twotrack.shared.report.benchmark import write_page

        write_page(found, report)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print(tables(found) if markdown else text(found))


def _measured(asked: "BenchmarkRequest") -> "Benchmark":
    from twotrack.shared.benchmark.measure import measure
    from twotrack.shared.cli.console import stderr

    with stderr.status("starting...") as status:
        return measure(asked, lambda step: status.update(f"{step}..."))
