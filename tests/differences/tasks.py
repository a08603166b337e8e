"""Worker tasks: what the tracks have measurements for, and which classes a chapter's torch model consists of."""

import importlib

from twotrack.shared import chapters
from twotrack.shared.workers.task import task


@task
def measurements(package: str) -> list[str]:
    """Return the names of a track's measurements."""
    return list(importlib.import_module(f"{package}.defaults").MEASUREMENTS)


@task
def torch_classes(chapters: list[str]) -> dict[str, list[str]]:
    """Return the classes of the modules of several chapters' torch models, derived ones by their torch class too."""
    return {slug: _classes(slug) for slug in chapters}


def _classes(slug: str) -> list[str]:
    module = importlib.import_module(f"twotrack.torch_track.models.{slug}").build(chapters.get(slug).config)
    return sorted({base.__name__ for one in module.modules() for base in type(one).__mro__})
