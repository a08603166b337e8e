"""A new entry of the ledger costs three places: the object, and what each track has for it."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.command_line import Done, python

ROOT = Path(__file__).parents[2]
COMMAND = "from twotrack.shared.cli import main; main()"
ENTRY = """
ENTRIES += (
    Difference(
        slug="output_scale",
        area=Area.LAYER,
        name="scale of the outputs",
        torch=Behaviour(default="doubled", values={"scale": 2.0}),
        keras=Behaviour(default="as they are", values={"scale": 1.0}),
        fix="divide torch's outputs by 2",
        aligned="the outputs are as they are",
        touches=with_layers("Dense"),
        switch=Switch(),
    ),
)
"""
KERAS = '''

@DEFAULTS.measures
def output_scale() -> Measured:
    """Outputs for ones."""
    return Measured({"scale": 1.0}, 1.0)
'''
TORCH = '''

@DEFAULTS.measures
def output_scale() -> Measured:
    """Outputs for ones; aligned: not doubled."""
    return Measured({"scale": 2.0}, 2.0, 1.0)


@LAYERS.switches(output_scale)
def switch_output_scale(module: nn.Module) -> bool:
    """Double the outputs."""
    module.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    return True
'''
PLACES = {
    "shared/ledger/normalisation.py": ENTRY,
    "keras_track/defaults/normalisation.py": KERAS,
    "torch_track/defaults/normalisation.py": TORCH,
}


def copy_with(additions: Mapping[str, str], folder: Path) -> None:
    """Copy the package into a folder, with text at the end of some of its files."""
    for part in ("twotrack", "shared", "keras_track", "torch_track"):
        target = folder / "twotrack" / ("" if part == "twotrack" else part)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, target, copy_function=os.symlink, ignore=ignored, dirs_exist_ok=True)
    for path, text in additions.items():
        (folder / "twotrack" / path).unlink()
        (folder / "twotrack" / path).write_text((ROOT / path).read_text() + text)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package to which the entry has been added."""
    folder = tmp_path_factory.mktemp("project")
    copy_with(PLACES, folder)
    return folder


def run(project: Path, *arguments: object) -> Done:
    return python(COMMAND, *arguments, folder=project, PYTHONPATH=str(project))


def test_a_new_entry_is_measured_and_listed(project: Path):
    done = run(project, "differences", "neuron", "--tracks", "keras:torch", "--json").json()

    (entry,) = (entry for entry in done["differences"] if entry["slug"] == "output_scale")
    assert entry["measured"] == {"keras:torch": {"scale": 1.0}, "torch": {"scale": 2.0}}
    assert (entry["effect"], entry["aligned_effect"]) == ({"keras:torch": 1.0}, {"keras:torch": 0.0})
    assert done["as_expected"]


def test_a_new_entry_is_switched_by_the_native_profile_and_alone_and_changes_the_run(project: Path):
    options = ("--tracks", "torch", "--seeds", 1, "--examples", 64, "--epochs", 1, "--device", "cpu", "--json")
    done = run(project, "ablate", "neuron", *options).json()

    assert [change["switched"] for change in done["changes"]][-2:] == ["output_scale", "native"]
    assert next(change["default"] for change in done["changes"] if change["switched"] == "output_scale") == "doubled"
    runs = {folder.name: folder for folder in (project / done["folder"]).iterdir() if folder.is_dir()}
    record = json.loads((runs["torch_native_seed0"] / "record.json").read_text())
    assert record["job"]["switched"][-1] == record["switched"][-1] == "output_scale"
    histories = [(runs[f"torch_{name}_seed0"] / "history.json").read_text() for name in ("aligned", "output_scale")]
    assert histories[0] != histories[1]
