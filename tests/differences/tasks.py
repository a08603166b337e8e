"""Worker tasks: what the tracks have measurements for, and which classes a chapter's torch model consists of."""

import importlib

from twotrack.shared import chapters
from twotrack.shared.workers.task import task


@task
def measurements(package: str) -> dict[str, str]:
    """Return the files of a track's measurements, by their names."""
    defaults = importlib.import_module(f"twotrack.{package}.defaults").DEFAULTS
    return {slug: function.__module__.rpartition(".")[2] for slug, function in defaults.measurements.items()}


@task
def unknown_names(names: list[str]) -> list[str]:
    """Return those of some dotted names that name nothing in an installed package."""
    return [name for name in names if not _exists(name)]


def _exists(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    return hasattr(importlib.import_module(module), attribute)


@task
def torch_classes(chapters: list[str]) -> dict[str, list[str]]:
    """Return the classes of the modules of several chapters' torch models, derived ones by their torch class too."""
    return {slug: _classes(slug) for slug in chapters}


def _classes(slug: str) -> list[str]:
    module = importlib.import_module(f"twotrack.torch_track.models.{slug}").build(chapters.get(slug).config)
    return sorted({base.__name__ for layer in module.modules() for base in type(layer).__mro__})
