"""Templates to self-contained HTML, and files that appear whole or not at all."""

import re
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError
from twotrack.shared.runs.run_folder import unwritable

if TYPE_CHECKING:
    from jinja2 import Environment

HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>')


def render(template: str, **context: Any) -> str:
    """Fill a template of shared/report; an unknown name in it is an error."""
    style = files("twotrack.shared.report").joinpath("style.css").read_text()
    return _templates().get_template(template).render(style=style, **context)


@cache
def _templates() -> "Environment":
    """Return what keeps templates compiled: a sweep writes a page for each of its comparisons."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("twotrack.shared.report", "."),
        autoescape=lambda name: name is None or name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"anchor": anchor, "contents": HEADING.findall}
    return environment


def anchor(title: str) -> str:
    """Return by what name a heading is found in its page."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def require_page(path: Path, option: str) -> None:
    """Prove that a page named by an option can be written, before the work that it is to show; UserError if not."""
    require_file(path, option, "verify.html")
    try:
        atomic.require_room(path)
    except OSError as error:
        raise unwritable(path.parent, error, option) from error


def require_file(path: Path, option: str, example: str) -> None:
    """Raise UserError if there is anything but a file: a folder, a device, a pipe."""
    try:
        is_folder = path.is_dir()
        atomic.require_ordinary(path)
    except OSError as error:
        raise unwritable(path.parent, error, option) from error
    if is_folder:
        raise UserError(f"{option}: '{path}' is a folder; name a file in it, such as '{path / example}'.")


def write_file(path: Path, content: str) -> Path:
    """Write one file; UserError if that is not possible."""
    require_file(path, "--out", "report.html")
    try:
        atomic.write(path, content)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return path


def write_folder(folder: Path, contents: Mapping[str, str], folders: Sequence[Path] = ()) -> Path:
    """Write a folder of files, by name, and of copies of folders; UserError if that is not possible."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic.written(folder) as partial:
            partial.mkdir()
            for name, content in contents.items():
                (partial / name).write_text(content)
            for inner in folders:
                shutil.copytree(inner, partial / inner.name)
    except OSError as error:
        raise unwritable(folder.parent, error) from error
    return folder
