"""Worker task: run Python code of a page, in a folder, behind code that makes what it names."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Code:
    """A block of a page."""

    name: str
    before: str
    """What makes its inputs."""
    code: str
    folder: Path


@task
def execute(block: Code) -> str:
    """Run it; return what it printed. The folder is left, and what it imported from there forgotten."""
    names: dict[str, object] = {"__name__": "page"}
    known, printed = set(sys.modules), io.StringIO()
    with contextlib.chdir(block.folder), contextlib.redirect_stdout(printed):
        sys.path.insert(0, str(block.folder))
        try:
            exec(block.before, names)
            exec(compile(block.code, block.name, "exec"), names)
        finally:
            sys.path.remove(str(block.folder))
            for name in {module for module in set(sys.modules) - known if _lies_in(module, block.folder)}:
                del sys.modules[name]
    return printed.getvalue()


def _lies_in(module: str, folder: Path) -> bool:
    file = getattr(sys.modules[module], "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)
