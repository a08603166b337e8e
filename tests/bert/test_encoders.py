"""One encoder in both tracks: the same function at every block, on every backend, with pretrained weights too."""

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.bert import tasks
from tests.support.turns import BACKENDS, QUICKEST, in_turn, quickest_alone
from twotrack.shared.datasets import reviews
from twotrack.shared.datasets.files import Source
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights.pretrained import bert
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.shared.weights.pretrained.bert.tokens import Tokenise

REVIEWS = 3
BLOCKS = ["embeddings_layer_norm", *(f"transformer_layer_{number}" for number in range(6))]
LIMITS = {"float64": 1e-12, "float32": 1e-5}
"""Relative difference of states."""

States = Mapping[str, np.ndarray]
StatesOf = Callable[[str, str], States]


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


# === Small encoders with random weights ===
# By default with what MiniLM has not: GELU by tanh, dropout, another epsilon. tests/mutation climbs with the other.


@pytest.mark.parametrize(("name", "track"), in_turn(["APPROXIMATE", "EXACT"], every=2, order=[QUICKEST]))
def test_parameters_states_gradients_and_training_are_the_same(name: str, track: str, ladder: Ladder):
    (result,) = ladder.climb(VerifyRequest(name=f"tests.bert.pairs:{name}"), lambda *_: None, [track])

    assert (result.passed, result.rungs[-1].rung) == (True, "training"), result.rungs[-1].detail


# === MiniLM on real reviews ===


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reviews of different lengths: the shortest are padding for the most part, the longest are cut."""
    texts = sorted(reviews.read(Source("embedded", reviews.EMBEDDED)).test.inputs[ONLY][:120], key=len)
    file = tmp_path_factory.mktemp("inputs") / "inputs.npz"
    np.savez(file, **Tokenise()({ONLY: texts[:: (len(texts) - 1) // (REVIEWS - 1)][:REVIEWS]}))
    return file


@pytest.fixture(scope="session")
def states(workers, inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> StatesOf:
    """By track and precision: the states (batch, length, hidden) after the embeddings and after every block."""
    folder = tmp_path_factory.mktemp("states")
    return cache(lambda track, precision: states_of(workers, track, precision, inputs, folder))


def states_of(workers, track: str, precision: str, inputs: Path, folder: Path, weights: str = bert.DEFAULT) -> States:
    out = folder / f"{track.replace(':', '-')}.{precision}.npz"
    workers.call(track, tasks.states, tasks.States(track, weights, precision, str(inputs), str(out)))
    return dict(np.load(out))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("precision", LIMITS)
@pytest.mark.parametrize("track", quickest_alone())
def test_both_tracks_have_the_same_states_after_every_block(states: StatesOf, track: str, precision: str, block: str):
    ours, theirs = states(track, precision)[block], states("torch", precision)[block]

    assert ours.dtype == theirs.dtype == precision
    assert ours.shape == (REVIEWS, bert.LENGTH, 384)
    assert relative(ours, theirs) < LIMITS[precision]


@pytest.fixture(scope="session")
def by_transformers(workers, inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> States:
    """What transformers computes in float64, having loaded the folder itself."""
    asked = {"inputs": str(inputs), "out": str(tmp_path_factory.mktemp("transformers") / "states.npz")}
    workers.call("torch", tasks.transformers_states, tasks.OwnStates(folder=str(open_folder().path), **asked))
    return dict(np.load(asked["out"]))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("track", ["torch", *quickest_alone()])
def test_states_are_those_of_transformers_with_weights_that_it_loaded_itself(
    states: StatesOf, by_transformers: States, inputs: Path, track: str, block: str
):
    """At tokens; transformers' faster attention computes others for padding."""
    real = np.load(inputs)["padding_mask"]

    assert relative(states(track, "float64")[block][real], by_transformers[block][real]) < LIMITS["float64"]


@pytest.fixture(scope="session")
def by_keras_hub(workers, inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights and last states of keras_hub's BertBackbone, which loaded the folder itself."""
    folder = tmp_path_factory.mktemp("keras_hub")
    files = {"weights": folder / "weights.safetensors", "out": folder / "states.npy"}
    asked = tasks.OwnEncoder(str(open_folder().path), str(inputs), str(files["out"]), str(files["weights"]))
    workers.call("keras:tensorflow", tasks.keras_hub_encoder, asked)
    return files


def test_weights_are_bit_for_bit_those_that_keras_hub_loads(by_keras_hub: dict[str, Path]):
    theirs = load_file(by_keras_hub["weights"])

    ours = open_folder().weights()

    assert set(theirs) - set(ours) == {"pooled_dense.kernel", "pooled_dense.bias"}
    for name, array in ours.items():
        assert theirs[name].tobytes() == array.tobytes(), name


def test_with_gelu_by_tanh_states_are_those_of_keras_hub(
    workers, by_keras_hub, inputs: Path, states: StatesOf, tmp_path: Path
):
    """keras_hub takes it whatever the config says; MiniLM was trained with the exact one."""
    own = shutil.copytree(open_folder().path, tmp_path / "minilm")
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"hidden_act": "gelu_pytorch_tanh"}))
    theirs = np.load(by_keras_hub["out"])

    ours = states_of(workers, "keras:tensorflow", "float32", inputs, tmp_path, str(own))[BLOCKS[-1]]

    assert relative(ours, theirs) < LIMITS["float32"]
    assert relative(states("keras:tensorflow", "float32")[BLOCKS[-1]], theirs) > 50 * LIMITS["float32"]


@pytest.mark.parametrize("track", ["torch", *(pytest.param(track, marks=pytest.mark.slow) for track in BACKENDS)])
def test_padding_changes_no_state_of_a_token(workers, states: StatesOf, inputs: Path, tmp_path: Path, track: str):
    """By default in torch: the states of both tracks are equal, those of padding too."""
    given = np.load(inputs)
    wider = {name: np.pad(array, ((0, 0), (0, 32))) for name, array in given.items()}
    np.savez(tmp_path / "wider.npz", **wider)

    found = states_of(workers, track, "float64", tmp_path / "wider.npz", tmp_path)[BLOCKS[-1]]

    real = given["padding_mask"]
    assert found.shape[1] == bert.LENGTH + 32
    assert relative(found[:, : bert.LENGTH][real], states(track, "float64")[BLOCKS[-1]][real]) < LIMITS["float64"]


def test_pretrained_weights_come_back_bit_equal_from_torch_and_from_keras(workers, tmp_path: Path):
    expected = dict(open_folder().weights())
    files = [tmp_path / f"{name}.safetensors" for name in ("start", "torch", "keras")]
    save_file(expected, files[0])

    for track, start, out in zip(("torch", "keras:tensorflow"), files, files[1:], strict=False):
        workers.call(track, tasks.through, tasks.Through(track, bert.DEFAULT, str(start), str(out)))
        found = load_file(out)
        assert set(found) == set(expected)
        assert all(found[name].tobytes() == array.tobytes() for name, array in expected.items())
