"""An optimizer of Keras on stand-ins for a model's weights, stepped as a training step of each backend steps it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import terms
from twotrack.keras_track.recording import as_array
from twotrack.keras_track.update_options import named
from twotrack.keras_track.weights import Entry
from twotrack.shared.spec.probe import OptimizerStart

Stretch = Callable[[int, int], list[float]]
"""Does the steps from the first (0-based) up to, not including, the second; returns the learning rate of each."""
Run = tuple[list[dict[str, np.ndarray]], list[float]]
"""The values at every checkpoint by name, and the learning rates of all steps."""


class StandIns:
    """Variables with the names, paths, regularizers and constraints of weights, which may be smaller."""

    def __init__(self, table: Mapping[str, Entry], parameters: Mapping[str, np.ndarray]):
        self._names = [name for name in table if name in parameters]
        self._entries = [table[name] for name in self._names]
        self._shapes = {name: array.shape for name, array in parameters.items()}
        named = zip(self._names, self._entries, strict=True)
        self.variables = [self._variable(entry, parameters[name]) for name, entry in named]

    def names(self, variables: Sequence[keras.Variable]) -> list[str]:
        """Return the canonical names of variables among these."""
        own = zip(self.variables, self._names, strict=True)
        return named({id(variable): name for variable, name in own})(variables)

    def _variable(self, entry: Entry, canonical: np.ndarray) -> keras.Variable:
        value = self._arranged(entry, canonical)
        with ExitStack() as scopes:
            for part in entry.variable.path.split("/")[:-1]:
                scopes.enter_context(keras.name_scope(part))
            variable = keras.Variable(value, name=entry.variable.name, dtype=keras.config.floatx())
        variable.regularizer, variable.constraint = entry.variable.regularizer, entry.variable.constraint
        return variable

    def _arranged(self, entry: Entry, array: np.ndarray) -> np.ndarray:
        """Return a canonical array in Keras' own layout; a small one has the same axes in both."""
        return np.array(entry.layout.from_canonical(array), order="C") if array.shape == entry.shape else array

    def assign(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Give all variables values."""
        for name, entry, variable in zip(self._names, self._entries, self.variables, strict=True):
            variable.assign(self._arranged(entry, canonical[name]))

    def gradients(self, canonical: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return gradients (steps, ...) in Keras' own layout, for each variable."""
        named = zip(self._names, self._entries, strict=True)
        return [self._all_arranged(entry, canonical[name]) for name, entry in named]

    def _all_arranged(self, entry: Entry, stacked: np.ndarray) -> np.ndarray:
        """Return arrays (steps, ...) in Keras' own layout, by where it puts the elements of one."""
        places = self._arranged(entry, np.arange(stacked[0].size).reshape(stacked[0].shape))
        return stacked.reshape(len(stacked), -1)[:, places.reshape(-1)].reshape(len(stacked), *places.shape)

    def values(self) -> dict[str, np.ndarray]:
        """Return copies of the values, in canonical form."""
        arrays = map(as_array, self.variables)
        named = zip(self._names, self._entries, arrays, strict=True)
        return {name: self._canonical(entry, array, self._shapes[name]) for name, entry, array in named}

    def _canonical(self, entry: Entry, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.array(entry.layout.to_canonical(array), order="C") if shape == entry.shape else array


def run(
    optimizer: keras.optimizers.Optimizer,
    start: OptimizerStart,
    stand_ins: StandIns,
    gradients: Mapping[str, np.ndarray],
) -> Run:
    """Take gradients (steps, ...) by name, add those of penalties; return values and learning rates."""
    stand_ins.assign(start.parameters)
    optimizer.build(stand_ins.variables)
    stretch = _STRETCHES[keras.backend.backend()](optimizer, stand_ins.variables, stand_ins.gradients(gradients))
    kept, rates = [], []
    for begin, stop in pairwise([0, *start.checkpoints]):
        rates += stretch(begin, stop)
        kept.append(stand_ins.values())
    return kept, rates


def _on_tensorflow(optimizer: Any, variables: Sequence[keras.Variable], gradients: Sequence[np.ndarray]) -> Stretch:
    """Loop inside one graph: a step costs a twentieth of a call from Python."""
    import tensorflow as tf

    stacked = [tf.convert_to_tensor(array) for array in gradients]

    def body(step: Any, stop: Any, rates: Any) -> tuple[Any, Any, Any]:
        rates = rates.write(step, tf.cast(optimizer.learning_rate, tf.float64))
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
        optimizer.apply(_total(optimizer, variables, values, stacked, step), variables)
        return step + 1, stop, rates

    @tf.function(autograph=False)
    def loop(start: Any, stop: Any) -> Any:
        rates = tf.TensorArray(tf.float64, size=stop)
        state = (start, stop, rates)
        return tf.while_loop(lambda step, stop, _: step < stop, body, state, parallel_iterations=1)[2].stack()

    return lambda start, stop: loop(tf.constant(start), tf.constant(stop)).numpy()[start:].tolist()


def _on_jax(optimizer: Any, variables: Sequence[keras.Variable], gradients: Sequence[np.ndarray]) -> Stretch:
    """Loop inside one compiled program, by the stateless step that a training step takes there."""
    import jax

    @jax.jit
    def loop(start: Any, stop: Any, values: Any, state: Any, stacked: Any) -> Any:
        def body(step: Any, carry: Any) -> Any:
            values, state, rates = carry
            with keras.StatelessScope(state_mapping=list(zip(optimizer.variables, state, strict=True))):
                rate = keras.ops.convert_to_tensor(optimizer.learning_rate)
                total = _total(optimizer, variables, values, stacked, step)
            values, state = optimizer.stateless_apply(state, total, values)
            return values, state, rates.at[step].set(rate)

        return jax.lax.fori_loop(start, stop, body, (values, state, jax.numpy.zeros(len(gradients[0]))))

    stacked = [jax.numpy.asarray(array) for array in gradients]

    def stretch(start: int, stop: int) -> list[float]:
        before = [variable.value for variable in variables], [variable.value for variable in optimizer.variables]
        values, state, rates = loop(start, stop, *before, stacked)
        for variable, value in zip([*variables, *optimizer.variables], [*values, *state], strict=True):
            variable.assign(value)
        return np.asarray(rates)[start:stop].tolist()

    return stretch


def _on_torch(optimizer: Any, variables: Sequence[keras.Variable], gradients: Sequence[np.ndarray]) -> Stretch:
    """Step by step, without a graph of gradients, as a training step there."""
    import torch

    stacked = [keras.ops.convert_to_tensor(array) for array in gradients]

    def stretch(start: int, stop: int) -> list[float]:
        rates = []
        with torch.no_grad():
            for step in range(start, stop):
                rates.append(float(optimizer.learning_rate))
                values = [variable.value for variable in variables]
                total = _total(optimizer, variables, values, stacked, step)
                optimizer.apply([gradient.clone() for gradient in total], variables)  # may be changed in place
        return rates

    return stretch


def _total(
    optimizer: Any, variables: Sequence[keras.Variable], values: Sequence[Any], stacked: Sequence[Any], step: Any
) -> list[Any]:
    """Return a step's gradients with those of penalties, scaled as an optimizer with loss scaling scales the loss."""
    _, added = terms.penalty(variables, values)
    return [optimizer.scale_loss(array[step] + more) for array, more in zip(stacked, added, strict=True)]


_STRETCHES: Mapping[str, Callable[..., Stretch]] = {
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
    "torch": _on_torch,
}
