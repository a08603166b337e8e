"""Tables of real customers as a user could have them, made with pandas from the embedded file."""

from pathlib import Path

import pandas

from twotrack.shared.datasets import telco
from twotrack.shared.datasets.files import DataFile, Source, sha256_of

COUNT = 200


def table(count: int | None = COUNT) -> pandas.DataFrame:
    """Return the first customers, every cell as the text that the file holds."""
    return pandas.read_csv(telco.EMBEDDED.path, dtype=str, keep_default_na=False, nrows=count)


def write(path: Path, customers: pandas.DataFrame) -> Path:
    customers.to_csv(path, index=False)
    return path


def source(path: Path) -> Source:
    return Source("csv:customers", DataFile(path, sha256_of(path), "run the command again"))
