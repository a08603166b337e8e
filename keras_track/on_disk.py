"""New models whose large weights lie in files, so that memory need not hold them all: on PyTorch, which can do that."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import keras
import numpy as np

from twotrack.shared.base.pages import OnDisk


@contextmanager
def weights_on_disk(disk: OnDisk) -> Iterator[None]:
    """Let every large weight that a model gets in this block be zeros of a file's, whatever starts it.

    On another backend than PyTorch memory holds them.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    torch, kind = import_module("torch"), keras.Variable
    original = kind._initialize_with_initializer

    def initialize(variable: Any, initializer: Any) -> None:
        dtype = keras.backend.standardize_dtype(variable.dtype)
        array = disk.zeros(variable.shape, np.dtype(dtype)) if dtype in ("float32", "float64") else None
        if array is None:
            original(variable, initializer)
        else:
            variable._initialize(torch.nn.Parameter(torch.from_numpy(array), requires_grad=variable.trainable))

    kind._initialize_with_initializer = initialize
    try:
        yield
    finally:
        kind._initialize_with_initializer = original
