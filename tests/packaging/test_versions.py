"""Ranges in pyproject.toml, exact versions in constraints.txt, and a word about a framework that is in neither."""

import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.support.command_line import in_process
from twotrack.shared.spec import tested_versions
from twotrack.shared.spec.tested_versions import TESTED, UntestedVersionWarning, VersionRange, warn_if_untested

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
REQUIREMENTS = [Requirement(line) for line in PROJECT["dependencies"]] + EXTRAS
CONSTRAINTS = {
    pin.name.lower(): Version(next(iter(pin.specifier)).version)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#") and (pin := Requirement(line))
}


@pytest.mark.parametrize("requirement", [one for one in REQUIREMENTS if one.name != "twotrack"], ids=str)
def test_a_requirement_is_a_range_that_holds_the_version_of_the_constraints(requirement: Requirement) -> None:
    assert {one.operator for one in requirement.specifier} <= {">=", "<", "!="}
    assert CONSTRAINTS[requirement.name.lower()] in requirement.specifier


def test_the_build_tool_is_pinned_too() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert [one for one in map(Requirement, build) if CONSTRAINTS[one.name] not in one.specifier] == []


@pytest.mark.parametrize("package", TESTED)
def test_the_tested_range_begins_at_the_lower_bound_and_holds_the_version_of_the_constraints(package: str) -> None:
    (requirement,) = {str(one) for one in EXTRAS if one.name == package}
    assert requirement == f"{package}>={TESTED[package].lowest}"
    assert Version(TESTED[package].lowest) <= CONSTRAINTS[package] < Version(TESTED[package].below)
    assert TESTED[package].problem == ""


@pytest.fixture
def older_and_newer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the tested versions of keras lie above the installed one, those of torch below."""
    ranges = {"keras": VersionRange("keras", "99.0", "99.1"), "torch": VersionRange("torch", "0.1", "0.2")}
    monkeypatch.setattr(tested_versions, "TESTED", TESTED | ranges)
    tested_versions._warn_if_untested.cache_clear()
    yield
    tested_versions._warn_if_untested.cache_clear()


@pytest.mark.usefixtures("older_and_newer")
def test_a_version_outside_the_range_is_named_once_with_the_range_and_what_to_do() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_untested(("keras", "jax"))
        warn_if_untested(("torch", "keras"))
    keras, torch = [str(one.message) for one in caught if one.category is UntestedVersionWarning]
    assert f"keras {CONSTRAINTS['keras']} is outside the versions that twotrack is tested with, 99.0 to" in keras
    assert "pip install 'torch>=0.1,<0.2'" in torch


@pytest.mark.usefixtures("older_and_newer")
def test_doctor_shows_it_and_a_command_says_it_on_stderr_without_failing(tmp_path: Path) -> None:
    done = in_process("doctor", folder=tmp_path)
    assert f"--  keras             keras {CONSTRAINTS['keras']} is outside" in done.stdout
    assert f"ok  jax               {CONSTRAINTS['jax']}, tested are {TESTED['jax'].text}" in done.stdout
    assert done.code == 0
