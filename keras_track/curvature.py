"""Sophia's estimate of the curvature in Keras: one forward and backward pass on labels that the model draws.

It is a training step, compiled like any other on every backend, of a second keras.Model around the first.
The second model's optimizer takes the gradients into Sophia's h and leaves the weights as they are.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from twotrack.keras_track import losses
from twotrack.keras_track.optimizers import Sophia
from twotrack.shared.spec.curvature import draw_noise, require_named
from twotrack.shared.spec.losses import TARGET_KINDS, LossName
from twotrack.shared.spec.objective import Objective


class Curvature:
    """Estimates the curvature where the model's optimizer is Sophia; other optimizers need none.

    Raises UserError for Sophia with a loss of the user's own.
    """

    def __init__(self, model: keras.Model, loss: Objective):
        self._sophia = model.optimizer if isinstance(model.optimizer, Sophia) else None
        if self._sophia:
            self._loss = require_named(loss)
            self._estimator = _Estimator(model, self._loss, self._sophia)
            self._shapes: dict[tuple, list[tuple[int, ...]]] = {}

    @property
    def is_used(self) -> bool:
        """Whether the optimizer needs any."""
        return self._sophia is not None

    def update_if_due(self, inputs: Any) -> None:
        """Before a step on `inputs`, update Sophia's h if it is its turn.

        Leaves weights and other state, such as running statistics, as they are.
        """
        if self._sophia is None or not self._sophia.estimate_due:
            return
        step = int(keras.ops.convert_to_numpy(self._sophia.iterations))
        noise = [draw_noise(self._loss, shape, step, number) for number, shape in enumerate(self._outputs(inputs))]
        self._estimator.train_on_batch(inputs, [drawn.astype(keras.config.floatx()) for drawn in noise])

    def _outputs(self, inputs: Any) -> list[tuple[int, ...]]:
        """Return the shapes of the model's outputs, which cost as much to find as several steps of a small model."""
        shapes = tuple(tensor.shape for tensor in keras.tree.flatten(inputs))
        if shapes not in self._shapes:
            symbols = keras.tree.map_structure(
                lambda tensor: keras.KerasTensor(tensor.shape, str(tensor.dtype)), inputs
            )
            self._shapes[shapes] = [
                tensor.shape for tensor in keras.tree.flatten(self._estimator(symbols, training=True))
            ]
        return self._shapes[shapes]


class _Estimator(keras.Model):
    """A model around `model` that takes noise for targets, and whose training steps update h alone."""

    def __init__(self, model: keras.Model, loss: LossName, sophia: Sophia):
        super().__init__(name="estimator")
        self.model, self._kind, self._mean_loss = model, loss, losses.build(loss)
        optimizer = _CurvatureUpdate(sophia)
        optimizer.build(model.trainable_variables)
        self.compile(optimizer=optimizer)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the model's outputs; what the call does to its state is forgotten."""
        state = [(variable, variable.value) for variable in self.model.variables]
        with keras.StatelessScope(state_mapping=state):
            return self.model(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the sum over the outputs of the mean loss in drawn labels times the root of their number."""
        pairs = zip(keras.tree.flatten(y_pred), keras.tree.flatten(y), strict=True)
        return sum(self._weighted_loss(output, noise) for output, noise in pairs)

    def _weighted_loss(self, output: Any, noise: Any) -> Any:
        labels = read_labels(output, self._kind, noise)
        return ops.sqrt(ops.cast(ops.size(labels), output.dtype)) * self._mean_loss(labels, output)


class _CurvatureUpdate(keras.optimizers.Optimizer):
    """Takes gradients into Sophia's h; the variables that they belong to stay as they are."""

    def __init__(self, sophia: Sophia):
        super().__init__(learning_rate=0.0)
        self._sophia = sophia
        self._curvatures = sophia.curvatures  # tracked, and so part of the state of a step in JAX

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update h."""
        self._sophia.update_curvature(grads)


def read_labels(output: Any, loss: LossName, noise: Any) -> Any:
    """Return the labels that `noise` makes of an output of the same shape; see twotrack.shared.spec.curvature."""
    noisy = ops.stop_gradient(output) + noise
    match TARGET_KINDS[loss]:
        case "classes":
            return ops.argmax(noisy, axis=-1)
        case "binary":
            return ops.cast(noisy > 0, noisy.dtype)
        case "real":
            return noisy
