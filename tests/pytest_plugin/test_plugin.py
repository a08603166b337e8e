"""The plugin as a project has it: what a failing test says, and what it leaves for people and for machines."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.command_line import Done, run
from twotrack.shared.pytest_plugin import annotations, folder
from twotrack.shared.recordings.comparison import compare_folders
from twotrack.shared.spec import track

INNER = Path(__file__).parent / "inner"
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
ONE_LINE = (
    "not the same model: keras:torch fails at forward: layer 'norm' (LayerNormalization against LayerNorm) differs by "
)
FORWARD = "--twotrack-until=forward"


def project(place: Path, name: str) -> Path:
    """Return a folder with one file of a project's tests, and its models where only pytest's settings lead to."""
    (place / "src").mkdir()
    (place / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    shutil.copy(INNER / "models.py", place / "src")
    shutil.copy(INNER / f"{name}.py", place / f"test_{name}.py")
    return place


def ran(place: Path, *options: str, **environment: str) -> Done:
    return run([*PYTEST, *options], place, False, {"GITHUB_ACTIONS": "", "CI": "true", **environment})


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the port's tests ran: in a process of pytest-xdist, as on a server of GitHub."""
    place = project(tmp_path_factory.mktemp("port"), "port")
    options = ("-n1", "--twotrack-tracks=keras:torch", FORWARD, "--twotrack-report=reports")
    done = ran(place, *options, "--junitxml=junit.xml", GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(place))
    (place / "stdout").write_text(done.stdout)
    return place


@pytest.fixture(scope="module")
def stdout(port: Path) -> str:
    return (port / "stdout").read_text()


@pytest.fixture(scope="module")
def properties(port: Path) -> Mapping[str, dict[str, str]]:
    """Return the properties of every test in the JUnit file."""
    cases = ElementTree.parse(port / "junit.xml").iter("testcase")
    return {
        case.attrib["name"]: {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        for case in cases
    }


def reports(port: Path, test: str) -> list[Path]:
    return sorted(path for path in (port / "reports").iterdir() if test.replace("_", "-") in path.name)


def test_ports_that_are_the_same_pass_and_others_fail(stdout: str) -> None:
    assert re.search(r"3 failed, 2 passed", stdout)


def test_a_failure_says_in_one_line_where_why_and_what_to_change(stdout: str) -> None:
    (line,) = re.findall(
        rf"^E +AssertionError: ({re.escape(ONE_LINE)}.*)$", stdout.split("escape", maxsplit=1)[0], re.MULTILINE
    )
    assert "proved cause at 'norm': epsilon is 0.001 in Keras and 1e-05 in torch" in line
    assert line.endswith("fix: eps=0.001 in 'norm' (torch) or epsilon=1e-05 in 'norm' (Keras)")


def test_a_failure_shows_the_test_s_own_line_and_none_of_twotrack_s(stdout: str) -> None:
    assert ">       same_model(models.build_other, models.build_torch, (4,))" in stdout
    assert "fixture.py" not in stdout


def test_a_failure_has_a_section_with_the_whole_ladder(stdout: str) -> None:
    section = stdout.split("Captured twotrack call", 1)[1].split("Captured twotrack report", 1)[0]
    assert "  pass  parameters" in section
    assert "with that made equal, every rung passes" in section


def test_a_strict_test_fails_for_what_was_not_seen(stdout: str, port: Path) -> None:
    assert "AssertionError: the same model, except for what was not seen: keras:torch: other outputs" in stdout
    assert len(reports(port, "test_a_port_with_exceptions")) == 1


def test_a_failure_leaves_a_page_and_a_verdict_and_a_pass_nothing(port: Path) -> None:
    (left,) = reports(port, "test_a_port_that_differs")
    recordings = ["recording-keras-torch", "recording-torch"]
    assert sorted(path.name for path in left.iterdir()) == [*recordings, "report.html", "verdict.json"]
    compared = compare_folders(*(left / name for name in recordings)).result
    assert next(rung.rung for rung in compared.rungs if not rung.passed) == "forward"
    verdict = json.loads((left / "verdict.json").read_text())
    assert [rung["rung"] for rung in verdict["tracks"][0]["rungs"]] == ["data", "parameters", "forward"]
    assert "epsilon is 0.001" in (left / "report.html").read_text()
    assert reports(port, "test_a_port_that_is_named") == []


def test_the_second_comparison_of_a_test_has_a_folder_of_its_own_inside_the_reports(port: Path) -> None:
    (left,) = reports(port, "escape")
    assert left.name.endswith("-2")
    assert not any("escape" in path.name for path in port.iterdir())


def test_a_junit_file_has_the_verdict_rungs_causes_and_what_was_compared(
    properties: Mapping[str, dict[str, str]], port: Path
) -> None:
    failed, passed = properties["test_a_port_that_differs"], properties["test_a_port_that_is_named"]
    assert failed["twotrack.keras:torch.verdict"] == "FAIL"
    assert failed["twotrack.keras:torch.rungs"] == "data pass, parameters pass, forward FAIL"
    assert failed["twotrack.keras:torch.causes"] == "proved at 'norm': epsilon is 0.001 in Keras and 1e-05 in torch"
    assert failed["twotrack.report"] == str(reports(port, "test_a_port_that_differs")[0])
    assert passed["twotrack.keras:torch.verdict"] == "PASS"
    assert passed["twotrack.keras:torch.compared"].startswith("4 weights, 21 values")
    assert "Keras gives softmax" in properties["test_a_port_with_exceptions[False]"]["twotrack.keras:torch.exceptions"]


def test_github_shows_the_diagnosis_beside_the_line_of_the_call(stdout: str) -> None:
    line = (INNER / "port.py").read_text().splitlines().index("    # the call is the test's") + 2
    commands = [each for each in stdout.splitlines() if each.startswith("::")]
    assert len(commands) == 3
    assert any(
        each.startswith(f"::error file=test_port.py,line={line},title=twotrack::{ONE_LINE}") for each in commands
    )


def test_what_a_command_of_github_would_take_for_its_end_is_escaped() -> None:
    assert annotations.command("a,b:c.py", "3", "50 %\nof all") == (
        "::error file=a%2Cb%3Ac.py,line=3,title=twotrack::50 %25%0Aof all"
    )


@pytest.mark.parametrize(
    "test", ["../../etc/passwd", "/etc/passwd", ".", "..", "", "a/../b", "a\0b\n", "ä" * 500, "x" * 500]
)
def test_no_name_of_a_test_leads_out_of_the_reports(tmp_path: Path, test: str) -> None:
    place = folder.folder_of(tmp_path, test, 2)
    assert place.parent == tmp_path
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}", place.name)


