"""The recorder of one file runs without twotrack; recordings of two environments are compared in a third one."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recordings.made import Network
from tests.support.command_line import in_process, python, run
from tests.support.environments import environment
from twotrack.shared.recordings import standalone

SOURCE = Path(standalone.__file__).read_text()
WITHOUT_FRAMEWORKS = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "tensorflow", "keras", "jax", "jaxlib", "tf_keras", "transformers"}:
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Blocked())
from twotrack.shared.cli import main
main()
"""
TORCH = """
import numpy as np
import recorder
import torch

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(2, 4, 3)
        self.hidden = torch.nn.Linear(4, 5)
        self.score = torch.nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x)).mean((2, 3))
        return self.score(torch.tanh(self.hidden(x)))

network = Network().double()
drawn = np.load("weights.npz")
state = {
    "stem.weight": drawn["conv"].transpose(3, 2, 0, 1), "stem.bias": drawn["conv_bias"],
    "hidden.weight": drawn["hidden"].T, "hidden.bias": drawn["hidden_bias"],
    "score.weight": drawn["out"].T, "score.bias": drawn["out_bias"],
}
network.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in state.items()})
recorder.record(
    network, drawn["x"].transpose(0, 3, 1, 2).copy(), "torch_side", targets=drawn["y"],
    loss=torch.nn.functional.cross_entropy,
)
"""
KERAS_2 = """
import os
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np
import recorder
import tensorflow as tf

assert tf.keras.__name__.startswith("tf_keras"), tf.keras.__name__
layers, drawn = tf.keras.layers, np.load("weights.npz")
tf.keras.backend.set_floatx("float64")
model = tf.keras.Sequential([
    tf.keras.Input((6, 6, 2)), layers.Conv2D(4, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D(),
    layers.Dense(5, activation="tanh", name="dense"), layers.Dense(3, name="out"),
])
model.set_weights([drawn[name] for name in ("conv", "conv_bias", "hidden", "hidden_bias", "out", "out_bias")])
loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
recorder.record(model, drawn["x"], "keras_side", targets=drawn["y"], loss=loss)
model.get_layer("dense").activation = tf.keras.activations.sigmoid
recorder.record(model, drawn["x"], "wrong_side", targets=drawn["y"], loss=loss)
"""
WEIGHTS = """
import numpy as np
drawn = np.random.default_rng(0)
shapes = {
    "conv": (3, 3, 2, 4), "conv_bias": (4,), "hidden": (4, 5), "hidden_bias": (5,), "out": (5, 3), "out_bias": (3,),
}
arrays = {name: drawn.normal(size=shape) for name, shape in shapes.items()}
np.savez("weights.npz", x=drawn.normal(size=(4, 6, 6, 2)), y=np.array([0, 1, 2, 1]), **arrays)
"""


def test_the_recorder_is_written_as_python_3_7_reads_it():
    tree = ast.parse(SOURCE, feature_version=(3, 7))
    later = {"removeprefix", "removesuffix", "file_digest", "prod"}

    assert {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & later == set()
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "strict"]


def test_the_recorder_imports_nothing_but_numpy_and_what_python_has():
    tops = [
        node.names[0].name if isinstance(node, ast.Import) else node.module
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert {top for top in tops if top.partition(".")[0] not in sys.stdlib_module_names} == {"numpy"}


def test_the_command_writes_the_recorder(tmp_path: Path):
    done = in_process("record", "--standalone", "recorder.py", folder=tmp_path)

    assert done.stdout.startswith("recorder.py: needs Python 3.7, NumPy and the framework of the model")
    assert (tmp_path / "recorder.py").read_text() == SOURCE


def test_recordings_are_compared_where_no_framework_can_be_imported(tmp_path: Path):
    for name, network in (("torch", Network("torch")), ("keras", Network("keras"))):
        network.record(tmp_path / name)
    done = python(WITHOUT_FRAMEWORKS, "verify", "torch", "keras", "--json", folder=tmp_path)

    assert json.loads(done.stdout)["passed"]


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the interpreters of three environments: with PyTorch, with Keras 2, with twotrack and neither."""
    folder = tmp_path_factory.mktemp("environments")
    return {
        "torch": environment(folder / "torch", "numpy", "torch"),
        "keras 2": environment(folder / "keras2", "numpy", "tensorflow", "tf-keras"),
        "twotrack": environment(folder / "twotrack", "twotrack"),
    }


@pytest.fixture(scope="module")
def recorded(environments: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with recordings that two environments made, and a wrong one."""
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copy(standalone.__file__, folder / "recorder.py")
    subprocess.run([sys.executable, "-c", WEIGHTS], cwd=folder, check=True)
    for name, code in (("torch", TORCH), ("keras 2", KERAS_2)):
        words = [environments[name], "-c", f"import sys; sys.path.insert(0, '.')\n{code}"]
        run(words, folder, True, {"PYTHONPATH": ""})
    return folder


@pytest.mark.lengthy
def test_two_environments_that_share_no_framework_are_compared_in_a_third_that_has_neither(
    environments: dict[str, Path], recorded: Path
):
    verify = "import sys; from twotrack.shared.cli import main; main()"
    for name, others in (
        ("torch", "tensorflow keras twotrack"),
        ("keras 2", "torch jax twotrack"),
        ("twotrack", "torch tensorflow keras"),
    ):
        found = f"from importlib.util import find_spec; print([n for n in {others.split()} if find_spec(n)])"
        assert run([environments[name], "-c", found], recorded, True, {"PYTHONPATH": ""}).stdout == "[]\n"
    found = {}
    for side in ("keras_side", "wrong_side"):
        words = [environments["twotrack"], "-c", verify, "verify", "torch_side", side, "--json"]
        found[side] = json.loads(run(words, recorded, False, {"PYTHONPATH": ""}).stdout)

    assert found["keras_side"]["passed"]
    (track,) = found["keras_side"]["tracks"]
    assert [rung["rung"] for rung in track["rungs"]] == ["data", "parameters", "forward", "loss", "gradients"]
    assert max(rung["difference"] or 0 for rung in track["rungs"]) < 1e-13
    assert found["wrong_side"]["tracks"][0]["rungs"][-1]["where"] == "score"
