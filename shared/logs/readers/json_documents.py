"""Logs in JSON: lines of objects, histories as lists by name, Hugging Face's trainer_state.json."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.logs.names import common_name
from twotrack.shared.logs.readers.limits import require_few
from twotrack.shared.logs.readers.rows import series_of
from twotrack.shared.logs.series import Log, Series, make_series

_OF_TRAINER = ("train_batch_size", "num_train_epochs", "max_steps", "logging_steps", "eval_steps", "save_steps")
"""Settings that trainer_state.json states."""
Row = Mapping[str, Any]


def read_lines(path: Path) -> Log:
    """Read one JSON object per line; UserError for a line that is none."""
    return Log(path, "JSON lines", series_of(_flat(row) for row in _lines(path)))


def read_document(path: Path) -> Log:
    """Read one JSON document: a trainer's state, a list of rows, or lists by name; UserError for anything else."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"'{path}' is no JSON document: {_reason(error)}.") from error
    if isinstance(content, dict) and isinstance(content.get("log_history"), list):
        return _trainer_state(path, content)
    if isinstance(content, list) and all(isinstance(row, dict) for row in content):
        return Log(path, "JSON rows", series_of(_flat(row) for row in content))
    if isinstance(content, dict):
        return Log(path, "JSON history", history(path, content))
    raise UserError(f"'{path}': expected lists of numbers by name, a list of rows, or log_history; found none of them.")


def history(path: Path, content: Row) -> dict[str, Series]:
    """Return the lists of numbers of a history, all of one length; a point of it has no step but its place."""
    require_few(path, len(content))
    lists = {name: values for name, values in content.items() if _is_numbers(values)}
    by_epoch = any(common_name(name).startswith("val_") for name in lists)
    return {
        name: make_series(
            [float(value) for value in values],
            None if by_epoch else [float(place + 1) for place in range(len(values))],
            [float(place + 1) for place in range(len(values))] if by_epoch else None,
            averaged=by_epoch and not common_name(name).startswith("val_"),
        )
        for name, values in lists.items()
    }


def last_checkpoint(folder: Path) -> Path | None:
    """Return trainer_state.json of the latest checkpoint in a Hugging Face output folder; None if there is none."""
    found = {
        int(match[1]): file
        for file in folder.glob("checkpoint-*/trainer_state.json")
        if (match := re.fullmatch(r"checkpoint-(\d+)", file.parent.name))
    }
    return found[max(found)] if found else None


def _trainer_state(path: Path, content: Row) -> Log:
    rows = [_flat(row) for row in content["log_history"] if isinstance(row, dict) and "train_runtime" not in row]
    settings = {name: content[name] for name in _OF_TRAINER if isinstance(content.get(name), int | float)}
    kind = "Hugging Face trainer state"
    return Log(path, kind, series_of(rows, averaging=frozenset({"loss"})), settings, (path.name,) if settings else ())


def _lines(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(path, number, line)
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is no text in UTF-8; expected a JSON object per line.") from error


def _row(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}, line {number}: expected a JSON object, found {_reason(error)}.") from error
    if not isinstance(row, dict):
        raise UserError(f"{path}, line {number}: expected a JSON object, found {type(row).__name__}.")
    return row


def _flat(row: Row, depth: int = 3) -> dict[str, str | float | None]:
    """Return the row's numbers by name; those of nested objects by names joined with a slash."""
    found: dict[str, str | float | None] = {}
    for name, value in row.items():
        if isinstance(value, dict) and depth:
            found |= {f"{name}/{inner}": number for inner, number in _flat(value, depth - 1).items()}
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            found[str(name)] = value
    return found


def _is_numbers(values: object) -> bool:
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        and not all(math.isnan(value) for value in values)
    )


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
