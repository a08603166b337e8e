"""Keras as a guest in its user's own process: what the user has set there is put back, a model is copied."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np
from keras.src import dtype_policies
from keras.src.backend.common import global_state

from twotrack.keras_track import backends
from twotrack.keras_track.inputs import arranged, given_example
from twotrack.keras_track.precision import put_back
from twotrack.shared.errors import UserError, as_user_error, one_line
from twotrack.shared.spec.inputs import Input, drawn

ADVICE = "give a function that builds it"
"""Where a model cannot be taken."""
FAITHFUL = 1e-5
"""Relative difference of a copy's outputs from the model's, in the model's own precision; both do the same."""
_OF_PROCESS = ("GLOBAL_STATE_TRACKER", "GLOBAL_SETTINGS_TRACKER")
"""Where Keras keeps names in use, the policy of types and the like; `clear_session` begins new ones."""


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put back, at the end of the block, what a process's user may have set in Keras and in its backend."""
    with ExitStack() as stack:
        for name in _OF_PROCESS:
            stack.callback(setattr, global_state, name, getattr(global_state, name))
        stack.callback(keras.config.set_floatx, keras.config.floatx())
        stack.callback(keras.config.set_image_data_format, keras.config.image_data_format())
        stack.enter_context(backends.as_it_was(keras.backend.backend()))
        stack.callback(put_back)  # first of all, as float64 replaces parts of the backend
        for name in _OF_PROCESS:  # what is set meanwhile is set in others
            setattr(global_state, name, threading.local())
        yield


def track_name() -> str:
    """Return the name of the track that Keras is in this process."""
    return f"keras:{keras.backend.backend()}"


def builder(model: keras.Model, inputs: Mapping[str, Input]) -> Callable[[], keras.Model]:
    """Return a build function that copies a model, weights included, in the precision that Keras has when it is called.

    Raises UserError where no copy can be made, or one that does not do what the model does.
    """

    def build() -> keras.Model:
        with as_user_error(f"the Keras model ({_kind(model)}) cannot be copied; {ADVICE}"), _policy_followed(model):
            copied = _copied(model)
        with as_user_error(f"the Keras model does not take inputs of {_shapes(inputs)}"):
            copied(given_example(copied, inputs), training=False)
        _carry(model, copied)
        return copied

    if model.built:
        keras.config.set_dtype_policy(model.dtype_policy)
        _require_faithful(model, build(), inputs)
    return build


@contextmanager
def _policy_followed(model: keras.Model) -> Iterator[None]:
    """Give a layer Keras' policy of now, inside the block, where its configuration has that of its model.

    That is the one that was Keras' then, and no choice of the layer's own.
    """
    original, now = dtype_policies.get, keras.config.dtype_policy()

    def followed(identifier: Any) -> Any:
        policy = original(identifier)
        return now if policy.name == model.dtype_policy.name else policy

    dtype_policies.get = followed
    try:
        yield
    finally:
        dtype_policies.get = original


def _kind(model: keras.Model) -> str:
    return type(model).__name__


def _shapes(inputs: Mapping[str, Input]) -> str:
    return ", ".join(f"shape (batch, {', '.join(map(str, spec.shape))}) '{name}'" for name, spec in inputs.items())


def _copied(model: keras.Model) -> keras.Model:
    """Return the model made anew from its configuration, which comes from this process and may hold its functions."""
    try:
        model.get_config()
    except NotImplementedError:
        raise UserError(
            f"the Keras model ({_kind(model)}) cannot be copied: it has no get_config; {ADVICE}, "
            f"such as lambda: {_kind(model)}(...)."
        ) from None
    keras.config.enable_unsafe_deserialization()
    with keras.utils.custom_object_scope(_own_objects(model)):
        return keras.models.clone_model(model)


def _own_objects(model: keras.Model) -> dict[str, Any]:
    """Return classes and functions that the model's layers are made of and that only this process knows, by name."""
    found: dict[str, Any] = {}
    for layer in model._flatten_layers():
        for thing in (type(layer), *_made_of(layer)):
            if thing.__module__.partition(".")[0] != "keras" and found.setdefault(thing.__name__, thing) is not thing:
                raise UserError(f"two things of the model are called '{thing.__name__}'")
    return found


def _made_of(layer: keras.Layer) -> list[Any]:
    values = [value for name, value in vars(layer).items() if not name.startswith("_") and name != "call"]
    functions = [value for value in values if callable(value) and hasattr(value, "__name__")]
    kinds = (keras.initializers.Initializer, keras.regularizers.Regularizer, keras.constraints.Constraint)
    return functions + [type(value) for value in values if isinstance(value, kinds)]


def _carry(model: keras.Model, copied: keras.Model) -> None:
    """Give the copy the model's names, weights, and what of them is trained."""
    pairs = list(zip(model._flatten_layers(), copied._flatten_layers(), strict=False))
    if len(list(model._flatten_layers())) != len(list(copied._flatten_layers())):
        raise UserError(f"the Keras model's copy has other layers; {ADVICE}.")
    for own, other in pairs:
        other.name = own.name
        other.trainable = own.trainable  # outer layers come first, and set those inside them
    if not model.built:
        return
    shapes = [[tuple(weight.shape) for weight in each.weights] for each in (model, copied)]
    if shapes[0] != shapes[1]:
        raise UserError(f"the Keras model's copy has other weights; {ADVICE}.")
    for weight, taken in zip(model.weights, copied.weights, strict=True):
        taken.assign(keras.ops.convert_to_numpy(weight).astype(taken.dtype))
        taken.trainable = weight.trainable


def _require_faithful(model: keras.Model, copied: keras.Model, inputs: Mapping[str, Input]) -> None:
    """Raise UserError unless the copy states the same settings, layer by layer, and gives the same outputs."""
    for own, other in zip(model._flatten_layers(), copied._flatten_layers(), strict=True):
        if _settings(own) != _settings(other):
            raise UserError(f"the Keras model's copy has other settings in layer '{own.name}'; {ADVICE}.")
    outputs, expected = (_outputs(each, inputs) for each in (copied, model))
    for ours, theirs in zip(outputs, expected, strict=True):
        scale = float(np.abs(theirs).max(initial=0.0)) or 1.0
        if ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=0, atol=FAITHFUL * scale, equal_nan=True):
            raise UserError(
                f"the Keras model's copy gives other outputs than the model: it holds something that its configuration "
                f"does not; {ADVICE}, or state it in get_config."
            )


def _settings(layer: keras.Layer) -> str:
    try:
        return repr(layer.get_config())
    except NotImplementedError as error:
        return one_line(error)


def _outputs(model: keras.Model, inputs: Mapping[str, Input]) -> list[np.ndarray]:
    """Return the outputs of two drawn examples, in inference mode; all that the model holds is as before."""
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    outputs = keras.tree.flatten(model(arranged(model, inputs, drawn(inputs)), training=False))
    for variable, value in zip(model.variables, before, strict=True):
        if not np.array_equal(keras.ops.convert_to_numpy(variable), value):
            variable.assign(value)
    return [np.array(keras.ops.convert_to_numpy(output)) for output in outputs]
