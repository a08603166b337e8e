"""A folder of models as the server takes it: versions, configuration, and how to start it.

<folder>/models.config, batching.config, SERVING.md; <folder>/<model>/request.json and <folder>/<model>/<version>/.
Formats: https://www.tensorflow.org/tfx/serving/serving_config and .../tfx/serving/saved_model_warmup
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import UserError

WARM_UP = "assets.extra/tf_serving_warmup_requests"
CONFIG, BATCHING, GUIDE, EXAMPLE = "models.config", "batching.config", "SERVING.md", "request.json"
MOUNTED = "/models"
"""Where the server's container has the folder."""
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
"""Sizes that the server pads batches to, so that each is warm."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def require_name(name: str) -> None:
    """Raise UserError unless `name` can be that of a model: part of a path and of a URL."""
    if not _NAME.fullmatch(name):
        raise UserError(f"--name: expected letters, digits, '_' and '-', found '{name}'.")


def models(folder: Path) -> list[str]:
    """Return the names of the models that have a version."""
    inside = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    return [one.name for one in inside if versions(one)]


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, the oldest first."""
    found = model.iterdir() if model.is_dir() else []
    return sorted(int(one.name) for one in found if one.name.isdecimal() and one.is_dir())


@contextmanager
def new_version(model: Path) -> Iterator[Path]:
    """Give a folder to write the next version into; it gets its number when the block ends well, else it is removed.

    The folder is called <number> already, as some checks want it, within a folder that the server does not look at.
    """
    model.mkdir(parents=True, exist_ok=True)
    number = max(versions(model), default=0) + 1
    partial = model / f".{number}.{os.getpid()}.partial"
    version = partial / str(number)
    try:
        partial.mkdir()
        yield version
        os.rename(version, model / version.name)  # refuses a folder that has become someone else's version
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if not any(model.iterdir()):
            model.rmdir()


def write_configuration(folder: Path) -> None:
    """Write models.config and batching.config for all models of the folder."""
    entries = "".join(
        f'  config {{\n    name: "{name}"\n    base_path: "{MOUNTED}/{name}"\n    model_platform: "tensorflow"\n  }}\n'
        for name in models(folder)
    )
    replace(folder / CONFIG, f"model_config_list {{\n{entries}}}\n")
    sizes = "".join(f"allowed_batch_sizes: {size}\n" for size in BATCH_SIZES)
    replace(
        folder / BATCHING,
        f"max_batch_size {{ value: {BATCH_SIZES[-1]} }}\n"
        "batch_timeout_micros { value: 1000 }\n"
        "max_enqueued_batches { value: 1000 }\n"
        f"num_batch_threads {{ value: {os.cpu_count()} }}\n"
        f"{sizes}",
    )


def replace(file: Path, content: str) -> None:
    """Give a file its content in one step."""
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(content)
    partial.replace(file)
