"""Without Slurm's packages its tests fail, and say what is missing; they never skip."""

from pathlib import Path

import pytest

from tests.support import slurm


def test_without_the_packages_a_test_fails_and_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slurm, "ROOT", tmp_path)

    message = r"expected Debian's packages slurmctld, slurmd, .*`make slurm` gets them"
    with pytest.raises(pytest.fail.Exception, match=message):
        slurm.Slurm(tmp_path)


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_where_apt_cannot_get_them_that_is_an_error_in_ci_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int
):
    monkeypatch.setattr(slurm, "ROOT", tmp_path / "slurm")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)

    assert slurm.main() == code
    assert "apt-get download could not get them" in capsys.readouterr().err
