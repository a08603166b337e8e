"""Checkpoints of torch as people have them: wrapped, with prefixes, in shards. Tensors stay in the file until used."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor

from twotrack.shared.errors import UserError
from twotrack.shared.weights.bridge.names import listed
from twotrack.torch_track.precision import paused

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Under which name a checkpoint keeps the state_dict, the first that there is."""
INDEX = ".index.json"
COMPILED = "_orig_mod."
"""What torch.compile puts into names."""


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, or of the shards that an index names, mapped into memory.

    UserError for what holds anything but tensors, for what is damaged, and for an index that leads elsewhere.
    """
    if path.name.endswith(INDEX):
        return _of_shards(path)
    content = read_content(path)
    return content if path.suffix == ".safetensors" else _unwrapped(path, content)


def read_content(path: Path) -> Any:
    """Return all that one file holds, tensors and plain values alone; UserError as above."""
    try:
        with paused():  # a file has the types that it has
            if path.suffix == ".safetensors":
                return load_file(path)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except Exception as error:  # torch.load fails on a damaged file in many ways
        raise UserError(_refusal(path, error)) from error


def _unwrapped(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the state_dict in what a checkpoint holds."""
    if isinstance(content, Mapping):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping):
        raise UserError(f"'{path}' holds a {type(content).__name__}; expected a state_dict: save model.state_dict().")
    for name, value in content.items():
        if not isinstance(value, Tensor):
            problem = f"'{name}' is of type {type(value).__name__}"
            raise UserError(f"'{path}' is no state_dict: {problem}; save model.state_dict() alone.")
    return dict(content)


def _refusal(path: Path, error: Exception) -> str:
    code = re.search(r"[Uu]nsupported (?:global|GLOBAL|class)[^\n]*?(?= was not | whose |$)", str(error), re.MULTILINE)
    if code:
        return f"'{path}' would run code when loaded ({code[0]}); save model.state_dict() and convert that."
    reason = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    return f"'{path}' is damaged or no torch checkpoint ({reason}); expected model.state_dict()."


# === Shards ===


def _of_shards(index: Path) -> dict[str, Tensor]:
    """Return the tensors of all shards; UserError unless they are those that the index names."""
    places = _index(index)
    state: dict[str, Tensor] = {}
    for file in sorted(set(places.values())):
        named = {name for name, place in places.items() if place == file}
        found = read_state(index.parent / file)
        if missing := sorted(named - set(found)):
            raise UserError(f"'{index}': expected {listed(missing)} in '{file}', found no such tensor.")
        state |= {name: found[name] for name in named}
    return state


def _index(index: Path) -> dict[str, str]:
    """Return the file of every tensor; UserError unless all are files of their own in the index's folder."""
    try:
        places = json.loads(index.read_bytes())["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{index}' is no index of shards; expected a table 'weight_map' in JSON.") from error
    if not isinstance(places, dict) or not all(isinstance(file, str) for file in places.values()):
        raise UserError(f"'{index}': expected file names by name of the tensor in 'weight_map'.")
    for file in sorted(set(places.values())):
        if Path(file).name != file or file.endswith(INDEX) or "\\" in file:
            raise UserError(f"'{index}': expected names of files in its own folder, found '{file}'.")
        if not (index.parent / file).is_file():
            raise UserError(f"'{index}': there is no file '{file}' beside it.")
    return places


# === Names ===


def fitted(
    state: Mapping[str, Tensor], first_names: Mapping[str, str], skip: Sequence[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the state under the names that a module has, and what was done to its names.

    `first_names` has the module's names, each with the first of those that are one tensor. Names that `skip` fits, as a
    shell's patterns, are left out. What torch.compile, DDP and Lightning put in front of all names goes, and what the
    module itself has in front of all of its names is added, if that gives its names.
    """
    kept = {name: tensor for name, tensor in state.items() if not any(fnmatchcase(name, pattern) for pattern in skip)}
    notes, wanted = [f"{name}: skipped" for name in state if name not in kept], set(first_names.values())
    for strip, add in _prefixes(list(kept), list(first_names)):
        own = {add + _plain(name, strip): tensor for name, tensor in kept.items() if name.startswith(strip)}
        if wanted <= {first_names.get(name, name) for name in own}:
            left = [name for name in kept if not name.startswith(strip)]
            changed = [f"names: '{strip}' taken away, '{add}' added"] if strip or add else []
            return own, [*notes, *changed, *(f"{name}: not of the model, left out" for name in left)]
    return {_plain(name, ""): tensor for name, tensor in kept.items()}, notes


def _plain(name: str, strip: str) -> str:
    return name[len(strip) :].replace(COMPILED, "")


def _prefixes(found: Sequence[str], expected: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what may be taken away from names and added to them, least first."""
    firsts = ["", *dict.fromkeys(start for name in found for start in _starts(name))]
    added = ["", *(start for start in _starts(expected[0]) if all(name.startswith(start) for name in expected))]
    for strip in sorted(firsts, key=lambda one: one.count(".")):
        for add in added:
            yield strip, add


def _starts(name: str) -> Iterator[str]:
    parts = name.split(".")[:-1]
    return ("".join(f"{part}." for part in parts[: count + 1]) for count in range(min(len(parts), 4)))
