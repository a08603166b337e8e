"""Modules that the user names, imported from the user's folders, and nothing else from there.

A worker has neither the current folder nor a script's folder on sys.path, so that no library picks up a file that lies
there by accident. What the user names is found by a finder of its own, which answers the user's own modules alone.
"""

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions, requires
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType, ModuleType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from twotrack.shared.errors import UserError, as_user_error

SCRIPT = "__main__"
_SCRIPT_HERE = "__twotrack_main__"
"""Under which name a worker imports the user's script, whose `if __name__ == "__main__"` is false then."""


class UserModules(MetaPathFinder):
    """Finds top-level modules in the user's folders, for those that came from there themselves.

    The importing module decides: a sibling is found for the user's own modules at any time, in a function that runs
    later too, and never for a library. The standard library and what twotrack itself needs (torch, keras, ...) always
    come from where they are installed.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._own: set[str] = set()
        """Top-level names of the modules that came from the folders."""
        self.importing: str = ""
        """What is being imported for the user right now."""

    @contextmanager
    def opened(self, folders: Iterable[Path], name: str) -> Iterator[None]:
        """Search these folders from here on, after sys.path's own; inside the block `name` is being imported.

        Python leaves no compiled file beside the user's: a full disk would cut it, and no import would work again.
        """
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        known = {*sys.path, *self._folders}
        self._folders += [folder for folder in dict.fromkeys(map(str, folders)) if folder not in known]
        importlib.invalidate_caches()  # the file may be newer than this process
        before = self.importing, sys.dont_write_bytecode
        self.importing, sys.dont_write_bytecode = name, True
        try:
            yield
        finally:
            self.importing, sys.dont_write_bytecode = before

    def adopt(self, name: str) -> None:
        """Let a module that was loaded from its file import its siblings."""
        self._own.add(name.partition(".")[0])

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a top-level module of the user's lies; None leaves the import to the other finders."""
        if path is not None or fullname in sys.stdlib_module_names or not self._is_own(_importer()):
            return None
        spec = PathFinder.find_spec(fullname, self._folders)
        if spec is None or _belongs_elsewhere(fullname, spec):
            return None
        self._own.add(fullname)
        return spec

    def _is_own(self, module: str) -> bool:
        return module == __name__ or module.partition(".")[0] in self._own


def _importer() -> str:
    """Return the name of the module whose code imports; the machinery of imports itself is left out."""
    frame = sys._getframe(2)  # behind this function and the finder
    while frame.f_back and _module_of(frame).partition(".")[0] == "importlib":
        frame = frame.f_back
    return _module_of(frame)


def _module_of(frame: FrameType) -> str:
    return frame.f_globals.get("__name__") or ""


def _belongs_elsewhere(name: str, spec: ModuleSpec) -> bool:
    """Tell whether the installed module of that name comes first: what twotrack needs, or before a mere folder."""
    is_mere_folder = spec.loader is None
    return PathFinder.find_spec(name) is not None and (is_mere_folder or name in _required_modules())


@cache
def _required_modules() -> frozenset[str]:
    """Return the top-level modules of what twotrack and its extras require."""
    required = {canonicalize_name(Requirement(line).name) for line in requires("twotrack") or []}
    return frozenset(
        module
        for module, distributions in packages_distributions().items()
        if any(canonicalize_name(name) in required for name in distributions)
    )


_finder = UserModules()


def place(text: str, folders: Sequence[Path]) -> tuple[str, tuple[Path, ...]]:
    """Return the module that a user names, and where it may lie: of a name, the current folder and `folders`.

    A file, as `models/port.py`, is its module: below the folder that holds it, or its outermost package.
    Raises UserError if there is no such file.
    """
    if not text.endswith(".py"):
        return text, (Path.cwd(), *folders)
    file = Path(text).absolute()
    if not file.is_file():
        raise UserError(f"expected a module or its file, found '{text}', which is no file.")
    root = file.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return ".".join(file.relative_to(root).with_suffix("").parts), (root, Path.cwd(), *folders)


def import_named(name: str, folders: Sequence[Path]) -> ModuleType:
    """Import the module that the user named, from one of `folders` or from the path; UserError if that fails."""
    with _finder.opened(folders, name), as_user_error(f"importing '{name}' from {folders[0]} failed"):
        return importlib.import_module(name)


def import_file(name: str, file: Path, folders: Sequence[Path]) -> ModuleType:
    """Import the module that another process knows by this name and file, the user's script too.

    `folders` are where that process found modules. Raises UserError if the import fails, or if the name is taken here.
    """
    root = root_of(name, file)
    with _finder.opened([root or file.parent, *folders], file.name), as_user_error(f"importing '{file}' failed"):
        module = importlib.import_module(name) if root else _load(name, file)
    if module.__file__ is None or not file.samefile(module.__file__):
        raise UserError(
            f"expected the module '{name}' from '{file}', found '{module.__file__}'; give yours another name."
        )
    return module


def root_of(name: str, file: Path) -> Path | None:
    """Return the folder that holds the top-level package of the module; None if the file is not where its name says."""
    parts = tuple(name.split("."))
    path = file.parent if file.stem == "__init__" else file.with_suffix("")
    return path.parents[len(parts) - 1] if path.parts[-len(parts) :] == parts else None


def _load(name: str, file: Path) -> ModuleType:
    """Return the module of a file that no name leads to, loaded once."""
    here = _SCRIPT_HERE if name == SCRIPT else name
    loaded = sys.modules.get(here)
    if loaded is not None and loaded.__file__ == str(file):
        return loaded
    spec = spec_from_file_location(here, file)
    if spec is None or spec.loader is None:
        raise UserError(f"expected a Python file, found '{file}'.")
    module = sys.modules[here] = module_from_spec(spec)
    _finder.adopt(here)
    try:
        spec.loader.exec_module(module)
    except BaseException:  # Ctrl-C too: half a module is none
        del sys.modules[here]
        raise
    return module


def require_not_importing(function: str) -> None:
    """Raise UserError where `function` is called by a module that is being imported for the user, without end."""
    if _finder.importing:
        raise UserError(
            f"{function} is called whenever '{_finder.importing}' is imported, as a worker does to find its functions; "
            f'put the call in a function, or below `if __name__ == "{SCRIPT}":`.'
        )
