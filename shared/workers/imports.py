"""Imports a framework without what it only uses where it happens to be installed, which takes longer than the rest.

Keras looks for scikit-learn, pandas and matplotlib, for wrappers, tables and plots that no task has; TensorFlow and
Keras on PyTorch look for JAX.
"""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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
