"""Makes changes to a keras.Model, for a while: those that a cause is proved with on Keras' side."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from twotrack.keras_track.recording import replaced_calls
from twotrack.keras_track.weights import layer_paths
from twotrack.shared.spec.changes import AddNoLoss, Change, DrawNothing, UsePlainMethod


@contextmanager
def changed(model: keras.Model, changes: Sequence[Change]) -> Iterator[None]:
    """Make changes inside the block; KeyError if the model has no such layer.

    Where a training function ends is the exercise's matter.
    """
    layers = dict(layer_paths(model))
    quiet = [layers[change.path] for change in changes if isinstance(change, DrawNothing)]
    with ExitStack() as stack:
        stack.enter_context(replaced_calls([(layer, _in_inference(layer)) for layer in quiet]))
        for change in changes:
            if isinstance(change, AddNoLoss):
                _put(stack, layers[change.path], "add_loss", lambda loss: None)
            elif isinstance(change, UsePlainMethod):
                _put(stack, model, change.name, getattr(keras.Model, change.name).__get__(model))
        yield


def _in_inference(layer: keras.layers.Layer) -> Callable:
    """Return a layer's `call` in inference mode; layers inside, which ask Keras for the mode, stay in theirs."""
    own = layer.call

    def call(*args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs | {"training": False})

    return call


def _put(stack: ExitStack, layer: keras.layers.Layer, name: str, method: Callable) -> None:
    """Give a layer a method of its own, which Keras does not track, until the stack is closed."""
    before = vars(layer).get(name)
    object.__setattr__(layer, name, method)
    stack.callback(*((object.__setattr__, layer, name, before) if before else (object.__delattr__, layer, name)))
