"""Arrays by name."""

from collections.abc import Mapping

import numpy as np


def copies(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a copy of each, in C order, which stays what it is."""
    return {name: np.array(array, order="C") for name, array in arrays.items()}
