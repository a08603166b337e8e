"""What is installed has one name, twotrack: from a wheel and editable, from any current folder."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.projects import project
from tests.support.command_line import Done, run

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/in-your-test-suite.md").read_text()
FOLDERS = {"twotrack": "twotrack"} | {name: f"twotrack/{name}" for name in ("shared", "keras_track", "torch_track")}
"""Of the repository, and where they are installed."""
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed")
NO_PATH: Mapping[str, str] = {"PYTHONPATH": ""}


@dataclass(frozen=True)
class Installation:
    """A fresh environment with twotrack in it and with this environment's other packages."""

    kind: str
    folder: Path

    def python(self, code: str, folder: Path) -> Done:
        return run([self.folder / "bin/python", "-c", code], folder, True, NO_PATH)

    def twotrack(self, *arguments: object, folder: Path) -> Done:
        return run([self.folder / "bin/twotrack", *arguments], folder, True, NO_PATH)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, so that a build leaves nothing in it and finds nothing of an earlier one."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(checkout, folder / "source")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=["wheel", pytest.param("editable", marks=pytest.mark.slow)])
def installation(
    request: pytest.FixtureRequest, checkout: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """By default from a wheel: the tests themselves run on what is installed editable."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("site-packages")))
    what = ["--editable", checkout] if request.param == "editable" else [wheel]
    pip("--python", folder / "bin/python", "install", *OFFLINE, *what)
    return Installation(request.param, folder)


LEFT = {"report.html", "verdict.json", "recording-torch", "recording-keras-torch"}
"""By a test that failed."""


def pip(*arguments: object) -> None:
    words = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **NO_PATH}, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_every_module_and_every_data_file_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        f"{place}/{file.relative_to(ROOT / folder)}"
        for folder, place in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert inside == expected
    assert "twotrack/py.typed" in inside


def test_a_package_of_a_new_room_is_installed_without_being_listed(checkout: Path, tmp_path: Path) -> None:
    source = shutil.copytree(checkout, tmp_path / "source")
    (source / "shared/attic/boxes").mkdir(parents=True)
    for package in ("attic", "attic/boxes"):
        (source / "shared" / package / "__init__.py").touch()

    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", tmp_path, source)

    (built,) = tmp_path.glob("*.whl")
    assert "twotrack/shared/attic/boxes/__init__.py" in zipfile.ZipFile(built).namelist()


def test_the_wheel_has_the_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    parser = ConfigParser()
    parser.read_string(archive.read(name).decode())
    assert dict(parser["console_scripts"]) == {"twotrack": "twotrack.shared.cli:main"}
    assert dict(parser["pytest11"]) == {"twotrack": "twotrack.shared.pytest_plugin"}


SEEN = """
import importlib.util, twotrack, twotrack.shared
print(twotrack.shared.__file__)
print([name for name in ("shared", "keras_track", "torch_track") if importlib.util.find_spec(name)])
"""


def test_no_folder_of_twotrack_is_on_the_path_under_its_own_name(
    installation: Installation, checkout: Path, tmp_path: Path
) -> None:
    where, names = installation.python(SEEN, tmp_path).stdout.splitlines()
    home = checkout if installation.kind == "editable" else installation.folder
    assert Path(where).is_relative_to(home)
    assert names == "[]"


def test_a_project_imports_its_own_package_shared_beside_twotrack(installation: Installation, tmp_path: Path) -> None:
    code = "import shared.sizes, twotrack; print(shared.sizes.__file__, twotrack.Pair.__module__)"
    done = installation.python(code, project(tmp_path / "project"))
    assert done.stdout.split() == [f"{tmp_path}/project/shared/sizes.py", "twotrack.shared.spec.pair"]


def test_the_command_runs_from_any_folder(installation: Installation, checkout: Path, tmp_path: Path) -> None:
    mine = project(tmp_path / "project")
    shown = [
        installation.twotrack("list", folder=folder).stdout for folder in (tmp_path, mine, checkout, ROOT / "shared")
    ]
    assert "mnist_cnn" in shown[0]
    assert len(set(shown)) == 1


@pytest.mark.parametrize(
    "installation", ["wheel", pytest.param("editable", marks=pytest.mark.slow)], indirect=True
)  # what the other tests of pairs run on is editable
def test_a_pair_of_a_project_with_a_package_shared_is_verified(installation: Installation, tmp_path: Path) -> None:
    mine = project(tmp_path / "project")
    done = installation.twotrack(
        "verify", "my_pair:PAIR", "--tracks", "keras:torch", "--until", "forward", "--json", folder=mine
    )
    assert done.json()["passed"]


@pytest.mark.parametrize("installation", ["wheel"], indirect=True)
def test_a_new_repository_of_tests_passes_and_fails_once_its_port_is_wrong(
    installation: Installation, tmp_path: Path
) -> None:
    """As the guide shows it, and as its own workflow runs it."""
    listed, shown = (text.strip().split("\n") for text in re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL))
    repository = tmp_path / "my-port"
    written = installation.twotrack("new-tests", "my-port", folder=tmp_path).stdout
    assert written.split("\nn", 1)[0].split("\n") == listed
    install, test = re.findall(
        "^ +- run: (.*)$", (repository / ".github/workflows/tests.yml").read_text(), re.MULTILINE
    )
    assert install == "pip install -e '.[test]'"
    pip("--python", installation.folder / "bin/python", "install", *OFFLINE, "--editable", repository)
    server = {**NO_PATH, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(repository)}
    words = [installation.folder / "bin/python", *shlex.split(test)[1:], "--twotrack-until=forward"]
    _make_wrong(repository)
    failing = run(words, repository, False, server)
    assert "1 failed, 1 passed" in failing.stdout
    assert "proved cause at 'norm': epsilon is 0.001 in Keras and 1e-05 in torch" in failing.stdout
    assert "\n::error file=tests/test_port.py,line=8,title=twotrack::not the same model" in failing.stdout
    assert failing.code == 1
    told = without_rounding(failing.stdout)
    assert [line for line in shown if line.strip(" .") and without_rounding(line) not in told] == []
    (left,) = (repository / "twotrack-reports").iterdir()
    assert {path.name for path in left.iterdir()} == LEFT


def without_rounding(text: str) -> str:
    """Leave out what remains of a difference, all of it rounding: it is another number on another processor."""
    return re.sub(r"to (0\.0e\+00|\d\.\de-1[5-9]) \(", "to rounding (", text)


def _make_wrong(repository: Path) -> None:
    """Take the epsilon out of the port; the port as it was keeps a test that is as it was."""
    model, test = repository / "src/my_port/keras_model.py", repository / "tests/test_port.py"
    shutil.copy(model, model.with_name("right_model.py"))
    test.with_name("test_right.py").write_text(test.read_text().replace("keras_model", "right_model"))
    model.write_text(model.read_text().replace("epsilon=1e-5, ", ""))
