"""What surrounds a command may be odd: no current folder, no home, streams that are closed or full."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT, Done, in_process, python
from twotrack.shared.base import ordinary
from twotrack.shared.base.cache import cache_folder
from twotrack.shared.errors import UserError

CLOSED = """
import os, sys
from pathlib import Path
from twotrack.shared.cli.screen import hold_descriptors
for descriptor in range(3):
    os.close(descriptor)
hold_descriptors()
with open(sys.argv[1], "w") as file:
    file.write(str(file.fileno()))
"""


def shell(line: str, folder: Path) -> Done:
    done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_current_folder_that_is_gone_is_said_by_every_command(tmp_path: Path):
    done = shell(f"mkdir gone && cd gone && rmdir ../gone && exec '{SCRIPT}' verify pair:PAIR", tmp_path)

    assert done.code == 2
    assert done.error_line == "error: the current folder is gone; change to another one and run the command again."


def test_a_current_folder_whose_name_no_record_could_hold_is_refused(tmp_path: Path):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    done = in_process("run", "neuron", "--track", "torch", folder=folder, check=False)

    assert done.code == 2
    assert "the current folder: expected a name in UTF-8" in done.error_line


def test_where_streams_were_closed_no_file_gets_their_numbers(tmp_path: Path):
    python(CLOSED, tmp_path / "file", folder=tmp_path)

    assert int((tmp_path / "file").read_text()) > 2


@pytest.mark.parametrize("chapter", ["review_bert", "shop_transfer"])
def test_the_home_of_nobody_is_a_name_like_any_other(tmp_path: Path, chapter: str):
    command = ("run", chapter, "--track", "torch", "--weights", "~nobody-of-that-name/a.pt")
    done = in_process(*command, folder=tmp_path, check=False)

    assert done.code == 2
    assert "~nobody-of-that-name/a.pt" in done.error_line


def test_a_home_that_is_there_is_put_in_the_place_of_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/of/mine")

    assert [ordinary.named(name) for name in ("~/a", "~nobody-of-that-name/a", "b/~")] == [
        Path("/home/of/mine/a"), Path("~nobody-of-that-name/a"), Path("b/~"),
    ]  # fmt: skip


def test_a_user_without_a_home_is_asked_for_a_cache_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)

    with pytest.raises(UserError, match="set the environment variable XDG_CACHE_HOME to the folder"):
        cache_folder("photos")
