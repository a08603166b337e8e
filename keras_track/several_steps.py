"""Several training steps of Keras on JAX in one dispatch: what Keras does in Python around a step is done once for all.

The step itself is Keras' own, in a loop of one compiled program, to which the state is donated.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import jax
import keras
import numpy as np

if TYPE_CHECKING:
    from twotrack.keras_track.track_model import KerasModel
    from twotrack.shared.spec.loop import LoopBatch

TOGETHER = 16
"""Steps: more make a dispatch no cheaper that could be measured."""


class SeveralSteps:
    """Trains one model, at most `TOGETHER` steps in a dispatch."""

    def __init__(self, model: keras.Model):
        self._model = model
        self.forget()

    def forget(self) -> None:
        """Compile anew before the next step, as the optimizer is another one."""
        self._program = jax.jit(self._steps, donate_argnums=0)

    def train(self, model: "KerasModel", batches: "Iterable[LoopBatch]") -> Iterator[float]:
        """Do a step on each batch, all of one size; yield its loss before the update."""
        left = iter(batches)
        while group := list(islice(left, TOGETHER)):
            fed = [(model.arranged(batch.inputs), model.fed(batch.inputs, batch.targets)) for batch in group]
            yield from self._together([(x, one["y"], one.get("sample_weight")) for x, one in fed])

    def _together(self, group: Sequence[Any]) -> Sequence[float]:
        model = self._model
        full = [*group, *[group[-1]] * (TOGETHER - len(group))]  # one program for every number of steps
        stacked = jax.tree.map(lambda *arrays: np.stack(arrays), *full)
        variables = [
            model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables
        ]  # fmt: skip
        model.reset_metrics()
        state, losses = self._program([[one.value for one in own] for own in variables], stacked, len(group))
        for own, values in zip(variables, state, strict=True):
            for variable, value in zip(own, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)[: len(group)].tolist()

    def _steps(self, state: Any, batches: Any, count: int) -> tuple[Any, jax.Array]:
        """Return the state behind so many steps, and their losses, with zeros behind them."""
        fresh = state[-1]  # metrics, that each step begins with

        def step(number: int, carried: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            (*others, _), losses = carried
            batch = jax.tree.map(lambda array: array[number], batches)
            logs, after = self._model.train_step((*others, fresh), batch)
            return list(after), losses.at[number].set(logs["loss"])

        return jax.lax.fori_loop(0, count, step, (state, jax.numpy.zeros(TOGETHER)))