def test_tests_whose_names_read_alike_have_folders_of_their_own(tmp_path: Path) -> None:
    assert folder.folder_of(tmp_path, "a/b", 1) != folder.folder_of(tmp_path, "a-b", 1)


def test_a_folder_with_somebody_s_files_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(folder.UserError, match=r"found mine\.txt; move that, or name another folder"):
        folder.remove(tmp_path)
    assert (tmp_path / "mine.txt").exists()


ASKS_FOR_JAX = """
def build(): ...

def test_port(same_model):
    same_model(build, build, (4,), tracks=["keras:jax"])
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "UserError: track 'keras:jax' needs jax, not installed here; run: pip install 'twotrack[jax]'"),
        (("--twotrack-missing=skip",), "SKIPPED [1] test_port.py:5: track 'keras:jax' needs jax, not installed here"),
        (("-o", "twotrack_missing=skip"), "1 skipped"),
        (("-o", "twotrack_missing=never"), "twotrack_missing: expected error or skip, found 'never'"),
    ],
)
def test_a_framework_that_is_not_installed_is_an_error_unless_a_skip_is_asked_for(
    tmp_path: Path,
    options: tuple[str, ...],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: the start of another takes longer than the refusal."""
    find_spec = track.find_spec
    monkeypatch.setattr(track, "find_spec", lambda name: None if name == "jax" else find_spec(name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "test_port", raising=False)
    Path("test_port.py").write_text(ASKS_FOR_JAX)
    alone = ("--import-mode=importlib", "--capture=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-rs")
    pytest.main(["test_port.py", *alone, *options])
    assert expected in capsys.readouterr().out


def test_a_run_that_does_not_use_it_imports_nothing_for_it(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n"
        "    ours = {name for name in sys.modules if name.partition('.')[0] == 'twotrack'}\n"
        "    assert ours == {'twotrack', 'twotrack.shared', 'twotrack.shared.pytest_plugin'}\n"
        "    assert not {'torch', 'keras', 'numpy', 'pydantic'} & set(sys.modules)\n"
    )
    words = [*PYTEST, "-q", "-p", "no:hypothesispytest", "-W", "error"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout


def test_models_that_a_test_has_stay_in_its_process_which_is_left_as_it_was(tmp_path: Path) -> None:
    """What is asserted stands in the tests of inner/objects.py."""
    done = ran(project(tmp_path, "objects"), "-q", KERAS_BACKEND="torch", CUDA_VISIBLE_DEVICES="-1")
    assert re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_models_of_the_other_backends_stay_in_the_process_too(tmp_path: Path, backend: str) -> None:
    done = ran(project(tmp_path, "objects"), "-q", KERAS_BACKEND=backend, CUDA_VISIBLE_DEVICES="-1")
    assert re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout
