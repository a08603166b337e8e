"""A folder of models as the server takes it, and what is in it.

<folder>/models.config, batching.config, SERVING.md; <folder>/<model>/request.json and <folder>/<model>/<version>/.
"""

from pathlib import Path

from twotrack.shared.export.serving.repository import SAVED_MODEL

WARM_UP = "assets.extra/tf_serving_warmup_requests"
"""In a version. https://www.tensorflow.org/tfx/serving/saved_model_warmup"""
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
"""Sizes that the server pads batches to, so that each is warm."""


def models(folder: Path) -> list[str]:
    """Return the names of the models that have a version."""
    subfolders = sorted(subfolder for subfolder in folder.iterdir() if subfolder.is_dir()) if folder.is_dir() else []
    return [subfolder.name for subfolder in subfolders if versions(subfolder)]


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, the oldest first."""
    entries = model.iterdir() if model.is_dir() else []
    return sorted(int(entry.name) for entry in entries if entry.name.isdecimal() and entry.is_dir())


def all_versions(folder: Path) -> list[Path]:
    """Return the versions in a folder of models, or of a model, or the folder itself if it is a version."""
    if (folder / SAVED_MODEL).is_file():
        return [folder]
    if numbers := versions(folder):
        return [folder / str(number) for number in numbers]
    return [folder / name / str(number) for name in models(folder) for number in versions(folder / name)]
