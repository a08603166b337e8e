"""twotrack.keras_track.precision puts Keras into float64 entirely, and back entirely."""

import numpy as np
import pytest

from tests.optimizers import precision_tasks, probes
from tests.optimizers.precision_tasks import Measured
from twotrack.shared.workers.pool import WorkerPool

_PROMOTED = {"layer_norm", "moving_variance", "mean_squared_error", "multi_head_attention", "attention_without_scale"}
ROUNDED = {
    "keras:tensorflow": {
        *("leaky_relu", "gelu", "gelu_tanh", "multi_head_attention", "attention_without_scale"),
        *("rescaling", "l2", "cast", "convert"),
    },
    "keras:jax": _PROMOTED,
    "keras:torch": _PROMOTED | {"dense", "integer_root"},
}
"""Probes that float64's public settings leave 1e-10 to 1e-7 wrong."""
TABLE = {"keras:tensorflow": "float64", "keras:jax": "float32", "keras:torch": "float32"}
TRACKS = tuple(TABLE)


def _errors(measured: Measured) -> dict[str, float]:
    """Return each probe's largest error, relative to the largest value."""
    found = measured.values
    return {
        name: float(np.abs(np.array(found[name]) - value).max() / np.abs(value).max())
        for name, value in probes.expected().items()
    }


@pytest.mark.parametrize("track", TRACKS)
def test_every_operation_is_exact_in_float64(track: str, workers: WorkerPool) -> None:
    measured = workers.call(track, precision_tasks.wide, None)
    assert set(measured.types.values()) == {"float64"}
    assert {name: error for name, error in _errors(measured).items() if error > 1e-14} == {}


@pytest.mark.parametrize("track", TRACKS)
def test_public_settings_alone_still_round_these(track: str, workers: WorkerPool) -> None:
    """A failure means that Keras or its backend changed: a replacement may have become superfluous, or more needed."""
    measured = workers.call(track, precision_tasks.documented_switches_only, None)
    assert {name for name, error in _errors(measured).items() if error > 1e-12} == ROUNDED[track]


@pytest.mark.parametrize("track", TRACKS)
def test_the_promotion_table_is_the_one_that_is_changed(track: str, workers: WorkerPool) -> None:
    assert workers.call(track, precision_tasks.table_entry, None) == TABLE[track]


@pytest.mark.parametrize("track", [track for track, entry in TABLE.items() if entry == "float32"])
def test_a_table_that_keras_does_not_read_is_an_error(track: str, workers: WorkerPool) -> None:
    message = workers.call(track, precision_tasks.refusal, None)
    assert "promotes float64 to float32" in message


@pytest.mark.parametrize("track", TRACKS)
def test_float32_is_what_it_was_after_float64(track: str, workers: WorkerPool) -> None:
    before, after = workers.call(track, precision_tasks.before_and_after, None)
    assert after == before
    assert set(after.types.values()) == {"float32"}
    assert workers.call(track, precision_tasks.table_entry, None) == TABLE[track]
