"""Data sets by name: the file that the repository carries, tensorflow-datasets, or a CSV file of the user's own."""

import stat
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from shared.datasets import mnist, reviews, tabular, telco, telco_monthly
from shared.datasets.files import DataFile, Source, sha256_of
from shared.datasets.spec import Dataset
from shared.errors import UserError, unknown
from shared.inputs import Inputs

DATASETS: dict[str, ModuleType] = {
    "mnist": mnist,
    "telco": telco,
    "telco_monthly": telco_monthly,
    "reviews": reviews,
}
"""Each module has EMBEDDED, ORIGIN, LICENCE, SOURCES (other ways to its data: tfds, csv) and read(source); if
`twotrack predict` takes examples of its kind also examples(given), from what was typed to stored inputs."""
EMBEDDED = "embedded"


def require_known(dataset: str) -> None:
    """Raise UserError, with the nearest name, unless there is such a data set."""
    if dataset not in DATASETS:
        raise unknown("data set", dataset, DATASETS, "'twotrack data' shows all data sets.")


def embedded_source(dataset: str) -> Source:
    """Return the embedded source of the named data set; UserError with the nearest name otherwise."""
    require_known(dataset)
    return Source(EMBEDDED, DATASETS[dataset].EMBEDDED)


def here(dataset: str, recorded: Source) -> Source:
    """Return where the data of a run lies here: embedded data moves with the installation."""
    return embedded_source(dataset) if recorded.name == EMBEDDED else recorded


def offering(source: str) -> list[str]:
    """Return the data sets that come from `source`: embedded, tfds or tfds:NAME."""
    kind, _ = _parts(source)
    return [name for name, module in DATASETS.items() if kind in (EMBEDDED, *module.SOURCES)]


def tfds_name(dataset: str, source: str) -> str | None:
    """Return the tensorflow-datasets name in `source` (tfds, or tfds:NAME), or None for embedded data."""
    kind, name = _parts(source)
    if kind == EMBEDDED:
        return None
    _require_offered(dataset, "tfds", "does not come through tensorflow-datasets")
    return name or dataset


def _parts(source: str) -> tuple[str, str]:
    """Return kind and name of what was typed for --source."""
    kind, _, name = source.partition(":")
    if source != EMBEDDED and kind != "tfds":
        raise UserError(f"unknown source '{source}': expected 'embedded', 'tfds' or 'tfds:NAME'.")
    return kind, name


def csv_source(dataset: str, path: Path) -> Source:
    """Return the user's own CSV file as a source, after all of it was read and checked; UserError otherwise."""
    require_known(dataset)
    _require_offered(dataset, "csv", "takes no CSV file")
    checksum = _checksum(path)
    file = DataFile(path.absolute(), checksum, restore="run the command again with --data")
    source = Source(f"csv:{path.name}", file)
    load(dataset, source)
    return source


def load(dataset: str, source: Source, features: Sequence[str] = ()) -> Dataset:
    """Read, check and split the named data set; of a table keep the named features only, if any are named."""
    loaded = DATASETS[dataset].read(source)
    return tabular.select(loaded, features) if features else loaded


def require_examples(dataset: str, given: Sequence[str]) -> None:
    """Raise UserError unless the data set can read examples that are typed, and there is one."""
    readable = [name for name, module in DATASETS.items() if hasattr(module, "examples")]
    if dataset not in readable:
        raise UserError(f"examples of the data set '{dataset}' cannot be typed; these can: {', '.join(readable)}.")
    if not given:
        raise UserError("expected at least one example.")


def examples(dataset: str, given: Sequence[str]) -> Inputs:
    """Return what was typed as stored inputs (examples, ...)."""
    return DATASETS[dataset].examples(given)


def _require_offered(dataset: str, kind: str, refusal: str) -> None:
    if kind not in DATASETS[dataset].SOURCES:
        others = ", ".join(name for name, module in DATASETS.items() if kind in module.SOURCES)
        raise UserError(f"data set '{dataset}' {refusal}; these do: {others}; for '{dataset}' use --source embedded.")


def _checksum(path: Path) -> str:
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return sha256_of(path)
        reason = "it is a folder or a device, not a file"
    except OSError as error:
        reason = error.strerror
    raise UserError(f"cannot read {path}: {reason}; name a CSV file with --data.")
