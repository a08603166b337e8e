"""twotrack check-export."""

from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def check_export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of models, one model in it, or one version of a model.")
    ],
    json: options.Json = False,
) -> None:
    """Check exports for TensorFlow Serving in the server's own runtime; exit code 1 if one is refused."""
    from twotrack.shared.cli.console import print_checks, print_json, stderr
    from twotrack.shared.export.check import REFUSED
    from twotrack.shared.export.tf_serving.check import check_all
    from twotrack.shared.workers.pool import lent_or_new

    with stderr.status("starting...") as status, lent_or_new(options.lent_pool(), "cpu") as workers:
        results = check_all(folder, workers, lambda step: status.update(f"{step}..."))
    if json:
        print_json({str(version): result.model_dump(mode="json") for version, result in results.items()})
    else:
        for version, result in results.items():
            print_checks(str(version), result.checks)
    if any(check.state == REFUSED for result in results.values() for check in result.checks):
        raise typer.Exit(1)
