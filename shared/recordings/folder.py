"""Opens a recording, which may come from anywhere: everything is checked before a value is used, and nothing is run.

Tensors are mapped into memory, not read: whoever compares two recordings holds what it looks at.
"""

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Never

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from twotrack.shared.errors import LONGEST, UserError, first_error
from twotrack.shared.recordings import schema
from twotrack.shared.recordings.schema import FileRecord, Named, Recording
from twotrack.shared.recordings.standalone import DTYPES, MANIFEST

LARGEST_MANIFEST, LARGEST_HEADER = 256 * 2**20, 64 * 2**20
"""Bytes of the JSON that is read."""
DEEPEST = 16
"""Levels of nesting in JSON."""
_BLOCK = 2**22
_TYPES = {name: np.dtype(kind) for kind, name in DTYPES.items()}


@dataclass(frozen=True)
class OpenedRecording:
    """A recording whose files are what it says."""

    folder: Path
    manifest: Recording
    tensors: Mapping[str, np.ndarray]
    """Read-only, by key."""

    def arrays(self, named: list[Named]) -> list[np.ndarray]:
        """Return the arrays of a list."""
        return [self.tensors[one.tensor] for one in named]

    def by_name(self, keys: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Return arrays by name."""
        return {name: self.tensors[key] for name, key in keys.items()}

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The weights before the first step."""
        return {weight.name: self.tensors[weight.tensor] for weight in self.manifest.weights}


def is_recording(folder: Path) -> bool:
    """Tell whether a folder claims to be a recording."""
    return (folder / MANIFEST).is_file()


def open_recording(folder: Path) -> OpenedRecording:
    """Open a folder; UserError, in one sentence, for anything in it that is not as the format has it."""
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder; name one that `twotrack record` or `twotrack.record` wrote.")
    try:
        manifest = _manifest(folder)
        _require_files(folder, manifest)
        tensors = _tensors(folder, manifest)
    except OSError as error:
        raise _refused(folder, f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    _require_tensors(folder, manifest, tensors)
    return OpenedRecording(folder, manifest, tensors)


def _refused(folder: Path, why: str) -> UserError:
    told = "".join(character if character.isprintable() else "?" for character in why)
    return UserError(f"'{folder}' is no recording that can be used: {told}; record it again, or copy the whole folder.")


def _manifest(folder: Path) -> Recording:
    content = read_json(folder, folder / MANIFEST, _plain_file(folder, MANIFEST), LARGEST_MANIFEST)
    if not isinstance(content, dict) or content.get("format") != schema.FORMAT:
        raise _refused(folder, f"{MANIFEST} does not say that it is a {schema.FORMAT}")
    if content.get("version") != schema.VERSION:
        found = _shortened(content.get("version"))
        raise _refused(folder, f"expected version {schema.VERSION} of the format, found {found}")
    try:
        return Recording.model_validate(content)
    except ValidationError as error:
        raise _refused(folder, f"{MANIFEST}: {first_error(error)}") from error
    except RecursionError as error:
        raise _refused(folder, f"{MANIFEST} is nested too deeply") from error


def read_json(folder: Path, path: Path, size: int, largest: int) -> Any:
    """Return what a JSON file of a recording holds."""
    if size > largest:
        raise _refused(folder, f"{path.name} has {size:,} bytes, more than {largest:,}")
    return _parsed(folder, path.name, path.read_bytes())


def _parsed(folder: Path, name: str, text: bytes) -> Any:
    def no_constant(constant: str) -> Never:
        raise ValueError(f"{constant} is no number of JSON")

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            raise ValueError("a name stands there twice")
        return content

    try:
        content = json.loads(text.decode(), parse_constant=no_constant, object_pairs_hook=without_duplicates)
    except RecursionError as error:
        raise _refused(folder, f"{name} is nested too deeply") from error
    except ValueError as error:  # no JSON, and no UTF-8
        raise _refused(folder, f"{name} cannot be read: {_shortened(error)}") from error
    if _depth(content) > DEEPEST:
        raise _refused(folder, f"{name} is nested too deeply")
    return content


def _depth(content: Any) -> int:
    """Return how deep containers stand in each other, without recursion."""
    depth, level = 0, [content]
    while level:
        depth += 1
        level = [
            part
            for container in level
            if isinstance(container, dict | list)
            for part in (container.values() if isinstance(container, dict) else container)
            if isinstance(part, dict | list)
        ]
    return depth


def _shortened(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _plain_file(folder: Path, name: str) -> int:
    """Return the size of a file that must be one itself: no link, no pipe, no folder."""
    try:
        found = (folder / name).lstat()
    except FileNotFoundError:
        raise _refused(folder, f"it has no file {name}") from None
    if not stat.S_ISREG(found.st_mode):
        raise _refused(folder, f"{name} is no plain file")
    return found.st_size


def _require_files(folder: Path, manifest: Recording) -> None:
    """Require exactly the files that the manifest names, in their sizes and with their hashes."""
    found = {path.name for path in folder.iterdir()} - {MANIFEST}
    if found - manifest.files.keys():
        raise _refused(
            folder, f"it has '{_shortened(min(found - manifest.files.keys()))}', which {MANIFEST} does not name"
        )
    for name, record in manifest.files.items():
        size = _plain_file(folder, name)
        if size != record.bytes:
            raise _refused(folder, f"{name} has {size:,} bytes, expected {record.bytes:,}")
    for name, record in manifest.files.items():
        _require_hash(folder, name, record)


def _require_hash(folder: Path, name: str, record: FileRecord) -> None:
    with (folder / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != record.sha256:
        raise _refused(folder, f"{name} was changed: its SHA-256 is {digest[:12]}..., expected {record.sha256[:12]}...")


def _tensors(folder: Path, manifest: Recording) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for name in manifest.files:
        for key, array in _mapped(folder, name):
            if key in tensors:
                raise _refused(folder, f"two files hold a tensor '{_shortened(key)}'")
            tensors[key] = array
    return tensors


def _mapped(folder: Path, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the tensors of a file, mapped into memory; the library and this function must both find it in order."""
    path = folder / name
    size = _plain_file(folder, name)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(LARGEST_HEADER, size - 8):
            raise _refused(folder, f"{name} has a header of {length:,} bytes, more than there are or may be")
        header = _parsed(folder, name, file.read(length))
    try:
        with safe_open(path, "np"):
            pass
    except SafetensorError as error:
        raise _refused(folder, f"{name} is no file of safetensors: {_shortened(error)}") from error
    if not isinstance(header, dict):
        raise _refused(folder, f"the header of {name} is no mapping")
    content = np.memmap(path, np.uint8, "r", offset=0)[8 + length :]
    end = 0
    for key, entry in header.items():
        array, begins, ends = _slice(folder, f"'{_shortened(key)}' in {name}", entry, content)
        if begins != end:
            raise _refused(folder, f"'{_shortened(key)}' in {name} does not begin where the tensor before it ends")
        end = ends
        yield key, array
    if end != len(content):
        raise _refused(folder, f"{name} holds bytes that belong to no tensor")


def _slice(folder: Path, what: str, entry: Any, content: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return one tensor, and where it begins and ends."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _refused(folder, f"{what} is not described by type, shape and place")
    shape, offsets, kind = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise _refused(folder, f"{what} has the type {_shortened(kind)}, expected one of {', '.join(_TYPES)}")
    if not _are_whole(shape) or not _are_whole(offsets) or len(offsets) != 2 or len(shape) > 32:
        raise _refused(folder, f"{what} has a shape or a place that is none")
    begin, end = offsets
    if begin > end or end > len(content) or prod(shape) * _TYPES[kind].itemsize != end - begin:
        raise _refused(folder, f"{what} has the shape {_shortened(shape)}, and {end - begin:,} bytes from {begin:,} on")
    data = content[begin:end]
    aligned = data.view(_TYPES[kind]) if data.ctypes.data % _TYPES[kind].itemsize == 0 else _copied(data, _TYPES[kind])
    array = np.asarray(aligned).reshape(shape)
    array.flags.writeable = False
    return array, begin, end


def _copied(data: np.ndarray, kind: np.dtype) -> np.ndarray:
    return np.frombuffer(data.tobytes(), kind)


def _are_whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(number) is int and 0 <= number < 2**62 for number in numbers)


def _require_tensors(folder: Path, manifest: Recording, tensors: Mapping[str, np.ndarray]) -> None:
    """Require that the manifest names tensors that are there, and no other are, and each name once."""
    used = set(_keys(manifest))
    if missing := used - tensors.keys():
        raise _refused(folder, f"{MANIFEST} names the tensor {min(missing)}, which no file holds")
    if extra := tensors.keys() - used:
        raise _refused(folder, f"its files hold a tensor '{_shortened(min(extra))}', which {MANIFEST} does not name")
    for what, names in (
        ("weight", [weight.name for weight in manifest.weights]),
        ("call", [call.path for call in manifest.calls]),
        ("step", [step.number for step in manifest.steps]),
    ):
        if len(set(names)) < len(names):
            raise _refused(folder, f"{MANIFEST} names a {what} twice")
    if [step.number for step in manifest.steps] != sorted(step.number for step in manifest.steps):
        raise _refused(folder, f"{MANIFEST} has its steps out of order")


def _keys(manifest: Recording) -> Iterator[str]:
    for named in (manifest.weights, manifest.inputs, manifest.outputs, manifest.targets, manifest.trained_outputs):
        yield from (one.tensor for one in named)
    yield from manifest.penalty_gradients.values()
    for call in manifest.calls:
        yield from (*call.inputs, *call.outputs)
    for step in manifest.steps:
        yield from (*(one.tensor for one in step.outputs), *step.gradients.values(), *step.weights.values())
    for remembered in (manifest, *manifest.steps):
        for arrays in remembered.state.values():
            yield from arrays.values()
