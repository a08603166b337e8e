"""Imports a framework without what it only uses where it happens to be installed, which takes longer than the rest.

Keras looks for scikit-learn, pandas and matplotlib, for wrappers, tables and plots that no task has; TensorFlow and
Keras on PyTorch look for JAX.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from twotrack.shared.base.memory import Imports

OPTIONAL = ("sklearn", "pandas", "matplotlib")
"""To Keras, on every backend."""


@contextmanager
def without(packages: Sequence[str]) -> Iterator[None]:
    """Let packages that were not imported before seem not to be installed; from the end of the block on they are."""
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in packages if name not in modules]
    modules |= dict.fromkeys(hidden)  # None says that there is none
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no garbage be looked for: an import makes hundreds of thousands of objects, and hardly one of them goes."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def import_kept(name: str) -> ModuleType:
    """Import a module before anything is made of it; no garbage is ever looked for in what comes with it."""
    imports = Imports.so_far()
    with uncollected():
        module = importlib.import_module(name)
    imports.keep()
    return module
