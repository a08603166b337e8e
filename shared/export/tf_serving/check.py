"""`twotrack check-export`: every version in a folder, checked in a process of its own."""

from collections.abc import Callable
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.export import formats
from twotrack.shared.export.check import Compared
from twotrack.shared.export.formats import TF_SERVING
from twotrack.shared.export.tf_serving.folders import all_versions
from twotrack.shared.workers.pool import WorkerPool


def check_all(folder: Path, workers: WorkerPool, on_step: Callable[[str], None]) -> dict[Path, Compared]:
    """Check every version in a folder of models, of a model, or the version itself; UserError if there is none."""
    formats.get(TF_SERVING).require_modules()
    versions = all_versions(folder)
    if not versions:
        raise UserError(f"'{folder}': expected a folder of exported models, a model or a version of one, found none.")
    return {version: _check(version.resolve(), workers, on_step) for version in versions}


def _check(version: Path, workers: WorkerPool, on_step: Callable[[str], None]) -> Compared:
    from twotrack.shared.export.tf_serving.gate import check_folder  # needs the modules of the extra

    on_step(f"checking {version.parent.name}/{version.name}")
    return workers.call(None, check_folder, version, role="gate")
