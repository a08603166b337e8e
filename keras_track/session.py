"""Between a process's models: the earlier ones are forgotten, and random numbers start again."""

import importlib
import random

import keras
import numpy as np

from twotrack.shared.base.memory import keep_what_is_imported


def start_afresh(seed: int) -> None:
    """Forget the process's earlier models; seed Python, NumPy and the backend."""
    keep_what_is_imported()  # to forget models, Keras collects garbage
    keras.backend.clear_session()
    _seed(seed)


def _seed(seed: int) -> None:
    """Seed as keras.utils.set_random_seed, but leave TensorFlow out where it is not the backend.

    Keras would import it, where it is installed, which takes seconds and half a gigabyte. Layers draw their own seeds
    from Python's generator.
    """
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    np.random.seed(seed)
    if keras.backend.backend() == "torch":
        importlib.import_module("torch").manual_seed(seed)
