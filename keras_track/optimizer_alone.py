"""An optimizer of Keras on variables of no model, stepped as a training step of each backend steps it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np

Stretch = Callable[[int, int], list[float]]
"""Does the steps from the first (0-based) up to, not including, the second; returns the learning rate of each."""


def named_variables(parameters: Mapping[str, np.ndarray]) -> list[keras.Variable]:
    """Return a trainable variable for each `layer.parameter`, with the name and path that a layer would give it."""
    variables = []
    for name, array in parameters.items():
        layer, _, parameter = name.rpartition(".")
        with keras.name_scope(layer):
            variables.append(keras.Variable(array, name=parameter, dtype=keras.config.floatx()))
    return variables


def run(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    gradients: Sequence[np.ndarray],
    checkpoints: Sequence[int],
) -> tuple[list[list[np.ndarray]], list[float]]:
    """Take gradients (steps, ...), one array per variable; return the values at checkpoints and all learning rates."""
    optimizer.build(variables)
    stretch = _STRETCHES[keras.backend.backend()](optimizer, variables, gradients)
    kept, rates = [], []
    for start, stop in pairwise([0, *checkpoints]):
        rates += stretch(start, stop)
        kept.append([np.array(keras.ops.convert_to_numpy(variable)) for variable in variables])
    return kept, rates


def _on_tensorflow(optimizer: Any, variables: Sequence[keras.Variable], gradients: Sequence[np.ndarray]) -> Stretch:
    """Loop inside one graph: a step costs a twentieth of a call from Python."""
    import tensorflow as tf

    stacked = [tf.convert_to_tensor(array) for array in gradients]

    def body(step: Any, stop: Any, rates: Any) -> tuple[Any, Any, Any]:
        rates = rates.write(step, tf.cast(optimizer.learning_rate, tf.float64))
        optimizer.apply(_scaled(optimizer, stacked, step), variables)
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
                rate, scaled = keras.ops.convert_to_tensor(optimizer.learning_rate), _scaled(optimizer, stacked, step)
            values, state = optimizer.stateless_apply(state, scaled, values)
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
                copies = [array.clone() for array in _scaled(optimizer, stacked, step)]  # may be changed in place
                optimizer.apply(copies, variables)
        return rates

    return stretch


def _scaled(optimizer: Any, stacked: Sequence[Any], step: Any) -> list[Any]:
    """Return a step's gradients scaled as the loss is that an optimizer with loss scaling is given."""
    return [optimizer.scale_loss(array[step]) for array in stacked]


_STRETCHES: Mapping[str, Callable[..., Stretch]] = {
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
    "torch": _on_torch,
}
