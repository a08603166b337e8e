"""Weights through files: torch to Keras to torch, for every kind of layer, in float32 and bit by bit."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.bridge import tasks
from tests.bridge.cases import CASES


@pytest.fixture(scope="session", params=["safetensors", "pt"])
def folder(request, workers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round_trip")
    files = tasks.Checkpoints(folder, request.param)
    workers.call("torch", tasks.write_checkpoints, files)
    workers.call("keras:tensorflow", tasks.through_keras, files)
    workers.call("torch", tasks.read_checkpoints, files)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_comes_back_bit_equal_from_keras(folder, name):
    before, after = (dict(np.load(folder / f"{name}.{which}.npz")) for which in ("state", "back"))
    assert set(after) == set(before)
    for key, array in before.items():
        assert after[key].dtype == array.dtype
        assert after[key].tobytes() == array.tobytes(), key


@pytest.mark.parametrize("name", CASES)
def test_keras_weights_come_back_bit_equal(folder, name):
    before, after = (load_file(folder / f"{name}.{which}.safetensors") for which in ("canonical", "from_keras"))
    assert set(after) == set(before)
    for key, array in before.items():
        assert after[key].dtype == array.dtype == np.float32
        assert after[key].tobytes() == array.tobytes(), key
