"""Every kind of layer, in both directions: the same canonical weights make both frameworks compute the same."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.bridge import tasks
from tests.bridge.cases import CASES, draw_weights

TORCH, KERAS = "torch", "keras:tensorflow"


class Computed(NamedTuple):
    outputs: np.ndarray
    weights: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


class Both(NamedTuple):
    given: dict[str, np.ndarray]
    torch: Computed
    keras: Computed


@pytest.fixture(scope="session")
def computed(workers, tmp_path_factory) -> dict[str, Both]:
    """What both tracks computed, for every case, from random weights and inputs."""
    folder = tmp_path_factory.mktemp("layers")
    shapes = workers.call(TORCH, tasks.describe, None)
    given = {name: draw_weights(shapes[name], seed=3) for name in CASES}
    for name, case in CASES.items():
        inputs = case.draw(np.random.default_rng(4))
        np.savez(
            folder / f"{name}.given.npz", **given[name], **{f"input{number}": one for number, one in enumerate(inputs)}
        )
    for track, run in ((TORCH, tasks.run_torch), (KERAS, tasks.run_keras)):
        ran = workers.call(track, run, folder)
        assert list(ran) == list(CASES)
    return {name: Both(given[name], _read(folder, name, "torch"), _read(folder, name, "keras")) for name in CASES}


def _read(folder: Path, name: str, side: str) -> Computed:
    with np.load(folder / f"{name}.{side}.npz") as arrays:
        weights, gradients = (
            {key.partition(".")[2]: arrays[key] for key in arrays if key.startswith(kind)}
            for kind in ("weight.", "gradient.")
        )
        return Computed(arrays["outputs"], weights, gradients)


@pytest.fixture(params=CASES)
def both(request: pytest.FixtureRequest, computed: dict[str, Both]) -> Both:
    return computed[request.param]


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_the_forward_passes_agree(both):
    assert both.torch.outputs.dtype == both.keras.outputs.dtype == np.float64
    assert both.torch.outputs.shape == both.keras.outputs.shape
    assert relative_difference(both.keras.outputs, both.torch.outputs) <= 1e-12


def test_the_gradients_agree(both):
    assert set(both.torch.gradients) == set(both.keras.gradients)
    # A key's bias has gradient 0 (softmax ignores it), so its rounding is judged by the largest gradient.
    largest = max(np.abs(gradient).max() for gradient in both.torch.gradients.values())
    for name, gradient in both.torch.gradients.items():
        assert np.abs(both.keras.gradients[name] - gradient).max() <= 1e-11 * largest, name
        assert name.endswith("key.bias") or np.abs(gradient).max() > 1e-3 * largest, name


def test_weights_come_back_bit_equal_from_both_frameworks(both):
    for side in (both.torch, both.keras):
        assert set(side.weights) == set(both.given)
        for name, array in both.given.items():
            assert side.weights[name].dtype == np.float64
            assert side.weights[name].tobytes() == array.tobytes(), name
