"""Logs in CSV: Keras' CSVLogger, Lightning's with its sparse rows, and tables made by hand."""

import csv
from collections.abc import Iterator
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.logs.readers.limits import require_few
from twotrack.shared.logs.readers.rows import series_of
from twotrack.shared.logs.series import Log


def read_csv(path: Path) -> Log:
    """Read a table with names in its first line; UserError for what is none."""
    return Log(path, "CSV", series_of(_rows(path)))


def _rows(path: Path) -> Iterator[dict[str, str | float | None]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            separator = _separator(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=separator)
            names = _names(path, next(reader, []))
            for cells in reader:
                if cells and len(cells) > len(names):
                    raise UserError(
                        f"{path}, line {reader.line_num}: expected {len(names)} cells as in the first line, "
                        f"found {len(cells)}; write the table again with all its columns named."
                    )
                yield dict(zip(names, cells, strict=False))
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is no text in UTF-8; expected a table with names in the first line.") from error
    except csv.Error as error:
        raise UserError(f"'{path}' is no CSV table: {error}.") from error


def _separator(line: str) -> str:
    return max(",\t;", key=line.count)


def _names(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    require_few(path, len(names))
    if any(_is_number(name) for name in names) or not any(names):
        raise UserError(f"'{path}' has no names of columns in its first line, such as epoch,loss,val_loss; add them.")
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise UserError(f"'{path}' names a column twice: {', '.join(doubled)}; give each a name of its own.")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
