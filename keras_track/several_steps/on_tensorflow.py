"""Several training steps on TensorFlow: a loop in one graph, one turn after the other."""

from typing import Any

import numpy as np
import tensorflow as tf

from twotrack.keras_track.several_steps.groups import TOGETHER, SeveralSteps


class StepsOnTensorFlow(SeveralSteps):
    """The graph's operations read and write the model's variables themselves."""

    def forget(self) -> None:
        """Trace anew before the next step."""
        self._program = tf.function(self._steps, autograph=False)

    def together(self, batches: Any, count: int) -> np.ndarray:
        """Do steps; return their losses."""
        return self._program(batches, tf.constant(count)).numpy()

    def _steps(self, batches: Any, count: tf.Tensor) -> tf.Tensor:
        """Return the losses of so many steps, with zeros behind them."""
        one_step = tf.function(self._step, autograph=False, jit_compile=self._model.jit_compile)

        def step(number: tf.Tensor, losses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            loss = one_step(tf.nest.map_structure(lambda array: array[number], batches))
            return number + 1, tf.tensor_scatter_nd_update(losses, [[number]], [loss])

        losses = tf.zeros(TOGETHER, self._model.variable_dtype)
        return tf.while_loop(lambda number, _: number < count, step, (0, losses), parallel_iterations=1)[1]

    def _step(self, batch: Any) -> tf.Tensor:
        """Do one step; return its loss."""
        self._model.reset_metrics()
        return self._model.train_step(batch)["loss"]
