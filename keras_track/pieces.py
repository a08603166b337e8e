"""Counts in which pieces of its piecewise functions a keras.Model is seen.

What runs is watched below Keras: the operations of PyTorch and of TensorFlow as they are executed, and those of JAX as
it traces them. So layers of a user's own count too, and what they call of the backend itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import weights
from twotrack.keras_track.autodiff import without_gradients
from twotrack.keras_track.recording import activation_changed, replaced_calls, replaced_value
from twotrack.shared.pieces.recorder import Piece, PieceRun, Recorder
from twotrack.shared.spec.probe import Replace, keep

Give = Callable[[Any, str], Any]
"""Returns what goes on in place of a layer's output, or of the value before its fused activation, given its path."""
Inside = Callable[[int], AbstractContextManager]
"""What a layer's call runs in, by the layer's number."""


class PieceCounter:
    """Counts pieces of one model; on JAX it keeps what it has traced."""

    def __init__(self, model: keras.Model):
        layers = [(path, layer) for path, layer in weights.layer_paths(model) if path]
        self._model, self._paths, self._layers = model, [path for path, _ in layers], [layer for _, layer in layers]
        self._asked: dict[Any, list[tuple[str, tuple[int, ...]]]] = {}
        self._traced: dict[Any, Any] = {}

    def count(self, inputs: Any, replace: Replace = keep, watched: Piece | None = None) -> PieceRun:
        """Run in inference mode on inputs in the form that the model takes; `replace` as in Probe.trace."""
        recorder, given = Recorder(watched), keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
        run = {"tensorflow": self._tensorflow, "jax": self._jax, "torch": self._torch}[keras.backend.backend()]
        run(recorder, given, replace)
        return recorder.run

    @contextmanager
    def _layers_in(self, inside: Inside, give: Give) -> Iterator[None]:
        """Let every layer's call run in what `inside` returns for its number, and give what `give` makes of it."""
        calls = [
            (layer, _within(layer, self._paths[number], inside, number, give))
            for number, layer in enumerate(self._layers)
        ]
        with replaced_calls(calls):
            yield

    def _torch(self, recorder: Recorder, inputs: Any, replace: Replace) -> None:
        from twotrack.shared.pieces import aten

        variables = [variable.value for variable in self._model.variables]
        inside = self._layers_in(self._inside(recorder), partial(replaced_value, replace=replace))
        with inside, without_gradients(), aten.counted(recorder, variables) as mark:
            mark(keras.tree.flatten(inputs))
            self._model(inputs, training=False)

    def _tensorflow(self, recorder: Recorder, inputs: Any, replace: Replace) -> None:
        from twotrack.keras_track import pieces_tensorflow

        def give(value: Any, path: str) -> Any:
            given = replaced_value(value, path, replace)
            if given is not value:
                mark([given])
            return given

        with self._layers_in(self._inside(recorder), give), pieces_tensorflow.counted(recorder) as mark:
            mark(keras.tree.flatten(inputs))
            self._model(inputs, training=False)

    def _inside(self, recorder: Recorder) -> Inside:
        return lambda number: recorder.inside(self._paths[number])

    def _jax(self, recorder: Recorder, inputs: Any, replace: Replace) -> None:
        from twotrack.keras_track import pieces_jax

        form = tuple((array.shape, str(array.dtype)) for array in keras.tree.flatten(inputs))
        values = [variable.value for variable in self._model.variables]
        if form not in self._asked:
            self._asked[form] = self._questions(values, inputs)
        answers = [(replace(path, shape), shape) for path, shape in self._asked[form]]
        used = [answer is not None for answer, _ in answers]
        given = [np.zeros(shape) if answer is None else answer for answer, shape in answers]
        if form not in self._traced:
            self._traced[form] = pieces_jax.traced(self._call, (values, used), (inputs, given))
        self._traced[form].count(recorder, self._paths, (values, used), (inputs, given))

    def _questions(self, values: Any, inputs: Any) -> list[tuple[str, tuple[int, ...]]]:
        """Return what `replace` is asked in a run, in order."""
        import jax

        asked: list[tuple[str, tuple[int, ...]]] = []

        def keep_question(path: str, shape: tuple[int, ...]) -> None:
            asked.append((path, shape))

        give = partial(replaced_value, replace=keep_question)
        jax.eval_shape(partial(self._run, give), values, inputs)
        return asked

    def _call(self, fixed: tuple[Any, list[bool]], given: tuple[Any, list[np.ndarray]]) -> Any:
        """Run on JAX with what may replace values, in the order in which it is asked for, and whether it does."""
        values, used = fixed
        inputs, replacements = given
        left, left_used = iter(replacements), iter(used)

        def give(value: Any, path: str) -> Any:
            other = replaced_value(value, path, lambda path, shape: next(left))
            return value if other is value else keras.ops.where(next(left_used), other, value)

        return self._run(give, values, inputs)

    def _run(self, give: Give, values: Sequence[Any], inputs: Any) -> Any:
        from twotrack.keras_track import pieces_jax

        state = list(zip(self._model.variables, values, strict=True))
        with self._layers_in(pieces_jax.scope, give), keras.StatelessScope(state_mapping=state):
            return self._model(inputs, training=False)


def _within(layer: keras.layers.Layer, path: str, inside: Inside, number: int, give: Give) -> Callable:
    original = type(layer).call.__get__(layer)

    def call(*args: Any, **kwargs: Any) -> Any:
        changed = False

        def change(value: Any) -> Any:
            nonlocal changed
            changed = True
            return give(value, path)

        with inside(number), activation_changed(layer, change):
            result = original(*args, **kwargs)
        return result if changed else give(result, path)

    return call
