"""A new version in a folder of models, and what the server reads beside the models.

Format: https://www.tensorflow.org/tfx/serving/serving_config
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving import OLDEST_TAG, TAG
from twotrack.shared.export.serving.repository import BATCHING_CONFIG, MODELS_CONFIG, MOUNTED
from twotrack.shared.export.tf_serving import guide
from twotrack.shared.export.tf_serving.folders import BATCH_SIZES, models, versions
from twotrack.shared.runs.run_folder import unwritable

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"(\d+)\.(\d+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _require_name(name: str) -> None:
    """Raise UserError unless `name` can be that of a model: a part of paths and addresses."""
    if not _NAME.fullmatch(name):
        raise UserError(f"--model: expected letters, digits, '_' and '-', found '{name}'.")


def _require_tag(tag: str) -> None:
    """Raise UserError unless `tag` can be one, of a version that is known to read our exports if it is a number."""
    if not _TAG.fullmatch(tag):
        raise UserError(f"--server-tag: expected the tag of an image, such as {TAG}, found '{tag}'.")
    found = _VERSION.match(tag)
    if found and tuple(map(int, found.groups())) < tuple(map(int, OLDEST_TAG.split(".")[:2])):
        raise UserError(
            f"--server-tag: expected {OLDEST_TAG} or newer, whose runtimes have read such exports, found '{tag}'."
        )


@contextmanager
def next_version(folder: Path, model: str, server_tag: str = TAG) -> Iterator[Path]:
    """Give the place of a model's next version; when the block ends well, write what stands beside the models.

    Folders that are new and stay empty are removed. Raises UserError if nothing can be written there.
    """
    _require_name(model)
    _require_tag(server_tag)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out: '{folder}' is a file; expected a folder of models, which may be new.")
    with _removed_if_empty(folder / model):
        yield folder / model / str(max(versions(folder / model), default=0) + 1)
        guide.write_example(folder / model)
        _write_configuration(folder)
        guide.write(folder, server_tag)


@contextmanager
def _removed_if_empty(folder: Path) -> Iterator[None]:
    """Create a folder and its parents; at the end remove those of them that are empty."""
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        for path in created:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _write_configuration(folder: Path) -> None:
    """Write models.config and batching.config for all models of the folder."""
    entries = "".join(
        f'  config {{\n    name: "{name}"\n    base_path: "{MOUNTED}/{name}"\n    model_platform: "tensorflow"\n  }}\n'
        for name in models(folder)
    )
    atomic.write(folder / MODELS_CONFIG, f"model_config_list {{\n{entries}}}\n")
    atomic.write(
        folder / BATCHING_CONFIG,
        f"max_batch_size {{ value: {BATCH_SIZES[-1]} }}\n"
        "batch_timeout_micros { value: 1000 }\n"
        "max_enqueued_batches { value: 1000 }\n"
        f"num_batch_threads {{ value: {os.cpu_count()} }}\n"
        + "".join(f"allowed_batch_sizes: {size}\n" for size in BATCH_SIZES),
    )
