"""Lets Keras serialise its objects without importing TensorFlow, where that is not the backend.

Keras asks of every value whether it is one of TensorFlow's, and imports TensorFlow to find out, which takes seconds and
half a gigabyte. As long as nobody has imported it, nothing can be.
"""

import sys
from typing import Any

from keras.src.saving import serialization_lib

TENSORFLOW = "tensorflow"


class _OnceImported:
    """Keras' lazy TensorFlow, which is not there until somebody has imported it."""

    def __init__(self, own: Any):
        self._own = own

    @property
    def available(self) -> bool:
        return sys.modules.get(TENSORFLOW) is not None and self._own.available

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def without_tensorflow() -> None:
    """From here on look for values of TensorFlow only where it was imported."""
    if not isinstance(serialization_lib.tf, _OnceImported):
        serialization_lib.tf = _OnceImported(serialization_lib.tf)
