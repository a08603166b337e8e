"""Counts, for a while, in which pieces of its piecewise functions a keras.Model is seen.

What runs is watched below Keras: the operations of PyTorch and of TensorFlow as they are executed, and those of JAX as
it traces them. So layers of a user's own count too, and what they call of the backend itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras

from twotrack.keras_track import weights
from twotrack.keras_track.recording import replaced_calls
from twotrack.shared.pieces.recorder import Piece, PieceRun, Recorder

Inside = Callable[[int], AbstractContextManager]
"""What a layer's call runs in, by the layer's number."""


class PieceCounter:
    """Counts pieces of one model; on JAX it keeps what it has compiled."""

    def __init__(self, model: keras.Model):
        layers = [(path, layer) for path, layer in weights.layer_paths(model) if path]
        self._model, self._paths, self._layers = model, [path for path, _ in layers], [layer for _, layer in layers]
        self._compiled: dict[Any, Any] = {}

    def count(self, inputs: Any, watched: Piece | None = None) -> PieceRun:
        """Run the model in inference mode on inputs in the form that it takes."""
        recorder = Recorder(watched)
        {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}[keras.backend.backend()](
            recorder, inputs
        )
        return recorder.run

    @contextmanager
    def _layers_in(self, inside: Inside) -> Iterator[None]:
        """Let every layer's call run in what `inside` returns for its number."""
        calls = [(layer, _within(layer, number, inside)) for number, layer in enumerate(self._layers)]
        with replaced_calls(calls):
            yield

    def _torch(self, recorder: Recorder, inputs: Any) -> None:
        from twotrack.shared.pieces import aten

        variables = [variable.value for variable in self._model.variables]
        with self._layers_in(lambda number: recorder.inside(self._paths[number])), aten.counted(recorder, variables):
            self._model(inputs, training=False)

    def _tensorflow(self, recorder: Recorder, inputs: Any) -> None:
        from twotrack.keras_track import pieces_tensorflow

        given = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
        with (
            self._layers_in(lambda number: recorder.inside(self._paths[number])),
            pieces_tensorflow.counted(recorder) as mark,
        ):
            mark(keras.tree.flatten(given))
            self._model(given, training=False)

    def _jax(self, recorder: Recorder, inputs: Any) -> None:
        from twotrack.keras_track import pieces_jax

        given = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
        values = [
            [variable.value for variable in variables]
            for variables in (self._model.trainable_variables, self._model.non_trainable_variables)
        ]
        form = tuple((array.shape, str(array.dtype)) for array in keras.tree.flatten(given))
        if form not in self._compiled:
            with self._layers_in(pieces_jax.scope):
                self._compiled[form] = pieces_jax.traced(self._call, values, given)
        self._compiled[form].count(recorder, self._paths, values, given)

    def _call(self, values: Sequence[Sequence[Any]], inputs: Any) -> Any:
        return self._model.stateless_call(*values, inputs, training=False)[0]


def _within(layer: keras.layers.Layer, number: int, inside: Inside) -> Callable:
    original = type(layer).call.__get__(layer)

    def call(*args: Any, **kwargs: Any) -> Any:
        with inside(number):
            return original(*args, **kwargs)

    return call
