"""Every operation of Keras' backend, forward and backward: its result rounded, or the type of its result noted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import keras

from twotrack.keras_track import weights
from twotrack.keras_track.operations import place
from twotrack.keras_track.recording import LayerCalls, replaced_calls
from twotrack.shared.precision import aten
from twotrack.shared.precision.aten import At
from twotrack.shared.precision.computing import Computing
from twotrack.shared.precision.rounding import Rounding


def rounded(rounding: Rounding) -> AbstractContextManager[None]:
    """Round the result of every operation inside the block; what is compiled runs operation by operation."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from twotrack.keras_track import arithmetic_tensorflow

        return arithmetic_tensorflow.rounded(rounding)
    if backend == "jax":
        from twotrack.keras_track import arithmetic_jax

        return arithmetic_jax.rounded(rounding)
    return aten.rounded(rounding)


def poor_sums(precision: str) -> frozenset[str]:
    """Return which sums of the backend add up in half precision here, by the names of operations."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from twotrack.keras_track import arithmetic_tensorflow

        return arithmetic_tensorflow.poor_sums(precision)
    if backend == "jax":
        from twotrack.keras_track import arithmetic_jax

        return arithmetic_jax.poor_sums(precision)
    return aten.poor_sums(precision)


@contextmanager
def noted(model: keras.Model, computing: Computing) -> Iterator[None]:
    """Note inside the block what computes in another type; places bear canonical paths."""
    with _layers_followed(model) as at_work, noted_by_backend(computing, lambda: (at_work.path, place())):
        yield


def noted_by_backend(computing: Computing, at: At) -> AbstractContextManager[None]:
    """Note inside the block what computes in another type; `at` says where."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from twotrack.keras_track import arithmetic_tensorflow

        return arithmetic_tensorflow.noted(computing, at)
    if backend == "jax":
        from twotrack.keras_track import arithmetic_jax

        return arithmetic_jax.noted(computing, at)
    return aten.noted(computing, at)


@contextmanager
def _layers_followed(model: keras.Model) -> Iterator[LayerCalls]:
    """Know inside the block which layers are at work."""
    at_work = LayerCalls()
    layers = [(path, layer) for path, layer in weights.layer_paths(model) if path]
    with replaced_calls([(layer, _following(at_work, path, layer)) for path, layer in layers]):
        yield at_work


def _following(at_work: LayerCalls, path: str, layer: keras.layers.Layer) -> Callable:
    original = layer.call

    def call(*args: object, **kwargs: object) -> object:
        with at_work.entered(path, layer):
            return original(*args, **kwargs)

    return call
