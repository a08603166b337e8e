"""Configurations that stand beside logs, read from YAML and JSON without building anything: values by dotted name."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import Repr
from typing import Any

import yaml

from twotrack.shared.errors import UserError, one_line
from twotrack.shared.logs.readers.limits import LARGEST_SETTINGS, require_readable
from twotrack.shared.logs.series import Log

FILES = (
    "hparams.yaml", "config.yaml", "args.yaml", "params.yaml",
    "hparams.json", "config.json", "args.json", "params.json", "run.json", "all_results.json",
)  # fmt: skip
"""What is read beside a log, of these names only."""
MOST, DEEPEST, LONGEST = 20_000, 12, 2_000
Plain = str | int | float | bool | None
Settings = dict[str, Plain]


_BOUNDED = Repr()
_BOUNDED.maxlevel, _BOUNDED.maxlist, _BOUNDED.maxdict, _BOUNDED.maxstring, _BOUNDED.maxother = (
    3,
    40,
    40,
    LONGEST,
    LONGEST,
)


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that reads what a tag of Python's would build as the plain data that it is built from."""


def _without_tag(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_PlainLoader.add_multi_constructor("", _without_tag)


def settings_of(log: Log, file: Path | None) -> tuple[Settings, tuple[str, ...]]:
    """Return a log's settings, with those of the file named for it or else of the files beside it, and the sources."""
    found = flat(log.settings)
    files = [file] if file else beside(log.path)
    for one in files:
        found |= read(one)
    return found, (*log.sources, *(one.name for one in files))


def beside(path: Path) -> list[Path]:
    """Return the files of settings in the log's own folder."""
    folder = path if path.is_dir() else path.parent
    return [folder / name for name in FILES if (folder / name).is_file() and folder / name != path]


def read(file: Path) -> Settings:
    """Read a file of settings; UserError for what is neither YAML nor JSON, or no mapping."""
    if not file.exists():
        raise UserError(f"'{file}' does not exist; expected a file of settings in YAML or JSON.")
    require_readable(file, LARGEST_SETTINGS)
    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text) if file.suffix.lower() == ".json" else yaml.load(text, _PlainLoader)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"'{file}' cannot be read as settings: {one_line(error)}; expected YAML or JSON.") from error
    if not isinstance(content, Mapping):
        raise UserError(f"'{file}': expected settings by name, found {type(content).__name__}.")
    return flat(content)


def flat(content: Mapping[Any, Any]) -> Settings:
    """Return nested settings by dotted names; UserError for more than a configuration holds."""
    found: Settings = {}
    for name, value in _leaves(content, "", 0) if content else ():
        found[name] = value
        if len(found) > MOST:
            raise UserError(f"a configuration has more than {MOST:,} settings; name a file of settings with --config.")
    return found


def _leaves(content: Any, prefix: str, depth: int) -> Iterator[tuple[str, Plain]]:
    if isinstance(content, Mapping) and content and depth < DEEPEST:
        for name, value in content.items():
            yield from _leaves(value, f"{prefix}.{name}" if prefix else str(name), depth + 1)
    elif isinstance(content, str | int | float | bool | None):
        yield prefix, content[:LONGEST] if isinstance(content, str) else content
    else:
        yield prefix, _shown(content)


def _shown(content: Any) -> str:
    """Return a list as text. What aliases of YAML make of a few lines has no end, so it is bounded on every level."""
    text = _BOUNDED.repr(content)
    return f"{text} of {len(content)}" if isinstance(content, list | Mapping) and "..." in text else text
