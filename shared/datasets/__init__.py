"""Data sets by name: what the repository carries, what other packages carry, tensorflow-datasets, a user's own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from twotrack.shared.datasets import cdnow, mnist, reviews, shop, stamps, tabular, telco, telco_monthly
from twotrack.shared.datasets.files import Source, csv_file
from twotrack.shared.datasets.spec import Dataset, Examples
from twotrack.shared.errors import UserError, unknown

DATASETS: dict[str, ModuleType] = {
    "mnist": mnist,
    "telco": telco,
    "telco_monthly": telco_monthly,
    "reviews": reviews,
    "shop": shop,
}
"""Each module has EMBEDDED, ORIGIN, LICENCE, SOURCES (other ways to its data: tfds, csv, images, one of PACKAGED) and
read(source).

One with tfds has tfds_task(), the worker task that converts, and TFDS_NAME, what `tfds` means without a name, or None.
One whose examples `twotrack predict` takes has examples(given), from what was typed to Examples, and EXAMPLE, what
one is."""
EMBEDDED = "embedded"
PACKAGED: dict[str, ModuleType] = {cdnow.NAME: cdnow, stamps.NAME: stamps}
"""Other data in a data set's form, here or in a package of another's: each module has source(), ORIGIN, LICENCE and
EXAMPLES_CAN_BE_TYPED."""


def require_known(dataset: str) -> None:
    """Raise UserError, with the nearest name, unless there is such a data set."""
    if dataset not in DATASETS:
        raise unknown("data set", dataset, DATASETS, "'twotrack data' shows all data sets.")


def embedded_source(dataset: str) -> Source:
    """Return the embedded source of the named data set; UserError with the nearest name otherwise."""
    require_known(dataset)
    return Source(EMBEDDED, DATASETS[dataset].EMBEDDED)


def here(dataset: str, recorded: Source) -> Source:
    """Return where the data of a run lies here: what packages carry moves with the installation."""
    carried = recorded.name == EMBEDDED or recorded.name in PACKAGED
    return carried_source(dataset, recorded.name) if carried else recorded


def carried_source(dataset: str, name: str) -> Source:
    """Return the source `embedded`, or that of another package; UserError if the data set has no such source."""
    if name == EMBEDDED:
        return embedded_source(dataset)
    _require_offered(dataset, name, f"has no source '{name}'")
    source: Source = PACKAGED[name].source()
    return source


def offering(source: str) -> list[str]:
    """Return the data sets that come from `source`: embedded, of a package, tfds or tfds:NAME."""
    kind, named = _parts(source)
    offered = {name: module for name, module in DATASETS.items() if kind in (EMBEDDED, *module.SOURCES)}
    return [name for name, module in offered.items() if kind != "tfds" or named or module.TFDS_NAME]


def tfds_name(dataset: str, source: str) -> str | None:
    """Return the tensorflow-datasets name in `source` (tfds, or tfds:NAME), or None for data that packages carry."""
    kind, name = _parts(source)
    if kind != "tfds":
        return None
    _require_offered(dataset, "tfds", "does not come through tensorflow-datasets")
    name = name or DATASETS[dataset].TFDS_NAME
    if not name:
        raise UserError(f"--source tfds: name the data set to take for '{dataset}': --source tfds:NAME.")
    return name


def _parts(source: str) -> tuple[str, str]:
    """Return kind and name of what was typed for --source."""
    kind, _, name = source.partition(":")
    carried = (EMBEDDED, *PACKAGED)
    if source not in carried and kind != "tfds":
        known = ", ".join(f"'{name}'" for name in (*carried, "tfds"))
        raise UserError(f"unknown source '{source}': expected {known} or 'tfds:NAME'.")
    return kind, name


def csv_source(dataset: str, path: Path) -> Source:
    """Return the user's own CSV file as a source, after all of it was read and checked; UserError otherwise."""
    require_known(dataset)
    _require_offered(dataset, "csv", "takes no CSV file")
    file = csv_file(path.absolute(), "name a CSV file with --data", restore="run the command again with --data")
    source = Source(f"csv:{path.name}", file)
    load(dataset, source)
    return source


def require_images(dataset: str) -> None:
    """Raise UserError unless the data set can be made of a user's own photos."""
    require_known(dataset)
    _require_offered(dataset, "images", "takes no folder of photos")


def load(dataset: str, source: Source, features: Sequence[str] = ()) -> Dataset:
    """Read, check and split the named data set; of a table keep the named features only, if any are named."""
    loaded = DATASETS[dataset].read(source)
    return tabular.select(loaded, features) if features else loaded


def require_examples(dataset: str, source: Source, given: Sequence[str]) -> None:
    """Raise UserError unless examples that are typed can be read as those of the source are, and there is one."""
    if source.name in PACKAGED and not PACKAGED[source.name].EXAMPLES_CAN_BE_TYPED:
        raise UserError(
            f"the run was trained on the source '{source.name}', whose examples cannot be typed; predict its test "
            "split with --test, or name a run that was trained on embedded or on your own data."
        )
    readable = [name for name, module in DATASETS.items() if hasattr(module, "examples")]
    if dataset not in readable:
        raise UserError(f"examples of the data set '{dataset}' cannot be typed; these can: {', '.join(readable)}.")
    if not given:
        raise UserError(f"expected at least one example: {DATASETS[dataset].EXAMPLE}.")


def examples(dataset: str, given: Sequence[str], features: Sequence[str] = ()) -> Examples:
    """Return what was typed as examples; of a table with the named features only, if any are named."""
    read = DATASETS[dataset].examples(given)
    if not features:
        return read
    return replace(read, inputs=tabular.columns(read.inputs, read.feature_names, features), feature_names=features)


def _require_offered(dataset: str, kind: str, refusal: str) -> None:
    if kind not in DATASETS[dataset].SOURCES:
        others = ", ".join(name for name, module in DATASETS.items() if kind in module.SOURCES)
        raise UserError(f"data set '{dataset}' {refusal}; these do: {others}; for '{dataset}' use --source embedded.")
