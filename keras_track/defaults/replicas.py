"""What two replicas of Keras do: MirroredStrategy on TensorFlow, keras.distribution.DataParallel on JAX.

A process has as many devices as it began with, so all is measured in one of its own that begins with two.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import layers

from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured, Value
from twotrack.shared.workers import door
from twotrack.shared.workers.processes import Worker
from twotrack.shared.workers.task import task


@DEFAULTS.measures
def replica_batch_statistics() -> Measured:
    """BatchNormalization in training."""
    return _of("normalises its own share")


@DEFAULTS.measures
def replica_running_statistics() -> Measured:
    """Moving mean of BatchNormalization that keeps the last batch's alone."""
    return _of("running mean")


@DEFAULTS.measures
def replica_unequal_shares() -> Measured:
    """Gradient of a mean loss over 3 examples."""
    return _of("gradient of shares of 2 and 1")


@DEFAULTS.measures
def replica_scalar_loss() -> Measured:
    """Gradient of a loss function that returns the mean over its rows."""
    return _of("gradient of a mean of 1")


@DEFAULTS.measures
def replica_last_batch() -> Measured:
    """`fit` on 7 examples in batches of 4."""
    return _of("examples seen of 7")


@DEFAULTS.measures
def replica_clipping() -> Measured:
    """An optimizer's clipvalue."""
    return _of("clips")


@DEFAULTS.measures
def replica_dropout() -> Measured:
    """Dropout of one layer on all replicas."""
    return _of("one mask for all, from one seed")


@DEFAULTS.measures
def synchronised_batch_norm() -> Measured:
    """BatchNormalization(synchronized=True) on a CPU."""
    return _of("statistics of the whole batch")


def _of(label: str) -> Measured:
    return Measured({label: _facts()[label]})


@cache
def _facts() -> Mapping[str, Value]:
    with Worker(f"keras:{keras.backend.backend()}", "cpu", 1, replicas=2) as worker:
        return worker.call(facts, keras.backend.backend())


@task
def facts(backend: str) -> dict[str, Value]:
    """Measure, in a process whose processor is two devices."""
    # It is what splits the processor. MirroredStrategy waits forever for a device that is not there.
    door.open_track(f"keras:{backend}", "cpu")
    scope = _mirrored() if backend == "tensorflow" else _sharded()
    change, mean = _normalised(scope, synchronized=False)
    return {
        "normalises its own share": bool(abs(change) < SMALL),
        "running mean": _whose(mean),
        "gradient of shares of 2 and 1": _refused(lambda: _last_gradient(scope)),
        "gradient of a mean of 1": _change(scope, [layers.Dense(1, **PLAIN)], np.ones((2, 1), np.float32), loss=_mean),
        "examples seen of 7": _refused(lambda: _examples(scope)),
        "clips": _clips(scope),
        "one mask for all, from one seed": _one_mask(scope),
        "statistics of the whole batch": _refused(lambda: _synchronised(scope)),
    }


Scope = Callable[[], AbstractContextManager]
PLAIN: Mapping[str, Any] = {"use_bias": False, "kernel_initializer": "ones"}
SMALL = 1e-6


def _mirrored() -> Scope:
    import tensorflow

    return tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope


def _sharded() -> Scope:
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return nullcontext


def _refused(measure: Callable[[], Value]) -> Value:
    try:
        return measure()
    except ValueError:
        return "refused"


def _mean_of_row(signs: Any, outputs: Any) -> Any:
    return keras.ops.mean(signs * outputs, -1)


def _mean(signs: Any, outputs: Any) -> Any:
    return keras.ops.mean(signs * outputs)


def _fitted(
    scope: Scope,
    parts: Sequence[keras.Layer],
    x: np.ndarray,
    signs: np.ndarray | None = None,
    batch: int = 0,
    loss: Callable[[Any, Any], Any] = _mean_of_row,
    **of: Any,
) -> keras.Model:
    """Fit for one epoch with the rate 1 and the mean of the outputs, times signs of the rows, as the loss."""
    signs = np.ones((len(x), 1), np.float32) if signs is None else signs
    with scope():
        model = keras.Sequential([keras.Input(x.shape[1:]), *parts])
        model.compile(keras.optimizers.SGD(1.0, **of), loss)
    model.fit(x, signs, batch_size=batch or len(x), shuffle=False, verbose=0)
    return model


def _change(scope: Scope, parts: Sequence[keras.Layer], x: np.ndarray, **options: Any) -> float:
    """Return by how much the first kernel of the last layer became smaller, which was 1: its gradient."""
    return float(1 - _numbers(_fitted(scope, parts, x, **options).layers[-1].kernel).ravel()[0])


def _last_gradient(scope: Scope) -> float:
    """Return the gradient of a last batch of 1, 1 and 4, behind one that has none; `fit` refuses such a first one."""
    rows = np.array([[0.0], [0.0], [0.0], [0.0], [1.0], [1.0], [4.0]], np.float32)
    return _change(scope, [layers.Dense(1, **PLAIN)], rows, batch=4)


def _numbers(variable: keras.Variable) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))


def _normalised(scope: Scope, synchronized: bool) -> tuple[float, np.ndarray]:
    """Return the gradient of the sum of what the first replica's rows become, and the moving mean."""
    with scope():
        layer = layers.BatchNormalization(momentum=0.0, center=False, scale=False, synchronized=synchronized)
        dense = layers.Dense(1, **PLAIN)
    first = np.repeat([[1.0], [0.0]], 4, axis=0).astype(np.float32)
    return _change(scope, [layer, dense], samples.SHARES, signs=first), _numbers(layer.moving_mean)


def _whose(mean: np.ndarray) -> str:
    means = {
        "the first replica's": samples.SHARES[:4].mean(0),
        "the mean of the replicas'": samples.SHARES.mean(0),
    }
    return next((name for name, one in means.items() if np.allclose(mean, one, atol=SMALL)), "another")


def _synchronised(scope: Scope) -> str:
    return "taken" if abs(_normalised(scope, synchronized=True)[0]) > SMALL else "not taken"


def _examples(scope: Scope) -> int:
    """Return how many rows both replicas get of 7 in batches of 4."""
    if keras.backend.backend() == "jax":
        _change(scope, [layers.Dense(1, **PLAIN)], np.ones((7, 1), np.float32), batch=4)
        return 7
    import tensorflow

    with scope():
        strategy = tensorflow.distribute.get_strategy()
    batches = strategy.experimental_distribute_dataset(tensorflow.data.Dataset.range(7).batch(4))
    return sum(len(rows) for batch in batches for rows in strategy.experimental_local_results(batch))


def _clips(scope: Scope) -> str:
    rows = np.array([[6.0], [-2.0]], np.float32)
    change = _change(scope, [layers.Dense(1, **PLAIN)], rows, clipvalue=1.0)
    return {1.0: "the mean gradient", 0.0: "each replica's gradient"}[round(change, 3)]


def _one_mask(scope: Scope) -> bool:
    """Tell whether both replicas drop the same: rows of opposite signs then leave no gradient."""
    with scope():
        parts = [layers.Dropout(0.5, seed=0), layers.Dense(1, **PLAIN)]
    model = _fitted(scope, parts, np.ones((2, 64), np.float32), signs=np.array([[1.0], [-1.0]], np.float32))
    return bool(np.abs(1 - _numbers(model.layers[-1].kernel)).max() < SMALL)
