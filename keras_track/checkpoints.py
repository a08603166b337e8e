"""A Keras model's weights in files: .weights.h5, and the weights inside .keras."""

import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from twotrack.keras_track.precision import set_precision
from twotrack.keras_track.track_model import as_keras
from twotrack.keras_track.weights import MODEL
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.framework_files import BuildModel
from twotrack.shared.spec.track import Precision
from twotrack.shared.weights.bridge.names import require_same

NOT_THE_MODEL = ("optimizer/", "compile_metrics/")
"""What a file of a compiled model holds beside the model."""


class StoredWeight(NamedTuple):
    """A weight in a file."""

    shape: tuple[int, ...]
    type: np.dtype
    layer: str
    """Name of the layer that wrote it."""


def read(path: Path, build: BuildModel) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the file's weights in canonical form, and what the canonical form does not keep: nothing.

    Raises UserError for a file that cannot be read, BridgeError if its names or shapes are not the model's.
    """
    stored = _contents(path)
    with precision_for(dataset.type for dataset in stored.values()) as precision:
        model = as_keras(build(precision))
        with tempfile.TemporaryDirectory() as folder:
            template = Path(folder, "own.weights.h5")
            model.model.save_weights(template)
            expected = _contents(template)
        # Keras itself would pass over what is left over.
        layers = {name: f"in layer '{dataset.layer}'" for name, dataset in expected.items()}
        require_same(_shapes(expected), _shapes(stored), MODEL, f"the weights in '{path}'", layers)
        try:
            model.model.load_weights(path)
        except Exception as error:  # links out of the file, datasets of absurd size
            raise UserError(f"Keras refuses '{path}': {str(error).splitlines()[0]}") from error
        return model.weights(), []


def write(path: Path, canonical: Mapping[str, np.ndarray], build: BuildModel) -> None:
    """Write canonical weights as .weights.h5; BridgeError if they are not the model's."""
    with precision_for(array.dtype for array in canonical.values()) as precision:
        model = as_keras(build(precision))
        model.load_weights(canonical)
        model.model.save_weights(path)


@contextmanager
def precision_for(types: Iterable[np.dtype]) -> Iterator[Precision]:
    """Yield the precision in which a model holds weights of these types exactly; afterwards Keras has float32 again."""
    try:
        yield "float64" if any(dtype == np.float64 for dtype in types) else "float32"
    finally:
        set_precision("float32")


def _contents(path: Path) -> dict[str, StoredWeight]:
    """Return the model's datasets by their path in the file; UserError if it cannot be read."""
    try:
        with opened(path) as file:
            return contents(file)
    except Exception as error:  # HDF5 has one of any kind for what is damaged inside
        raise UserError(f"'{path}' is no readable Keras file: {one_line(error)}.") from error


def contents(file: h5py.File) -> dict[str, StoredWeight]:
    """Return the model's datasets by their path in an open file; links are none."""
    stored = {}

    def visit(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(NOT_THE_MODEL):
            stored[name] = StoredWeight(item.shape, item.dtype, item.parent.attrs.get("name", ""))

    file.visititems(visit)
    return stored


def _shapes(datasets: Mapping[str, StoredWeight]) -> dict[str, tuple[int, ...]]:
    return {name: dataset.shape for name, dataset in datasets.items()}


def opened(path: Path) -> h5py.File:
    """Return the weights in a file, opened; OSError and others for one that cannot be read."""
    if path.suffix != ".keras":
        return h5py.File(path)
    with zipfile.ZipFile(path) as archive:
        return h5py.File(io.BytesIO(archive.read("model.weights.h5")))
