"""What is written appears whole and synced, or not at all, whatever ends the writing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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


def test_a_killed_writer_leaves_only_a_name_that_is_known_as_unfinished_and_goes_a_day_later(tmp_path: Path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "file")], check=False)

    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert atomic.is_partial(left)
    atomic.remove_abandoned(tmp_path)
    assert left.exists()
    old = left.stat().st_mtime - 2 * atomic.ABANDONED
    os.utime(left, (old, old))
    atomic.remove_abandoned(tmp_path)
    assert not left.exists()


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
