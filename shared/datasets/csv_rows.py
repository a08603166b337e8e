"""Rows of a CSV file, each checked against a pydantic model: what is wrong is refused with its line and column."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from twotrack.shared.errors import UserError, first_error

Row = TypeVar("Row", bound=BaseModel)
REMEDY = "correct the file and run the command again"
LONGEST, MOST_NAMES = 60, 10
"""Characters of a text, and names, that a message shows."""


def read_rows(text: str, file: Path, model: type[Row]) -> list[Row]:
    """Return the rows below the header. Raises UserError for the first thing that is wrong.

    The header names the fields of `model`, in any order; other columns are ignored, as are blank lines.
    """
    return [row for _, row in numbered_rows(text, file, model)]


def numbered_rows(text: str, file: Path, model: type[Row]) -> list[tuple[int, Row]]:
    """Return each row with the line, from 1, on which it begins; otherwise as `read_rows`."""
    rows = texts(text, file, model.model_fields)
    return [(line, _row(values, f"{file}, line {line}", model)) for line, values in rows]


def texts(text: str, file: Path, names: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's texts of the named columns with the line, from 1, on which it begins; otherwise likewise."""
    lines = _lines(text, file)
    line, header = next(lines, (0, []))
    if not header:
        raise UserError(f"{file} is empty: expected a header with the columns {_listed(names)}.")
    columns = _columns(header, f"{file}, line {line}", names)
    empty = True
    for line, fields in lines:
        empty = False
        yield line, _fields(fields, columns, len(header), f"{file}, line {line}")
    if empty:
        raise UserError(f"{file}: expected rows below the header, found none; {REMEDY}.")


def categories(model: type[BaseModel], column: str) -> tuple[str, ...]:
    """Return the texts that a column takes, or nothing if it holds numbers."""
    return get_args(model.model_fields[column].annotation)


def _lines(text: str, file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's fields and the line, from 1, on which it begins: a quoted field can span lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{file}, line {line}: expected fields separated by commas, each quote closed; found: {error}; {REMEDY}."
        ) from error


def _columns(header: Sequence[str], place: str, names: Collection[str]) -> dict[str, int]:
    """Return the position of each named column."""
    missing = [name for name in names if name not in header]
    if missing:
        others = [name for name in header if name not in names]
        raise UserError(
            f"{place}: expected a header with these columns too: {_listed(missing)}; found instead: "
            f"{_listed(others[:MOST_NAMES]) or 'nothing'}; separate the columns by commas and run the command again."
        )
    doubled = [name for name in names if header.count(name) > 1]
    if doubled:
        raise UserError(f"{place}: expected each column once, found more than once: {_listed(doubled)}; {REMEDY}.")
    return {name: header.index(name) for name in names}


def _fields(fields: Sequence[str], columns: dict[str, int], width: int, place: str) -> dict[str, str]:
    if len(fields) != width:
        raise UserError(f"{place}: expected {width} fields, as in the header, found {len(fields)}; {REMEDY}.")
    return {name: fields[position] for name, position in columns.items()}


def _row(values: dict[str, str], place: str, model: type[Row]) -> Row:
    try:
        return model.model_validate_strings(values)
    except ValidationError as error:
        column = first_error(error).where.partition(".")[0]
        value = _listed([values[column]])
        raise UserError(
            f"{place}, column '{column}': expected {_expected(model, column)}, found {value}; {REMEDY}."
        ) from error


def _expected(model: type[BaseModel], column: str) -> str:
    known = categories(model, column)
    return f"one of {_listed(known)}" if known else model.model_fields[column].description or column


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(repr(text[:LONGEST]) for text in texts)
