"""What is written appears whole and synced, or not at all, whatever ends the writing."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import wait_until
from twotrack.shared.base import atomic

KILLED = """
import os, signal, sys
from pathlib import Path
from twotrack.shared.base import atomic
with atomic.written(Path(sys.argv[1])) as made:
    made.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write_file(path: Path) -> None:
    atomic.write(path, "whole, é")


def write_folder(path: Path) -> None:
    with atomic.written(path) as made:
        (made / "inside").mkdir(parents=True)
        (made / "inside" / "file").write_bytes(b"whole")


def write_half(path: Path) -> None:
    with atomic.written(path) as made:
        made.write_text("half")
        raise KeyboardInterrupt


def test_text_and_bytes_are_written_and_replace_what_was_there(tmp_path: Path):
    file = tmp_path / "file"
    for content, expected in (("é", b"\xc3\xa9"), (b"\0", b"\0")):
        atomic.write(file, content)

        assert file.read_bytes() == expected
        assert list(tmp_path.iterdir()) == [file]


def test_the_place_to_write_ends_as_the_file_does_and_other_files_beside_it_go(tmp_path: Path):
    with atomic.written(tmp_path / "weights.npz") as made:
        assert (made.name, made.parent.parent) == ("weights.npz", tmp_path)
        made.with_name("scratch").write_bytes(b"x")
        made.write_bytes(b"y")

    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("weights.npz", b"y")]


def test_a_block_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path):
    atomic.write(tmp_path / "file", "old")

    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "file")

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]


def test_a_killed_writer_leaves_only_a_name_that_is_known_as_unfinished_and_the_next_writer_removes_it(tmp_path: Path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "file")], check=False)

    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert atomic.is_partial(left)
    atomic.write(tmp_path / "another", "whole")
    assert left.exists()
    atomic.write(tmp_path / "file", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "file"]


def test_what_another_machine_left_goes_a_day_later(tmp_path: Path):
    left = tmp_path / ".file.abc.0123abcd.partial"
    left.mkdir()
    atomic.remove_abandoned(tmp_path)
    assert left.exists()

    old = left.stat().st_mtime - 2 * atomic.ABANDONED
    os.utime(left, (old, old))
    atomic.remove_abandoned(tmp_path)
    assert not left.exists()


def test_what_another_machine_is_at_work_on_stays_however_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(atomic, "_BEAT", 0.01)
    monkeypatch.setattr(atomic, "OWNED", ".anothers.partial")
    with atomic.owned_folder(tmp_path, "long.") as folder:
        two_days_ago = time.time() - 2 * atomic.ABANDONED
        os.utime(folder, (two_days_ago, two_days_ago))
        wait_until(lambda: folder.stat().st_mtime > two_days_ago + atomic.ABANDONED, "its owner says so")
        monkeypatch.undo()
        atomic.remove_abandoned(tmp_path, "long.")

        assert folder.exists()


def test_a_folder_whose_owner_is_at_work_is_nobody_elses(tmp_path: Path):
    with atomic.written(tmp_path / "file") as made:
        made.write_text("first")
        atomic.remove_abandoned(tmp_path)
        atomic.write(tmp_path / "file", "second")

    assert (tmp_path / "file").read_text() == "first"


def test_a_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make, made = tempfile.mkdtemp, list[str]()

    def make_and_lose(*arguments: object) -> str:
        made.append(make(*arguments))
        if len(made) == 1:
            atomic.remove_abandoned(tmp_path)
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    atomic.write(tmp_path / "file", "whole")

    assert len(made) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_is_followed_and_what_is_no_file_is_never_replaced(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    os.mkfifo(tmp_path / "pipe")

    atomic.write(tmp_path / "link", "whole")
    with pytest.raises(OSError, match="a device, a pipe or a socket"):
        atomic.write(tmp_path / "pipe", "whole")
    with pytest.raises(OSError, match="a device, a pipe or a socket"):
        atomic.write(Path("/dev/null"), "whole")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there/file").read_text() == "whole"
    assert (tmp_path / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()


def test_a_file_system_without_locks_of_folders_is_written_to_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    atomic.write(tmp_path / "file", "whole")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("write", [write_file, write_folder])
def test_everything_is_synced_before_it_is_renamed_and_the_name_after(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Without it a power loss can leave a whole name with half of the bytes."""
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        seen.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        seen.append("renamed")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)

    write(tmp_path / "made")

    before, after = seen[: seen.index("renamed")], seen[seen.index("renamed") + 1 :]
    assert sorted(before) == (["made"] if write is write_file else ["file", "inside", "made"])
    assert after == [tmp_path.name]


def test_a_folder_does_not_replace_one_that_has_something_in_it(tmp_path: Path):
    write_folder(tmp_path / "made")

    with pytest.raises(OSError, match="not empty"):
        write_folder(tmp_path / "made")

    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path):
    with atomic.written(tmp_path / "file") as first, atomic.written(tmp_path / "file") as second:
        first.write_text("first")
        second.write_text("second")

    assert (tmp_path / "file").read_text() == "first"
