"""A folder of models, written as the server takes it: versions, configuration, and how to start it.

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
from shared.harness.run_folder import unwritable
from shared.serving.repository import BATCHING_CONFIG, MODELS_CONFIG, MOUNTED, SAVED_MODEL

WARM_UP = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
"""Sizes that the server pads batches to, so that each is warm."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def require_name(name: str) -> None:
    """Raise UserError unless `name` can be that of a model: a part of paths and addresses."""
    if not _NAME.fullmatch(name):
        raise UserError(f"--model: expected letters, digits, '_' and '-', found '{name}'.")


def require_folder(folder: Path) -> None:
    """Raise UserError for a path that is something else than a folder of models."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out: '{folder}' is a file; expected a folder of models, which may be new.")


def models(folder: Path) -> list[str]:
    """Return the names of the models that have a version."""
    inside = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    return [one.name for one in inside if versions(one)]


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, the oldest first."""
    found = model.iterdir() if model.is_dir() else []
    return sorted(int(one.name) for one in found if one.name.isdecimal() and one.is_dir())


def all_versions(folder: Path) -> list[Path]:
    """Return the versions in a folder of models, or of a model, or the folder itself if it is a version."""
    if (folder / SAVED_MODEL).is_file():
        return [folder]
    if numbers := versions(folder):
        return [folder / str(number) for number in numbers]
    return [folder / name / str(number) for name in models(folder) for number in versions(folder / name)]


@contextmanager
def new_version(model: Path) -> Iterator[Path]:
    """Give a folder to write the next version into, which takes its place when the block ends well, else is removed.

    Until then it lies in a hidden folder, at which the server does not look. UserError if nothing can be written.
    """
    with _removed_unless_used(model):
        number = max(versions(model), default=0) + 1
        partial = model / f".{number}.{os.getpid()}.partial"
        try:
            partial.mkdir()
            yield partial / str(number)
            os.rename(partial / str(number), model / str(number))  # refuses what has become another export's version
        except OSError as error:
            raise unwritable(model, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _removed_unless_used(folder: Path) -> Iterator[None]:
    """Create a folder and its parents; remove at the end those of them that are empty."""
    created = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        for one in created:
            if one.is_dir() and not any(one.iterdir()):
                one.rmdir()


def write_configuration(folder: Path) -> None:
    """Write models.config and batching.config for all models of the folder."""
    entries = "".join(
        f'  config {{\n    name: "{name}"\n    base_path: "{MOUNTED}/{name}"\n    model_platform: "tensorflow"\n  }}\n'
        for name in models(folder)
    )
    replace(folder / MODELS_CONFIG, f"model_config_list {{\n{entries}}}\n")
    replace(
        folder / BATCHING_CONFIG,
        f"max_batch_size {{ value: {BATCH_SIZES[-1]} }}\n"
        "batch_timeout_micros { value: 1000 }\n"
        "max_enqueued_batches { value: 1000 }\n"
        f"num_batch_threads {{ value: {os.cpu_count()} }}\n" + "".join(f"allowed_batch_sizes: {n}\n" for n in BATCH_SIZES),
    )


def replace(file: Path, content: str) -> None:
    """Give a file its content in one step."""
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(content)
    partial.replace(file)
