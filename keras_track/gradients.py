"""Gradients as a training step of Keras has them, the same way on every backend: an optimizer that keeps them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from twotrack.keras_track.inputs import arrange
from twotrack.keras_track.optimizers import with_dense_gradients


class GradientRecorder(keras.optimizers.Optimizer):
    """Keeps the gradient of every variable and updates none."""

    def __init__(self) -> None:
        super().__init__(learning_rate=0.0, name="gradient_recorder")

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create a place, zeros, for every variable's gradient."""
        if self.built:
            return
        super().build(variables)
        (self._recorded,) = self.add_optimizer_variables(variables, ["gradient"])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Keep the gradient."""
        self.assign(self._recorded[self._get_variable_index(variable)], gradient)

    def gradient(self, variable: keras.Variable) -> Any:
        """Return what the last step kept for a variable, a tensor of its shape; zeros where the loss has none."""
        return self._recorded[self._get_variable_index(variable)].value


def recorder() -> GradientRecorder:
    """Return a recorder that sees one gradient per embedding row on every backend."""
    return with_dense_gradients(GradientRecorder())


class InputShift(keras.Model):
    """A model around `model` that adds weights of 0 to inputs, so that a training step shows the inputs' gradients."""

    def __init__(self, model: keras.Model, shapes: Mapping[str, tuple[int, ...]]):
        super().__init__(name="input_shift")
        self.model = model
        self.shifts = {
            name: self.add_weight(shape=shape, initializer="zeros", name=name) for name, shape in shapes.items()
        }

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Return the model's outputs for inputs (batch, ...) by name."""
        shifted = {name: inputs[name] + shift for name, shift in self.shifts.items()}
        return self.model(arrange(self.model, {**inputs, **shifted}), training=training)
