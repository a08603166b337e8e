"""Several training steps on JAX: a loop of one compiled program, to which the state is donated."""

from typing import Any

import jax
import numpy as np

from twotrack.keras_track.several_steps.groups import TOGETHER, SeveralSteps


class StepsOnJax(SeveralSteps):
    """What a step changes goes through the program, and back into the model behind it."""

    def forget(self) -> None:
        """Compile anew before the next step."""
        self._program = jax.jit(self._steps, donate_argnums=0)

    def together(self, batches: Any, count: int) -> np.ndarray:
        """Do steps; return their losses."""
        model = self._model
        variables = [
            model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables
        ]  # fmt: skip
        model.reset_metrics()
        state, losses = self._program([[one.value for one in own] for own in variables], batches, count)
        for own, values in zip(variables, state, strict=True):
            for variable, value in zip(own, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)

    def _steps(self, state: Any, batches: Any, count: int) -> tuple[Any, jax.Array]:
        """Return the state behind so many steps, and their losses, with zeros behind them."""
        fresh = state[-1]  # metrics, that each step begins with

        def step(number: int, carried: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            (*others, _), losses = carried
            batch = jax.tree.map(lambda array: array[number], batches)
            logs, after = self._model.train_step((*others, fresh), batch)
            return list(after), losses.at[number].set(logs["loss"])

        return jax.lax.fori_loop(0, count, step, (state, jax.numpy.zeros(TOGETHER)))
