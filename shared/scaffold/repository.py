"""Writes the repository."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from twotrack.shared import __version__
from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.spec.track import TRACKS

FILES = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/tests.yml": "tests.yml.j2",
    "src/{package}/__init__.py": "init.py.j2",
    "src/{package}/keras_model.py": "keras_model.py.j2",
    "src/{package}/torch_model.py": "torch_model.py.j2",
    "tests/conftest.py": "conftest.py.j2",
    "tests/test_port.py": "test_port.py.j2",
}
"""Template by the place of the file."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")


@dataclass(frozen=True)
class Repository:
    """What was written."""

    folder: Path
    files: tuple[str, ...]
    note: str
    """What the user has to do before a server can run it; empty if nothing."""


def write(folder: Path, name: str, tracks: Sequence[str], requirement: str | None) -> Repository:
    """Write a repository into a folder that is new or empty, all of it or nothing; UserError if that cannot be.

    `tracks` are the Keras tracks that its test compares with torch; `requirement` is how pip finds twotrack, None for
    where this one was installed from.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"--name: expected letters, digits and single dashes, such as my-port, found '{name}'.")
    _require_tracks(tracks)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"'{folder}' is there and not empty; name a new folder.")
    needed, note = (requirement, "") if requirement else _installed_from(_extras(tracks))
    context = {"name": name, "package": name.replace("-", "_").lower(), "tracks": ",".join(tracks)}
    contents = _rendered({**context, "requirement": needed, "backend": TRACKS[tracks[0]].backend})
    _write(folder, contents)
    return Repository(folder, tuple(contents), note)


def _require_tracks(tracks: Sequence[str]) -> None:
    known = [name for name, spec in TRACKS.items() if spec.backend]
    for track in tracks:
        if track not in known:
            raise unknown("Keras track", track, known)
    if not tracks:
        raise UserError(f"--tracks: name at least one of {', '.join(known)}.")


def _extras(tracks: Sequence[str]) -> str:
    extras = {extra for track in (*tracks, "torch") for extra in TRACKS[track].extras.split(",")}
    return ",".join(sorted(extras))


def _installed_from(extras: str) -> tuple[str, str]:
    """Return what pip reads to install this twotrack with extras, and a note if only this machine can."""
    origin = json.loads(distribution("twotrack").read_text("direct_url.json") or "{}")
    if not origin:
        return f"twotrack[{extras}]>={__version__}", ""
    url, source = origin["url"], origin.get("vcs_info")
    if source:
        return f"twotrack[{extras}] @ {source['vcs']}+{url}@{source['commit_id']}", ""
    note = (
        f"twotrack was installed from {url}, which a server for CI does not have: "
        "say in pyproject.toml where it gets twotrack from."
    )
    return f"twotrack[{extras}] @ {url}", note if url.startswith("file:") else ""


def _rendered(context: dict[str, str | None]) -> dict[str, str]:
    """Return every file's text, by its place."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("twotrack.shared.scaffold", "files"),
        autoescape=False,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    return {
        place.format(package=context["package"]): environment.get_template(template).render(context)
        for place, template in FILES.items()
    }


def _write(folder: Path, contents: dict[str, str]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic.written(folder) as partial:
            for place, text in contents.items():
                file = partial / place
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
    except OSError as error:
        raise UserError(f"cannot write '{folder}': {(error.strerror or str(error)).lower()}.") from error
