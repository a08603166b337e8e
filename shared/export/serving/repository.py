"""A folder of exported models, as `twotrack export --format tf-serving` writes it.

models.config names each model with its base path below /models, where the folder is mounted in a container.
A server on this machine gets a copy with the folder's own path instead; everything else, such as version policies
and labels, stays as it is written.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError

MODELS_CONFIG, BATCHING_CONFIG, EXAMPLE = "models.config", "batching.config", "request.json"
SAVED_MODEL = "saved_model.pb"
MOUNTED = "/models"
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_NAME = re.compile(r"""\bname\s*:\s*["']([^"'\\]*)["']""")
_BASE_PATH = re.compile(r"""(\bbase_path\s*:\s*)["']([^"'\\]*)["']""")
REMEDY = "make one with: twotrack export RUN --format tf-serving --out DIR"


@dataclass(frozen=True)
class Repository:
    """The folder and what is in it."""

    folder: Path
    """Absolute."""
    models: dict[str, tuple[int, ...]]
    """Versions of each model, in order."""
    config: str
    """The text of models.config."""

    @property
    def batching(self) -> Path | None:
        """The file of batching parameters, if there is one."""
        file = self.folder / BATCHING_CONFIG
        return file if file.is_file() else None

    @property
    def example(self) -> tuple[str, Path] | None:
        """A model and a request that it answers, if an export left one."""
        files = ((name, self.folder / name / EXAMPLE) for name in self.models)
        return next(((name, file) for name, file in files if file.is_file()), None)

    def local_config(self) -> str:
        """Return models.config for a server that sees the folder under its own path."""
        here = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        return _BASE_PATH.sub(lambda match: f'{match[1]}"{here}{match[2].removeprefix(MOUNTED)}"', self.config)


def read_repository(folder: Path) -> Repository:
    """Return what the folder holds; UserError if it is no repository of exported models."""
    file = folder / MODELS_CONFIG
    try:
        text = _COMMENT.sub("", ordinary.text_of(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(
            f"{folder}: expected a folder of exported models with {MODELS_CONFIG} ({reason}); {REMEDY}."
        ) from error
    names, paths = _NAME.findall(text), [path for _, path in _BASE_PATH.findall(text)]
    if not names or len(names) != len(paths) or len(set(names)) < len(names):
        raise UserError(
            f"{file}: expected models, each with a name of its own and a base_path; found the names "
            f"{', '.join(names) or 'none'} and {len(paths)} base paths; {REMEDY}."
        )
    root = Path(os.path.realpath(folder))
    models = {name: _versions(root, path, file) for name, path in zip(names, paths, strict=True)}
    return Repository(root, models, text)


def _versions(root: Path, base_path: str, file: Path) -> tuple[int, ...]:
    """Return a model's versions; UserError if its base path leaves the folder or has none."""
    below = base_path.removeprefix(f"{MOUNTED}/")
    folder = Path(os.path.realpath(root / below))
    if below in {base_path, ""} or not folder.is_relative_to(root):
        raise UserError(
            f"{file}: expected base paths below {MOUNTED}, where a server finds this folder, such as "
            f'"{MOUNTED}/mnist_cnn"; found "{base_path}".'
        )
    versions = [
        int(saved_model.parent.name)
        for saved_model in folder.glob(f"*/{SAVED_MODEL}")
        if saved_model.parent.name.isdecimal()
    ]
    if not versions:
        raise UserError(f"{folder}: expected a version such as 1/{SAVED_MODEL}, found none; {REMEDY}.")
    return tuple(sorted(versions))
