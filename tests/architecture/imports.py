"""Who imports whom in the product code, read from its source; `python -m tests.architecture.imports` prints it.

Counted are imports everywhere in a module, inside functions and for type checkers too, import_module, and texts that
name a function as "module:function".
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.layers import DOOR, ROOMS

ROOT = Path(__file__).parents[2]
PACKAGE = "twotrack"
SHARED = f"{PACKAGE}.shared"
FOLDERS = {PACKAGE: PACKAGE} | {f"{PACKAGE}.{name}": name for name in ("shared", "keras_track", "torch_track")}
"""Folder of the repository by the package that it is installed as."""
ROOM_OF = {name: room for room, names in ROOMS.items() for name in names}
REFERENCE = re.compile(r"(twotrack(?:\.\w+)+):\w+")


@dataclass(frozen=True)
class Arrow:
    """One import: the importing and the imported module, by the names under which they are installed."""

    importer: str
    imported: str
    for_types: bool
    """Stands under TYPE_CHECKING: it is not executed."""


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return the file of every module of the product, by name."""
    return {
        _name(package, path.relative_to(root / folder)): path
        for package, folder in FOLDERS.items()
        for path in sorted((root / folder).rglob("*.py"))
    }


def _name(package: str, file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def arrows(files: Mapping[str, Path]) -> list[Arrow]:
    """Return every import of one module of the product by another."""
    return [arrow for importer, path in files.items() for arrow in arrows_of(importer, path.read_text(), files)]


def arrows_of(importer: str, source: str, files: Mapping[str, Path]) -> list[Arrow]:
    """Return every import of a module of the product by the one with this source."""
    named = _imported(ast.parse(source), files)
    return [Arrow(importer, imported, for_types) for imported, for_types in named if imported != importer]


def _imported(node: ast.AST, files: Mapping[str, Path], for_types: bool = False) -> Iterator[tuple[str, bool]]:
    for name in _names(node, files):
        yield name, for_types
    only_types = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
    for child in ast.iter_child_nodes(node):
        yield from _imported(child, files, for_types or child in only_types)


def _names(node: ast.AST, files: Mapping[str, Path]) -> list[str]:
    """Return the modules of the product that a single node names."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names if alias.name in files]
        case ast.ImportFrom(module=str(module), names=names, level=0) if module in files:
            inside = [f"{module}.{alias.name}" for alias in names]
            return [name if name in files else module for name in inside]
        case ast.ImportFrom(level=level) if level:
            raise ValueError(f"line {node.lineno}: expected imports by full name, found a relative one")
        case ast.Constant(value=str(text)):
            reference = REFERENCE.fullmatch(text)
            return [reference[1]] if reference and reference[1] in files else []
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(module))]):
            return [module] if module in files else []
    return []


def below_shared(module: str) -> str:
    """Return a module's name without `twotrack.shared`."""
    return module.removeprefix(SHARED).removeprefix(".")


def room_of(module: str) -> str:
    """Return a module's room; KeyError for a module of shared that the table lacks.

    The tracks are rooms of their own, and so is what is importable as `twotrack` itself.
    """
    if not module.startswith(SHARED):
        return next(package for package in reversed(FOLDERS) if f"{module}.".startswith(f"{package}."))
    name = below_shared(module)
    while name not in ROOM_OF and "." in name:
        name = name.rpartition(".")[0]
    return ROOM_OF[name]


def upward(found: list[Arrow]) -> set[tuple[str, str]]:
    """Return the imports inside shared that point to a higher room, as pairs of modules."""
    height = {room: number for number, room in enumerate(ROOMS)}
    inside = [arrow for arrow in found if arrow.importer.startswith(SHARED) and arrow.imported.startswith(SHARED)]
    return {
        (below_shared(arrow.importer), below_shared(arrow.imported))
        for arrow in inside
        if height[room_of(arrow.importer)] < height[room_of(arrow.imported)]
    }


def between_rooms(found: list[Arrow]) -> Counter[tuple[str, str]]:
    """Return the number of imports for every two rooms that have any."""
    rooms = ((room_of(arrow.importer), room_of(arrow.imported)) for arrow in found)
    return Counter((importer, imported) for importer, imported in rooms if importer != imported)


def circle(pairs: set[tuple[str, str]]) -> list[str]:
    """Return rooms that import each other in a circle, or nothing."""
    left = set(pairs)
    while left:
        inner = {importer for importer, _ in left} & {imported for _, imported in left}
        kept = {(importer, imported) for importer, imported in left if {importer, imported} <= inner}
        if kept == left:
            return sorted(inner)
        left = kept
    return []


def main() -> None:
    """Print rooms from top to bottom, with what each imports."""
    files = modules()
    found = arrows(files)
    counts = between_rooms(found)
    sizes = Counter(room_of(module) for module in files)
    for room in (PACKAGE, *(package for package in FOLDERS if package not in (PACKAGE, SHARED)), *reversed(ROOMS)):
        below = ", ".join(
            f"{imported} {count}" for (importer, imported), count in sorted(counts.items()) if importer == room
        )
        print(f"{room} ({sizes[room]} modules): {below or '-'}")
    shared = [pair for pair in counts if set(pair) <= set(ROOMS)]
    print(f"rooms of shared {len(ROOMS)}, arrows between them {len(shared)}, upward {len(upward(found))}; door {DOOR}")


if __name__ == "__main__":
    main()
