"""`import twotrack`: few names, typed, and nothing is loaded before it is used."""

import ast
import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import twotrack
from tests.support.command_line import python, run
from twotrack.shared.assertion.arguments import given
from twotrack.shared.verify.user_pair import PairOfFunctions, reference

ROOT = Path(__file__).parents[2]
FACADE = ast.parse((ROOT / "twotrack/__init__.py").read_text())
MODELS = """
def keras_build():
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="out"), keras.layers.ReLU(name="relu")])


def torch_build():
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(out=nn.Linear(4, 3), relu=nn.ReLU()))
"""
SCRIPT = f"""
import twotrack
{MODELS}

def sgd(parameters):
    import torch

    return torch.optim.SGD(parameters, lr=0.5)


def keras_sgd():
    import keras

    return keras.optimizers.SGD(0.5)


if __name__ == "__main__":
    same = twotrack.Pair(keras_build, torch_build, (4,), optimizer=twotrack.CustomOptimizer(keras_sgd, sgd))
    print(twotrack.verify(same, tracks=["keras:torch"]).passed)
"""


def lambda_build() -> object:
    return lambda: None


def test_every_public_name_is_there_and_documented() -> None:
    names = [name for name in twotrack.__all__ if name != "__version__"]
    assert [name for name in names if not inspect.getdoc(getattr(twotrack, name))] == []
    assert twotrack.__version__[0].isdigit()
    assert set(twotrack.__all__) <= set(dir(twotrack))


def test_what_type_checkers_see_is_what_there_is() -> None:
    (checking,) = [node for node in FACADE.body if isinstance(node, ast.If)]
    seen = {alias.name for node in checking.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(twotrack.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'twotrack' has no attribute 'prove'"):
        _ = twotrack.prove


def test_import_twotrack_loads_nothing_but_itself(tmp_path: Path) -> None:
    code = "import sys, typing, importlib; before = set(sys.modules); import twotrack; print(set(sys.modules) - before)"
    assert python(code, folder=tmp_path).stdout == "{'twotrack'}\n"


def test_a_pair_is_made_without_numpy_or_a_framework(tmp_path: Path) -> None:
    code = (
        "import sys, twotrack; twotrack.Pair(print, print, (4,), optimizer=twotrack.Adam(1e-3));"
        "print({'numpy', 'torch', 'keras', 'pydantic'} & set(sys.modules))"
    )
    assert python(code, folder=tmp_path).stdout == "set()\n"


def test_assert_same_model_takes_every_field_of_a_pair_and_no_other() -> None:
    fields = {field.name for field in dataclasses.fields(twotrack.Pair)} - {"keras", "torch", "input_shape", "inputs"}
    plain = twotrack.Pair(lambda_build, lambda_build, (4,))
    values = {field: getattr(plain, field) for field in fields} | {"batch_size": 3, "rename": {"a": "b"}}
    pair = given(lambda_build, lambda_build, (4,), None, values).pair
    assert {field: getattr(pair, field) for field in fields} == values
    with pytest.raises(TypeError, match=r"unexpected argument 'optimiser': did you mean 'optimizer'\?"):
        twotrack.assert_same_model(lambda_build, lambda_build, (4,), optimiser="adam")


def test_every_field_of_a_pair_travels_to_a_worker() -> None:
    assert set(PairOfFunctions.model_fields) - {"folders"} == {
        field.name for field in dataclasses.fields(twotrack.Pair)
    }


def test_a_pair_comes_back_from_its_reference_as_it_was() -> None:
    pair = twotrack.Pair(
        keras=test_an_unknown_name_is_an_attribute_error,
        torch=lambda_build,
        input_shape={"tokens": twotrack.Input((7,), kind="tokens", size=50), "more": (12, 3)},
        loss=twotrack.CustomLoss(lambda_build, lambda_build, "classes"),
        optimizer=twotrack.AdamW(0.1, beta_1=0.7),
        schedule=twotrack.OneCycle(0.3, 25.0, 1e4),
        rename={"fc": "hidden"},
        batch_size=5,
        trainable=("head",),
    )
    travelled = PairOfFunctions.model_validate_json(reference(pair).model_dump_json()).load()
    assert travelled == dataclasses.replace(pair, input_shape=pair.specs)


@pytest.mark.parametrize("function", [lambda: None, lambda_build(), 3], ids=["lambda", "closure", "number"])
def test_a_function_that_no_worker_can_import_is_refused_with_what_to_do(function: object) -> None:
    with pytest.raises(twotrack.UserError) as caught:
        reference(twotrack.Pair(keras=function, torch=lambda_build, input_shape=(4,)))
    assert str(caught.value).startswith("the Keras build function: expected a function at the top level of a file")
    assert str(caught.value).endswith(
        "write `def` or `class` at the top level, or name the pair as text, 'module:NAME'."
    )


def test_a_function_of_an_interactive_session_is_refused_with_what_to_do(tmp_path: Path) -> None:
    code = "import twotrack\ndef build(): ...\ntwotrack.verify(twotrack.Pair(build, build, (4,)))"
    done = python(code, folder=tmp_path, check=False)
    assert "found 'build' of an interactive session; write it into a file and import it from there." in done.stderr


def test_a_script_verifies_its_own_functions(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text(SCRIPT)
    assert run([sys.executable, "check.py"], tmp_path, True, {}).stdout == "True\n"


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    call = "twotrack.assert_same_model(keras_build, torch_build, (4,), tracks=['keras:torch'])\n"
    (tmp_path / "check.py").write_text(f"import twotrack\n{MODELS}\n{call}")
    done = run([sys.executable, "check.py"], tmp_path, False, {})
    assert "twotrack.assert_same_model is called whenever 'check.py' is imported" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_test_of_a_project_asserts_that_two_models_are_one(tmp_path: Path) -> None:
    """The project's models lie in a folder that only pytest's own configuration puts on the path.

    By default tests/pytest_plugin does the same with its fixture, and test_python_api_page.py runs the page's test,
    which asserts.
    """
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "src/models.py").write_text(MODELS)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    (tmp_path / "tests/test_port.py").write_text(
        "import models\nfrom twotrack import assert_same_model\n\n"
        "def torch_build():\n    import models\n    return models.torch_build()\n\n"
        "def test_port():\n    tracks = ['keras:torch']\n"
        "    assert_same_model(models.keras_build, torch_build, (4,), tracks=tracks, until='forward')\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_compare_trains_read_run_reads_and_export_exports(tmp_path: Path) -> None:
    """By default tests/docs/test_python_api_page.py runs the page's train.py, which does the same."""
    done = twotrack.compare(
        "neuron",
        ["torch", "keras:torch"],
        settings={"learning_rate": 0.01},
        examples=256,
        epochs=1,
        device="cpu",
        out=tmp_path,
    )
    run_of_torch = twotrack.read_run(done.runs[0].folder)
    exported = twotrack.export(run_of_torch.folder, "safetensors", tmp_path / "neuron.safetensors")
    assert [run.record.job.track for run in done.runs] == ["torch", "keras:torch"]
    assert done.report.is_file()
    assert done.failures == []
    assert "torch and keras:torch are" in done.verdict.lower()
    assert run_of_torch.record.job.settings["learning_rate"] == "0.01"
    assert exported.largest < 1e-5


def test_what_cannot_be_compared_is_a_user_error_that_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(twotrack.UserError, match="unknown chapter"):
        twotrack.compare("no_chapter", out=tmp_path)
    assert list(tmp_path.iterdir()) == []
