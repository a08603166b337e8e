"""twotrack export."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options
from twotrack.shared.export.formats import FORMATS, TF_SERVING
from twotrack.shared.export.serving import TAG


def export(
    run: options.RunFolder,
    format: Annotated[str, typer.Option(help=f"One of: {', '.join(FORMATS)}.")],  # noqa: A002 - the option's name
    out: Annotated[
        Path,
        typer.Option(
            help=f"The file to write; an existing one is not replaced. For {TF_SERVING} a folder of models, which gets "
            "a new version."
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help=f"Name of the model in a folder for {TF_SERVING} [default: the chapter's].")
    ] = None,
    server_tag: Annotated[
        str | None, typer.Option(help=f"Tag of the server's image that SERVING.md starts [default: {TAG}].")
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a run's model for another runtime, reload it there, and compare it with the run's predictions."""
    from twotrack.shared.cli.console import print_checks, print_json, stderr
    from twotrack.shared.export.workflow import export
    from twotrack.shared.runs.chosen import chosen
    from twotrack.shared.workers.pool import lent_or_new

    with stderr.status("starting...") as status, lent_or_new(options.lent_pool(), "cpu") as workers:
        exported = export(
            chosen(run), format, out, workers, lambda step: status.update(f"{step}..."), model, server_tag
        )
    if json:
        print_json(
            {"out": str(exported.out), "format": exported.format, "bytes": exported.size}
            | exported.compared.model_dump(mode="json")
        )
        return
    print(f"{exported.out}: {exported.format}, {exported.size:,} bytes, reloaded in {FORMATS[exported.format].runtime}")
    if exported.compared.checks:
        print_checks("", exported.compared.checks)
    for size, value in exported.compared.differences.items():
        print(f"  batch of {size}: largest difference from the run's probabilities {value:.1e}")
