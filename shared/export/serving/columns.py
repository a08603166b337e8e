"""Rows of a CSV file, and COLUMN=VALUE pairs, as inputs of a signature that has one input per column."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from twotrack.shared.base import ordinary
from twotrack.shared.datasets.csv_rows import REMEDY, texts
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.signature import STRING, Signature, Tensor

CUSTOMER, MONTH, MASK = "customer", "month", "mask"
"""Columns that put rows together to series, and the input that tells months from padding."""

Columns = tuple[dict[str, list[Any]], Sequence[str]]
"""Values by input, (batch,) or (batch, months), and a name for each example."""


def from_pairs(given: Sequence[str], signature: Signature) -> Columns:
    """Return the one example that COLUMN=VALUE pairs describe."""
    values: dict[str, list[Any]] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name in values:
            raise UserError(f"{text}: expected each column once, found {name} twice.")
        tensor = signature.inputs.get(name)
        if tensor and not _is_column(tensor):
            raise UserError(f"{text}: {name} is {tensor}, which no single value can be; send a .json or .npz file.")
        values[name] = [_value(value, tensor, text) if tensor else value]
    return values, ()


def from_csv(file: Path, signature: Signature) -> Columns:
    """Return one example per row, or per customer where inputs have a second axis of months.

    UserError, with line and column, for the first thing that is wrong.
    """
    series = [name for name, tensor in signature.inputs.items() if _rank(tensor) == 2 and name != MASK]
    unfit = [f"{name} {tensor}" for name, tensor in signature.inputs.items() if _rank(tensor) > 2]
    if unfit or (series and MASK not in signature.inputs):
        raise UserError(f"{file}: rows of a table cannot be sent to this model: {signature}.")
    columns = [name for name in signature.inputs if name != MASK or not series]
    rows = list(texts(_text(file), file, [*columns, *([CUSTOMER, MONTH] if series else [])]))
    if series:
        return _by_customer(rows, series, signature, file)
    values = {name: _column(rows, name, signature.inputs[name], file) for name in columns}
    return values, [f"line {line}" for line, _ in rows]


def _by_customer(rows: list, series: list[str], signature: Signature, file: Path) -> Columns:
    """Return every customer's last months in order, padded at the end, with the mask."""
    customers: dict[str, list] = {}
    for line, row in rows:
        month = _value(row[MONTH], Tensor("int64", (-1,)), f"{file}, line {line}, column '{MONTH}'")
        customers.setdefault(row[CUSTOMER], []).append((month, line, row))
    length = _length(signature.inputs[MASK], customers)
    histories = [_last(history, length, name, file) for name, history in customers.items()]
    values: dict[str, list[Any]] = {MASK: [_padded([True] * len(history), length, False) for history in histories]}
    for name, tensor in signature.inputs.items():
        if name in series:
            columns = [_column(history, name, tensor, file) for history in histories]
            values[name] = [_padded(column, length, "" if tensor.dtype == STRING else 0) for column in columns]
        elif name != MASK:
            values[name] = [_column(history[-1:], name, tensor, file)[0] for history in histories]
    return values, list(customers)


def _length(mask: Tensor, customers: Mapping[str, list]) -> int:
    fixed = mask.shape[1] if mask.shape else -1
    return fixed if fixed > 0 else max(map(len, customers.values()))


def _last(history: list, length: int, customer: str, file: Path) -> list[tuple[int, dict[str, str]]]:
    ordered = sorted(history, key=lambda month_row: month_row[0])
    for (month, _, _), (following, line, _) in pairwise(ordered):
        if following != month + 1:
            raise UserError(
                f"{file}, line {line}, column '{MONTH}': expected the months of customer {customer[:60]!r} without a "
                f"gap and each once, found {following} after {month}; {REMEDY}."
            )
    return [(line, row) for _, line, row in ordered[-length:]]


def _padded(values: list[Any], length: int, filler: Any) -> list[Any]:
    return values + [filler] * (length - len(values))


def _column(rows: Sequence, name: str, tensor: Tensor, file: Path) -> list[Any]:
    return [_value(row[name], tensor, f"{file}, line {line}, column '{name}'") for line, row in rows]


def _is_column(tensor: Tensor) -> bool:
    return tensor.shape is None or len(tensor.shape) == 1


def _rank(tensor: Tensor) -> int:
    return 1 if tensor.shape is None else len(tensor.shape)


def _value(text: str, tensor: Tensor, place: str) -> Any:
    read, expected = _READERS.get(tensor.dtype.rstrip("0123456789"), (str, "a text"))
    try:
        return read(text)
    except (KeyError, ValueError) as error:
        raise UserError(f"{place}: expected {expected}, found {text[:60]!r}.") from error


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _flag(text: str) -> bool:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.strip().lower()]


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "a whole number"),
    "uint": (int, "a whole number"),
    "float": (_number, "a number"),
    "bool": (_flag, "true or false"),
}


def _text(file: Path) -> str:
    try:
        ordinary.require(file)
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: expected UTF-8 text; save the file as UTF-8.") from error
