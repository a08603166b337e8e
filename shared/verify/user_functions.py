"""A user's function on its way to a worker: by reference, or held by this process where no other can import it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.spec.objective import Framework
from twotrack.shared.verify import user_modules
from twotrack.shared.workers import door


class FunctionReference(FrozenRecord):
    """A function, or a class, that another process can import."""

    file: Path
    module: str
    """As this process knows it; the user's script is __main__."""
    name: str
    """Qualified name in the module."""

    def load(self, folders: tuple[Path, ...]) -> Callable[..., Any]:
        """Import it; UserError if that fails."""
        module = user_modules.import_file(self.module, self.file, folders)
        function = attribute(module, self.name)
        if function is None:
            raise UserError(f"expected '{self.name}' in '{self.file}', found nothing; define it at the top level.")
        return function

    def __call__(self, *arguments: Any) -> Any:
        """Import and call it: in a pair it stands for the function."""
        return self.load(())(*arguments)


class HeldFunction(FrozenRecord):
    """A function that no other process can import: it is held by this one, which runs its side itself."""

    held: str
    module: str
    name: str

    def load(self, folders: tuple[Path, ...]) -> Callable[..., Any]:
        """Return it; in another process, a function that nothing there may call."""
        return _HELD.get(self.held, _not_here)


class ExerciseFunction(FrozenRecord):
    """A function of a track that builds what an exercise asks to be written again."""

    framework: Framework
    name: str

    @property
    def module(self) -> str:
        """Where it stands."""
        return f"{self.framework}_track.exercises"

    def load(self, folders: tuple[Path, ...]) -> Callable[..., Any]:
        """Import it."""
        return door.exercise(self.framework, self.name)

    def __call__(self, *arguments: Any) -> Any:
        """Import and call it: in a pair it stands for the function."""
        return self.load(())(*arguments)


_HELD: dict[str, Callable[..., Any]] = {}


def _not_here() -> Any:
    raise RuntimeError("a function that another process holds was called here")


@contextmanager
def holding() -> Iterator[Callable[[Callable[..., Any], str, str], HeldFunction]]:
    """Yield what holds a function, of a module and a name to be shown, until the block ends."""
    held: list[str] = []

    def hold(function: Callable[..., Any], module: str, name: str) -> HeldFunction:
        held.append(uuid4().hex)
        _HELD[held[-1]] = function
        return HeldFunction(held=held[-1], module=module, name=name)

    try:
        yield hold
    finally:
        for name in held:
            del _HELD[name]


Hold = Callable[[Callable[..., Any], str, str], HeldFunction]
AnyFunction = FunctionReference | HeldFunction | ExerciseFunction


def refer_to(function: object, role: str, hold: Hold | None = None) -> AnyFunction:
    """Return the reference of a function; UserError unless its module's file and its name lead back to it."""
    if isinstance(function, FunctionReference | ExerciseFunction):
        return function
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = getattr(function, "__qualname__", "")
    leads_back = module is not None and attribute(module, name) == function
    if hold and callable(function) and not (leads_back and getattr(module, "__file__", None)):
        return hold(function, getattr(function, "__module__", None) or "", name or type(function).__qualname__)
    if module is None or attribute(module, name) != function:
        described = f"'{name}' of {module.__name__}" if module and name else f"a {type(function).__name__}"
        raise UserError(
            f"{role}: expected a function at the top level of a file, which a worker process can import, found "
            f"{described}; write `def` or `class` at the top level, or name the pair as text, 'module:NAME'."
        )
    file = getattr(module, "__file__", None)
    if file is None:
        raise UserError(
            f"{role}: expected a function in a file, which a worker process can import, found '{name}' of an "
            "interactive session; write it into a file and import it from there."
        )
    return FunctionReference(file=Path(file).absolute(), module=_name_of(module.__name__), name=name)


def _name_of(module: str) -> str:
    """Return the name by which a module can be imported: that of `python -m`, if that is how the script runs."""
    spec = sys.modules[module].__spec__
    return spec.name if module == user_modules.SCRIPT and spec else module


def attribute(module: object, name: str) -> Any:
    """Return what the dotted name leads to in the module, or None."""
    for part in name.split("."):
        module = getattr(module, part, None)
    return module
