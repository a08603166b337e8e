"""What an optimizer does beside its formula, in a Keras optimizer; see twotrack.shared.spec.update_options.

All that a step changes is in the optimizer's variables.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from twotrack.shared.errors import UserError
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.update_options import EMA, SWA, ClipGlobalNorm, ClipNorm, ClipValue, Group, groups_of

Names = Callable[[Sequence[keras.Variable]], list[str]]
"""Returns the canonical names of variables."""
ROWS = "rows"
"""Attribute of an optimizer that accumulates: a variable, how many rows the batch has that comes next."""


_Mixed: Any = object
"""What an optimizer of Keras is, for whoever checks types."""


class WithOptions(_Mixed):
    """To be put before a class of Keras' optimizers: groups, clipping, accumulation, averages."""

    def prepare(self, spec: Optimizer, names: Names) -> None:
        """Say what to do; before the optimizer is built."""
        self._spec, self._names, self.accumulate = spec, names, spec.accumulate
        self._groups: list[Group] = []
        self.use_ema = spec.average is not None
        if isinstance(spec.average, EMA):
            self.ema_momentum = spec.average.momentum
            self.ema_overwrite_frequency = spec.average.overwrite_every or None

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create what accumulates, and find the group of each variable; UserError for a group without any."""
        if self.built:
            return
        super().build(variables)
        names = self._names(variables) if self._spec.groups else []
        chosen = groups_of(names, self._spec.groups) if names else {}
        self._groups = [chosen[name] for name in names]
        if self.accumulate > 1:
            self._gathered = self.add_optimizer_variables(variables, "gathered")
            self._rows_gathered = self.add_variable((), name="rows_gathered")
            self._batches = self.add_variable((), dtype="int", name="batches")
            self.rows = self.add_variable((), initializer="ones", name=ROWS)

    def _group(self, variable: Any) -> Group | None:
        return self._groups[self._get_variable_index(variable)] if self._groups else None

    # === Groups ===

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            group = self._group(variable)
            decay = self._spec.weight_decay if group is None or group.weight_decay is None else group.weight_decay
            if decay:
                share = decay if group is None else decay * group.learning_rate
                variable.assign(variable - variable * (share * ops.cast(self.learning_rate, variable.dtype)))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable at the learning rate of its group."""
        group = self._group(variable)
        share = 1.0 if group is None else group.learning_rate
        super().update_step(gradient, variable, learning_rate if share == 1.0 else learning_rate * share)

    # === Clipping ===

    def _clip_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        match self._spec.clip:
            case ClipValue(limit):
                return [ops.clip(one, -limit, limit) for one in gradients]
            case ClipNorm(limit, epsilon):
                return [one * _scale([one], limit, epsilon) for one in gradients]
            case ClipGlobalNorm(limit, epsilon):
                scale = _scale(gradients, limit, epsilon)
                return [one * scale for one in gradients]
        return list(gradients)

    # === Accumulation ===

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Update by the gradients of the batch, or of all batches since the last update, if it is their turn.

        Every batch computes an update; that of all but the last of an update is taken back, in a way that can be
        compiled on every backend.
        """
        if self.accumulate == 1:
            return super().apply(grads, trainable_variables)
        given = list(self._trainable_variables if trainable_variables is None else trainable_variables)
        slots = [self._gathered[self._get_variable_index(one)] for one in given]
        totals = [
            None if grad is None else ops.add(slot, self.rows * grad) for slot, grad in zip(slots, grads, strict=True)
        ]
        rows, is_due = ops.add(self._rows_gathered, self.rows), self._is_due()
        changed = [one for one in (*given, *self.variables) if not self._is_own(one)]
        before = [ops.copy(ops.convert_to_tensor(one)) for one in changed]
        super().apply([None if total is None else total / rows for total in totals], given)
        for variable, value in zip(changed, before, strict=True):
            variable.assign(ops.where(is_due, ops.convert_to_tensor(variable), value))
        for slot, total in zip(slots, totals, strict=True):
            if total is not None:
                slot.assign(ops.where(is_due, ops.zeros_like(total), total))
        self._rows_gathered.assign(ops.where(is_due, ops.zeros_like(rows), rows))
        self._batches.assign(ops.add(self._batches, 1))
        return None

    def _is_due(self) -> Any:
        return ops.equal((self._batches + 1) % self.accumulate, 0)

    def _is_own(self, variable: keras.Variable) -> bool:
        """Whether a variable is one of accumulation."""
        own = (*self._gathered, self._rows_gathered, self._batches, self.rows)
        return any(variable is one for one in own)

    # === Averages ===

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[keras.Variable]) -> None:
        if not isinstance(self._spec.average, SWA):
            return super()._update_model_variables_moving_average(trainable_variables)
        step, start, every = self.iterations + 1, self._spec.average.start, self._spec.average.every
        number = ops.maximum((step - start) // every + 1, 1)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            old, new = ops.convert_to_tensor(average), ops.convert_to_tensor(variable)
            moved = old + (new - old) / ops.cast(number, new.dtype)
            kept = ops.where(ops.equal((step - start) % every, 0), moved, old)
            average.assign(ops.where(step <= start, new, kept))
        return None


def _scale(gradients: Sequence[Any], limit: float, epsilon: float) -> Any:
    norm = ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(one)) for one in gradients])))
    return ops.minimum(limit / (norm + epsilon), 1.0)


def with_options(make: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Return a class of Keras' optimizers with options."""
    if make not in _CLASSES:
        _CLASSES[make] = type(make.__name__, (WithOptions, make), {})
    return _CLASSES[make]


_CLASSES: dict[type, type] = {}


def named(names: Mapping[int, str]) -> Names:
    """Return what finds names by the identities of variables."""

    def find(variables: Sequence[keras.Variable]) -> list[str]:
        if unknown := [one.path for one in variables if id(one) not in names]:
            raise UserError(f"groups: expected weights with canonical names, found {', '.join(unknown)} without.")
        return [names[id(one)] for one in variables]

    return find


@contextmanager
def averaged(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Let weights be their averages for a while, where the optimizer has any."""
    averages = (
        optimizer._model_variables_moving_average if isinstance(optimizer, WithOptions) and optimizer.use_ema else []
    )
    pairs = list(zip(optimizer._trainable_variables, averages, strict=bool(averages))) if averages else []
    before = [ops.convert_to_numpy(variable).copy() for variable, _ in pairs]
    try:
        for variable, average in pairs:
            variable.assign(ops.convert_to_numpy(average).copy())
        yield
    finally:
        for (variable, _), value in zip(pairs, before, strict=True):
            variable.assign(value)
