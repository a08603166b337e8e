"""Functions by name, so that a table can name what only a worker may import."""

import importlib
from collections.abc import Callable
from typing import Any


def resolve(name: str) -> Callable[..., Any]:
    """Import what "module:function" names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)
