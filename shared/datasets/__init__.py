"""Data sets by name, from the file that the repository carries or through tensorflow-datasets."""

from dataclasses import dataclass
from types import ModuleType

from shared.datasets import mnist
from shared.datasets.files import DataFile
from shared.datasets.spec import Dataset
from shared.errors import UserError, unknown

DATASETS: dict[str, ModuleType] = {"mnist": mnist}
EMBEDDED = "embedded"


@dataclass(frozen=True)
class Source:
    """Where a data set's arrays lie: checked, readable without a framework."""

    name: str
    """embedded, or tfds:NAME."""
    file: DataFile


def require_known(dataset: str) -> None:
    """Raise UserError, with the nearest name, unless there is such a data set."""
    if dataset not in DATASETS:
        raise unknown("data set", dataset, DATASETS, "'twotrack data' shows all data sets.")


def embedded_source(dataset: str) -> Source:
    """Return the embedded source of the named data set; UserError with the nearest name otherwise."""
    require_known(dataset)
    return Source(EMBEDDED, DATASETS[dataset].EMBEDDED)


def tfds_name(dataset: str, source: str) -> str | None:
    """Return the tensorflow-datasets name in `source` (tfds, or tfds:NAME), or None for embedded data."""
    kind, _, name = source.partition(":")
    if source == EMBEDDED:
        return None
    if kind != "tfds":
        raise UserError(f"unknown source '{source}': expected 'embedded', 'tfds' or 'tfds:NAME'.")
    return name or dataset


def load(dataset: str, source: Source) -> Dataset:
    """Read, check and split the named data set."""
    return DATASETS[dataset].from_arrays(source.file.arrays(), source.name)
