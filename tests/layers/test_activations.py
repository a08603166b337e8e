"""Every activation layer of every track, in float64: values and derivatives are those worked out by hand."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.layers import tasks
from tests.layers.cases import KINDS, by_hand
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-12
"""Relative above 1, absolute below. Measured: 5e-15, of the gradient through gelu_tanh and SwiGLU."""
LEFT = {"relu": 0.0, "leaky_relu": 0.01, "prelu": 0.25}
"""The derivatives from the left, as by hand."""
AT_ZERO = {
    "torch": LEFT,
    "keras:tensorflow": LEFT | {"prelu": 0.0},
    "keras:jax": LEFT | {"prelu": 0.0, "leaky_relu": 1.0},
    "keras:torch": LEFT | {"prelu": 0.0},
}
"""Keras' PReLU is relu(x) - alpha relu(-x), both of which have the derivative 0 at 0. JAX's leaky ReLU asks x >= 0."""
KERAS = [track for track in TRACKS if track != "torch"]


@pytest.fixture(scope="module")
def found(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory):
    """What a track computes: activation to value, dx and dalpha."""

    @cache
    def compute(track: str) -> Path:
        folder = tmp_path_factory.mktemp("activations")
        workers.call(track, tasks.backward, tasks.OnTrack(track=track, folder=folder))
        return folder

    return lambda track, kind: dict(np.load(compute(track) / f"{kind}.npz"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("track", TRACKS)
def test_value_and_backward_pass_are_those_by_hand(found, track: str, kind: str):
    ours, expected = found(track, kind), by_hand(kind)

    assert ours.keys() == expected.keys()
    for name, array in expected.items():
        assert ours[name].dtype == np.float64
        np.testing.assert_allclose(ours[name], array, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("track", TRACKS)
def test_derivatives_at_a_kink_are_those_on_record(workers: WorkerPool, track: str):
    found = workers.call(track, tasks.at_zero, track)

    assert found == pytest.approx(AT_ZERO[track], abs=1e-15)


@pytest.mark.parametrize("track", TRACKS)
def test_facts_tell_apart_what_only_a_hyperparameter_does(workers: WorkerPool, track: str):
    facts = workers.call(track, tasks.facts, track)

    assert {facts[kind]["path"] for kind in KINDS} == {"act"}
    assert [facts[kind]["approximate"] for kind in ("gelu", "gelu_tanh")] == [False, True]
    assert facts["leaky_relu"]["negative_slope"] == 0.01


@pytest.mark.parametrize("track", KERAS)
def test_keras_models_come_back_from_their_file(workers: WorkerPool, track: str, tmp_path: Path):
    same = workers.call(track, tasks.saved_and_loaded, tmp_path)

    assert same == dict.fromkeys(KINDS, True)
