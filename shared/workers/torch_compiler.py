"""Puts off the import of PyTorch's compiler, torch._dynamo, until something is compiled: it takes longer than PyTorch.

PyTorch's optimizers and Keras on PyTorch import it for each of their functions that it is to leave alone, and to let it
forget what it compiled. Nothing has to be left alone, or forgotten, while there is no compiler. Whoever asks for
anything else of it gets the real one, which then takes the place of the stand-in for all.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


def put_off() -> None:
    """Let a stand-in be the compiler, unless that is imported already. Call it once PyTorch is."""
    spec = None if COMPILER in sys.modules else find_spec(COMPILER)
    if spec:
        _StandIn(spec).install()


class _StandIn(ModuleType):
    """What is asked of the compiler where nothing is compiled; all other attributes are the real one's."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(COMPILER)
        self.__spec__, self.__file__, self.__path__ = spec, spec.origin, spec.submodule_search_locations or []
        self._finder = _RealParts(self._real)

    def install(self) -> None:
        import torch

        sys.modules[COMPILER] = self
        torch._dynamo = self
        sys.meta_path.insert(0, self._finder)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of this module: whoever walks through all that are imported asks for such
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        """Import the compiler, which takes this place."""
        if sys.modules.get(COMPILER) is self:
            import torch

            sys.meta_path.remove(self._finder)
            del sys.modules[COMPILER], torch._dynamo
        return importlib.import_module(COMPILER)

    @property
    def _is_at_work(self) -> bool:
        return sys.modules.get(COMPILER) is not self

    def disable(self, fn: Callable | None = None, *args: Any, **options: Any) -> Callable:
        """Keep the compiler out of a function, from when there is one."""
        if fn is None:
            return lambda function: self.disable(function, *args, **options)

        @functools.wraps(fn)
        def call(*arguments: Any, **named: Any) -> Any:
            return (left_alone() if self._is_at_work else fn)(*arguments, **named)

        @functools.cache
        def left_alone() -> Callable:
            return self._real().disable(fn, *args, **options)

        return call

    def graph_break(self, *args: Any, **options: Any) -> None:
        """Say where a compiled program must end."""
        if self._is_at_work:
            self._real().graph_break(*args, **options)

    def reset(self) -> None:
        """Forget what was compiled."""
        if self._is_at_work:
            self._real().reset()


class _RealParts(MetaPathFinder):
    """Finds a module inside the compiler as what the import of the whole compiler made of it."""

    def __init__(self, load: Callable[[], ModuleType]):
        self._load = load

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(f"{COMPILER}."):
            return None
        self._load()
        return ModuleSpec(name, _Loaded(sys.modules[name])) if name in sys.modules else find_spec(name)


class _Loaded(Loader):
    """Hands out a module that is loaded."""

    def __init__(self, module: ModuleType):
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return it."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it was."""
        module.__spec__ = self._spec
