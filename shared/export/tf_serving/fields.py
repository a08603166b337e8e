"""What a client sends to a served model, by name: the data before any preparation, where a graph can prepare them.

Images as uint8 pixels, customers by column, months by column with a mask; everything else as the model takes it.
keras_track/in_graph.py holds, by the type of a preparation, how each becomes model input inside the graph.
"""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.spec.inputs import Inputs


@dataclass(frozen=True)
class Field:
    """One named input, without its batch axis."""

    dtype: str
    """As NumPy calls it, or string."""
    shape: tuple[int, ...]


def fields(dataset: Dataset) -> dict[str, Field]:
    """Return every input of the signature `serving_default`, in the order in which a person names them."""
    sent = raw(dataset, dataset.test.first(1).inputs)
    return {name: Field(_dtype(array), array.shape[1:]) for name, array in sent.items()}


def raw(dataset: Dataset, stored: Inputs) -> Inputs:
    """Return stored inputs (batch, ...) as a client sends them; strings are bytes objects."""
    return dataset.preparation.client_inputs(stored)


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype == object else array.dtype.name
