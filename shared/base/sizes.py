"""From which size on a model is too large to keep everything that is seen of it."""

from collections.abc import Mapping
from math import prod

import numpy as np

LARGE_MODEL = 20_000_000
"""Values of the weights of a model from which on they are not copied, and digests stand for them."""
SHOWN_IN_FLOAT32 = 2_000_000
"""Values of the weights of a model up to which a verification shows it in float32 too, which decides nothing."""
TRAINED_ALONE = 5_000_000
"""Values of the weights that training updates from which on two sides train one after the other, and without a step to
warm up, which would take weights and optimizer twice."""
PART = 2_500_000
"""Values of a weight of a large model that are updated, or digested, at once, where copies are made for it."""
LARGE_WEIGHT = 100_000
"""Values of a weight from which on its initial ones are not drawn, where others take their place at once."""
NEED = "needs about"
"""How it begins what a large model is said to need."""
_PERIOD = 4099
"""Numbers that such a weight repeats: a prime, so that hardly a row is another one."""


def values_of(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return how many numbers weights of these shapes have."""
    return sum(map(prod, shapes.values()))


def repeated(shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers between -1 and 1 of a shape, which repeat a few."""
    numbers = np.random.default_rng(0).uniform(-1, 1, _PERIOD)
    return np.resize(numbers, prod(shape)).reshape(shape)


def in_little_room(array: np.ndarray) -> np.ndarray:
    """Return a copy; of an array of one value, as an optimizer's first state is, a view that repeats it."""
    if array.size and (array == array.flat[0]).all():
        return np.broadcast_to(np.array(array.flat[0]), array.shape)
    return np.array(array)
