"""`shared` imports no framework at module level: read from its source, so that no path is missed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import twotrack.shared

FRAMEWORKS = {
    "torch", "torchvision", "tensorflow", "keras", "keras_hub", "jax", "jaxlib", "flax", "transformers",
    "tensorflow_datasets", "onnx", "onnxruntime", "twotrack.keras_track", "twotrack.torch_track",
}  # fmt: skip
SOURCES = sorted(Path(twotrack.shared.__file__).parent.rglob("*.py"))


def imported_at_module_level(source: str) -> set[str]:
    """Return the packages that importing the module imports; what only type checkers see is left out.

    A package is named by its top name, and one of twotrack by two: twotrack.keras_track.
    """
    return {_package(name) for node in _executed(ast.parse(source).body) for name in _names(node)}


def _package(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "twotrack" else parts[0]


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements that run on import: everything outside functions, class bodies and branches included."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _executed(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _executed(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _executed(handler.body)


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_framework_is_imported_at_module_level(source: Path):
    assert imported_at_module_level(source.read_text()) & FRAMEWORKS == set()


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import torch.nn.functional as F",
        "from torch import nn",
        "if True:\n    import torch",
        "if TYPE_CHECKING:\n    import os\nelse:\n    import torch",
        "try:\n    import os\nexcept ImportError:\n    import torch",
        "try:\n    import os\nfinally:\n    import torch",
        "class A:\n    import torch",
        "with open('x'):\n    from torch import nn",
        "for _ in ():\n    import torch",
    ],
)
def test_the_check_finds_every_import_that_runs(source: str):
    assert "torch" in imported_at_module_level(source)


@pytest.mark.parametrize(
    "source",
    [
        "import twotrack.keras_track",
        "import twotrack.keras_track.track as track",
        "from twotrack import keras_track",
        "from twotrack.keras_track import losses",
        "from twotrack.keras_track.losses import build",
        "try:\n    from twotrack import keras_track\nexcept ImportError:\n    pass",
    ],
)
def test_the_check_finds_every_import_of_a_track(source: str):
    assert "twotrack.keras_track" in imported_at_module_level(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import torch",
        "if TYPE_CHECKING:\n    import torch",
        "from . import torch",
        "torch = 'import torch'",
    ],
)
def test_the_check_accepts_what_does_not_run(source: str):
    assert "torch" not in imported_at_module_level(source)
