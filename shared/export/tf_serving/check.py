"""`twotrack check-export`: every version in a folder, checked in a process of its own."""

from collections.abc import Callable
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.export.check import Compared
from twotrack.shared.export.tf_serving.folders import all_versions
from twotrack.shared.export.workers import Workers


def check_all(folder: Path, workers: Workers, on_step: Callable[[str], None]) -> dict[Path, Compared]:
    """Check every version in a folder of models, of a model, or the version itself; UserError if there is none."""
    versions = all_versions(folder)
    if not versions:
        raise UserError(f"'{folder}': expected a folder of exported models, a model or a version of one, found none.")
    return {version: _check(version.resolve(), workers, on_step) for version in versions}


def _check(version: Path, workers: Workers, on_step: Callable[[str], None]) -> Compared:
    on_step(f"checking {version.parent.name}/{version.name}")
    return Compared.model_validate(
        workers.call("gate", None, "twotrack.shared.export.tf_serving.gate:task", {"version": str(version)})
    )
