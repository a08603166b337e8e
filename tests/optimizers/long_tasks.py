"""Worker tasks that let optimizers of shared specs step on drawn gradients, in float64, and say how far they stray."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.optimizers import formulas, long_cases
from tests.optimizers.tasks import one_torch_thread
from twotrack import Pair
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.probe import OptimizerStart
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

Values = dict[str, np.ndarray]
Both = tuple[Values, Values]
"""Weights, and their averages."""


@dataclass(frozen=True)
class Asked:
    track: str
    cases: list[str]
    """Of long_cases.CASES."""
    steps: int


def keras_model() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(5, 3, name="table"),
            layers.Conv1D(4, 2, name="conv"),
            layers.LayerNormalization(epsilon=1e-5, name="norm"),
            layers.Dense(3, use_bias=False, name="out"),
        ]
    )


def torch_model() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.conv = nn.Embedding(5, 3), nn.Conv1d(3, 4, 2)
            self.norm, self.out = nn.LayerNorm(4), nn.Linear(4, 3, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.conv(self.table(tokens).transpose(1, 2)).transpose(1, 2)  # (B, T, C)
            return self.out(self.norm(x))

    return Network()


PAIR = Pair(keras=keras_model, torch=torch_model, input_shape=Input((6,), "tokens", 5))


@task
def strays(asked: Asked) -> dict[str, float]:
    """Return the largest difference of each case's weights and averages from those of the formulas.

    It is relative to a number's size, and absolute for numbers below 1.
    """
    from twotrack.shared.spec.sides import SideName

    track = open_track(asked.track, "cpu")
    model = track.build(PAIR.side(SideName(asked.track)), 0, "float64")
    with one_torch_thread():
        return {name: _stray(asked, model, long_cases.CASES[name]) for name in asked.cases}


def _stray(asked: Asked, model: Any, spec: Optimizer) -> float:
    rates, rows = long_cases.learning_rates(spec, asked.steps), long_cases.rows(asked.steps)
    gradients = long_cases.gradients(asked.steps)
    run = _torch if asked.track == "torch" else _keras
    wanted = formulas.train(spec, long_cases.start(), gradients, rates, rows)
    found = run(model, spec, rates, rows, gradients)
    _require_moved(found[0])
    return float(np.max([_apart(*both) for both in zip(found, (wanted.weights, wanted.averages), strict=True)]))


def _apart(found: Values, wanted: Values) -> float:
    """Return the largest difference; NaN if there is any."""
    return float(
        np.max([(np.abs(found[name] - own) / np.maximum(1, np.abs(own))).max() for name, own in wanted.items()])
    )


def _require_moved(found: Values) -> None:
    """Raise AssertionError if a weight is where it began: then nothing is compared."""
    before = long_cases.start()
    still = [name for name, values in found.items() if np.array_equal(values, before[name])]
    assert not still, f"not moved: {still}"


def _torch(
    model: Any, spec: Optimizer, rates: list[float], rows: list[int], gradients: Values
) -> tuple[Values, Values]:
    from twotrack.torch_track import optimizer_alone
    from twotrack.torch_track.update_options import ROWS, averaged

    stand_ins = optimizer_alone.StandIns(model.module, model.table(), long_cases.SHAPES)
    stand_ins.assign(long_cases.start())
    optimizer = model.new_optimizer(spec, rates, iter(stand_ins.parameters), stand_ins.placed)
    optimizer.register_step_post_hook(lambda *_: setattr(optimizer, ROWS, next(following)))
    following = iter([*rows, 0])
    setattr(optimizer, ROWS, next(following))
    (values,), _ = optimizer_alone.run(optimizer, stand_ins, gradients, [len(rates)])
    with averaged(optimizer):
        return values, stand_ins.values()


def _keras(
    model: Any, spec: Optimizer, rates: list[float], rows: list[int], gradients: Values
) -> tuple[Values, Values]:
    from keras import ops

    from twotrack.keras_track import optimizer_alone, weights
    from twotrack.keras_track.update_options import ROWS, averaged

    start = OptimizerStart(long_cases.start(), [len(rates)])
    stand_ins = optimizer_alone.StandIns(weights.name_table(model.model), start.parameters)
    optimizer = model.new_optimizer(spec, rates, stand_ins.names)
    if spec.accumulate > 1:
        apply, table = optimizer.apply, np.array(rows, float)

        def apply_rows(*given: Any) -> None:
            getattr(optimizer, ROWS).assign(ops.take(ops.convert_to_tensor(table), optimizer._batches))
            apply(*given)

        optimizer.apply = apply_rows
    (values,), _ = optimizer_alone.run(optimizer, start, stand_ins, gradients)
    with averaged(optimizer):
        return values, stand_ins.values()
