"""What twotrack uses of a framework's private parts is written down, and is still there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.packaging.private_names import PRIVATE_NAMES, is_there
from twotrack.shared.workers.pool import WorkerPool

ROOT = Path(__file__).parents[2]
SOURCES = [file for folder in ("shared", "keras_track", "torch_track") for file in (ROOT / folder).rglob("*.py")]
OF_PYTHON = {"_exit", "_getframe", "_replace"}
"""Documented in Python's own manual."""
LISTED = {name.rpartition(".")[2] for name in PRIVATE_NAMES}
PRIVATE_PACKAGES = ("keras.src", "tensorflow.python", "jax._src")


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_the_framework_still_has(workers: WorkerPool, name: str) -> None:
    private = PRIVATE_NAMES[name]
    framework = name.partition(".")[0]
    there = workers.call(private.track, is_there, name)
    assert there, (
        f"{framework} {version(framework)} no longer has {name}, or it works otherwise; twotrack needs it to "
        f"{private.use}: find another way, or state an upper bound for {framework} in pyproject.toml"
    )


def test_every_private_name_in_the_product_code_is_on_the_list() -> None:
    trees = _trees()
    own = {name for tree in trees for name in _defined(tree)}
    used = {name for tree in trees for name in _used(tree)}
    assert used - own - OF_PYTHON - LISTED == set()


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_name_on_the_list_is_used(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", file.read_text()) for file in SOURCES)


def test_everything_taken_from_a_private_package_is_on_the_list() -> None:
    trees = _trees()
    taken = {module for tree in trees for module in _private_modules(tree)}
    assert [module for module in taken if not any(name.startswith(f"{module}.") for name in PRIVATE_NAMES)] == []


@cache
def _trees() -> list[ast.Module]:
    return [ast.parse(file.read_text()) for file in SOURCES]


def _defined(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that the code itself makes: functions, classes, variables, attributes, parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def _used(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that the code takes from something: by a dot, by getattr, by an import."""
    for node in ast.walk(tree):
        for name in _taken(node):
            if name.startswith("_") and not name.startswith("__"):
                yield name


def _taken(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return [name]
        case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]):
            return [name]
        case ast.ImportFrom(module=str(module), names=names) if not module.startswith("twotrack"):
            return [alias.name for alias in names]
    return []


def _private_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PRIVATE_PACKAGES):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
