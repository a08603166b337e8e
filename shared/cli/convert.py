"""twotrack convert."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def convert(
    weights: Annotated[
        Path,
        typer.Argument(
            help="A torch state_dict (.safetensors, .pt), Keras weights (.weights.h5, .keras) or a run folder."
        ),
    ],
    chapter: Annotated[str, typer.Option(help="The chapter whose model the weights belong to.")],
    to: Annotated[str, typer.Option(help="torch or keras.")],
    out: Annotated[Path, typer.Option(help="The file to write: .safetensors or .pt for torch, .weights.h5 for Keras.")],
    settings: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Convert the weights of a chapter's model from one framework to the other, bit for bit."""
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.runs.convert import ConversionRequest, convert

    request = ConversionRequest(weights, chapter, options.parse_settings(settings), to, out)
    with stderr.status("starting...") as status:
        converted = convert(request, lambda step: status.update(f"{step}..."), options.lent_pool())
    if json:
        print_json(
            {
                "out": str(converted.out),
                "weights": converted.weights,
                "values": converted.values,
                "notes": converted.notes,
            }
        )
        return
    print(f"{converted.out}: {converted.weights} weights, {converted.values:,} values")
    for note in converted.notes:
        print(f"  {note}")
