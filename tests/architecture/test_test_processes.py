"""How the suite itself is run: how many processes, which tests in the fast lane, and what without a browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IMPORTED
from tests.support import browser, resources
from tests.support.command_line import python
from tests.support.fast_lane import runs_python
from tests.support.once import made_once

GIB = 2**30
INNER_SUITE = """
import subprocess, sys
import pytest

@pytest.fixture
def workers(): ...

@pytest.fixture
def models(workers): ...

def test_alone(): ...
def test_program(): subprocess.run(["uname"], check=True)
def test_worker(workers): ...
def test_models(models): ...
def test_command():
    try:
        subprocess.run([sys.executable, "-c", ""], check=True)
    except Exception:
        pass
"""


def test_collecting_the_tests_imports_no_framework(pytestconfig: pytest.Config):
    """Each process of tests would take seconds and half a gigabyte for it."""
    assert pytestconfig.stash[IMPORTED] == set()


@pytest.mark.parametrize(
    ("gib", "cores", "expected"), [(3, 8, 1), (7.5, 8, 1), (24, 2, 2), (24, 8, 3), (128, 16, 16), (128, 1, 1)]
)
def test_there_are_as_many_processes_as_memory_and_cores_allow(gib: float, cores: int, expected: int):
    assert resources.processes(int(gib * GIB), cores) == expected


@pytest.mark.parametrize(("text", "bounded"), [("max\n", False), (str(2**20), True)])
def test_a_container_that_has_less_memory_than_the_machine_counts(tmp_path: Path, text: str, bounded: bool):
    limit = tmp_path / "memory.max"
    limit.write_text(text)

    assert (resources.available_memory(limit) == 2**20) is bounded


def test_processes_share_half_of_the_memory_between_two_files_of_tests():
    assert resources.kept_memory(8 * GIB, 1) == 4 * GIB
    assert resources.kept_memory(24 * GIB, 2) == 6 * GIB


def test_what_is_made_once_is_found_again_and_made_anew_if_it_was_left_half_made(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    made = []

    def make(folder: Path) -> None:
        assert list(folder.iterdir()) == []
        (folder / "part").touch()
        made.append(folder)
        if len(made) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(tmp_path_factory, tmp_path.name, make)
    found = [made_once(tmp_path_factory, tmp_path.name, make) for _ in range(2)]

    assert len(made) == 2
    assert found == [made[1]] * 2


def test_memory_of_processes_below_is_counted(tmp_path: Path):
    before = resources.held_memory()
    block = "import sys; block = bytes(range(256)) * 2**20; print(1, flush=True); sys.stdin.read()"

    with subprocess.Popen([sys.executable, "-c", block], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 2**28 < resources.held_memory() - before < 2**29


def test_without_a_container_the_machine_counts(tmp_path: Path):
    assert resources.available_memory(tmp_path / "absent") > 2**20


def empty_path(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let no program be found, neither a browser nor apt."""
    patch.setenv("PATH", str(folder))


def test_without_a_browser_tests_fail_where_ci_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    empty_path(monkeypatch, tmp_path)
    monkeypatch.setenv("CI", "true")

    assert browser.program() is None
    with pytest.raises(
        pytest.fail.Exception, match=r"expected one of chromium, .* on PATH, found none; `make browser`"
    ):
        browser.fail_or_skip()


def test_without_a_browser_tests_skip_with_the_reason_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    empty_path(monkeypatch, tmp_path)
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="found none; `make browser` installs one or says how"):
        browser.fail_or_skip()


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_where_nothing_can_be_installed_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int
):
    empty_path(monkeypatch, tmp_path)
    monkeypatch.setenv("CI", ci)

    assert browser.main() == code
    assert "on Debian: sudo apt-get install chromium" in capsys.readouterr().err


def test_chromium_is_installed_through_apt_where_that_needs_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script = tmp_path / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {tmp_path}/calls\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(browser, "NAMES", ("chromium-that-is-not-there",))

    browser.main()

    assert (tmp_path / "calls").read_text().splitlines() == [
        "noninteractive -qq update",
        "noninteractive -qq install --yes --no-install-recommends chromium",
    ]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Path(sys.executable), True),
        (Path(sys.executable).with_name("twotrack"), True),
        (Path("/usr/bin/python3"), True),
        (Path("/usr/bin/uname"), False),
    ],
)
def test_the_fast_lane_knows_what_runs_python(program: Path, expected: bool):
    assert runs_python(program) is expected


@pytest.mark.parametrize(
    ("options", "counts"), [(["--fast"], "2 passed, 1 skipped, 2 deselected"), ([], "5 passed")], ids=["fast", "all"]
)
def test_the_fast_lane_leaves_out_what_takes_a_worker_or_starts_python(tmp_path: Path, options: list[str], counts: str):
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_addoption, pytest_configure\n")
    (tmp_path / "test_inner.py").write_text(INNER_SUITE)
    tree = Path(__file__).parents[2]
    run = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"

    done = python(run, "-q", "-p", "no:cacheprovider", *options, "test_inner.py", folder=tmp_path, PYTHONPATH=str(tree))

    assert counts in done.stdout
