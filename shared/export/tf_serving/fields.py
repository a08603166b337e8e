"""What a client sends to a served model: the data as it was before any preparation, by name.

Images as uint8 pixels, customers by column, months by column with a mask, texts as token ids with a mask.
keras_track/in_graph.py holds, under the same names, how each becomes model input inside the graph.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twotrack.shared.datasets import tabular
from twotrack.shared.datasets.customer import WHOLE_NUMBERS
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.inputs import ONLY, Inputs

Kind = Literal["image", "columns", "months", "tokens"]
KINDS: Mapping[str, Kind] = {
    "mnist": "image",
    "shop": "image",
    "telco": "columns",
    "telco_monthly": "months",
    "reviews": "tokens",
}
"""By data set."""


@dataclass(frozen=True)
class Field:
    """One named input, without its batch axis."""

    dtype: Literal["uint8", "int32", "int64", "float32", "bool", "string"]
    shape: tuple[int, ...]


def fields(dataset: Dataset) -> dict[str, Field]:
    """Return every input of the signature `serving_default`, in the order in which a person names them."""
    one = raw(dataset, dataset.test.first(1).inputs)
    return {name: Field(_dtype(array), array.shape[1:]) for name, array in one.items()}


def raw(dataset: Dataset, stored: Inputs) -> dict[str, np.ndarray]:
    """Return stored inputs (batch, ...) as a client sends them; strings are bytes objects."""
    return _RAW[KINDS[dataset.name]](dataset, stored)


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype == object else array.dtype.name


def _image(_: Dataset, stored: Inputs) -> dict[str, np.ndarray]:
    return {"image": stored[ONLY]}


def _columns(dataset: Dataset, stored: Inputs) -> dict[str, np.ndarray]:
    rows = [tabular.describe(dataset.feature_names, row) for row in stored[ONLY]]
    return {column: _column(dataset, column, [row[column] for row in rows]) for column in rows[0]}


def _column(dataset: Dataset, column: str, values: list[str]) -> np.ndarray:
    if column not in dataset.feature_names:
        return np.array([value.encode() for value in values], object)
    return np.array(values, np.float64).astype(np.int64 if column in WHOLE_NUMBERS else np.float32)


def _months(dataset: Dataset, stored: Inputs) -> dict[str, np.ndarray]:
    columns = {name: stored["months"][..., axis].astype(np.float32) for axis, name in enumerate(dataset.feature_names)}
    return {**columns, "mask": stored["mask"]}


def _tokens(dataset: Dataset, stored: Inputs) -> dict[str, np.ndarray]:
    return dict(dataset.prepare(stored))


_RAW: Mapping[Kind, Callable[[Dataset, Inputs], dict[str, np.ndarray]]] = {
    "image": _image,
    "columns": _columns,
    "months": _months,
    "tokens": _tokens,
}
