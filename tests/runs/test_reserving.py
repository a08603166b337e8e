"""Two commands never get the same folder, and each removes only what is its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command_line import in_process
from twotrack.shared.errors import UserError
from twotrack.shared.runs.reserving import Reserved, reserving

NAMES = ("run", "other")
RACE = """
import sys
from pathlib import Path
from twotrack.shared.runs.reserving import Reserved
reserved = Reserved(Path(sys.argv[1]))
print(*[reserved.run("run").name for _ in range(20)], *[reserved.folder("folder").name for _ in range(20)])
"""


def test_names_are_taken_one_after_the_other_and_given_back(tmp_path: Path):
    out = tmp_path / "new" / "runs"
    with reserving(out) as first, reserving(out) as second:
        assert first.folder("run") == out / "run"
        assert second.folder("run") == out / "run-2"
        assert first.run("trained") == out / "trained"
        assert second.run("trained") == out / "trained-2"
        (out / "run/file").write_text("kept")

    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "new", "new/runs", "new/runs/run", "new/runs/run/file",
    ]  # fmt: skip


def test_processes_that_start_at_once_get_different_names(tmp_path: Path):
    command = [sys.executable, "-c", RACE, str(tmp_path / "runs")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    names = [name for process in started for name in process.communicate()[0].split()]

    assert len(names) == len(set(names)) == 3 * 40


@pytest.mark.parametrize("what", ["file", "file/inside"])
def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path, what: str):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the output folder"), reserving(tmp_path / what) as reserved:
        reserved.folder("run")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_refused_command_leaves_nothing(tmp_path: Path):
    for command in ("run", "compare", "ablate"):
        done = in_process(command, "neuron", "--examples", "1", "--out", "a/b", folder=tmp_path, check=False)
        assert "--examples: expected at least one batch" in done.error_line
        assert list(tmp_path.iterdir()) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "folder", "run", "finish", "kill", "end"]), st.integers(0, 3), st.sampled_from(NAMES)
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(STEPS)
def test_whatever_commands_do_at_once_none_has_or_removes_what_is_anothers(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str]]
):
    """Commands begin, reserve, finish runs, are killed or end, in any order; a killed one gives nothing back."""
    out = tmp_path_factory.mktemp("history") / "a" / "runs"
    commands: dict[int, Reserved] = {}
    owner: dict[Path, Reserved] = {}
    finished: dict[Path, str] = {}
    for number, (step, who, name) in enumerate(steps):
        command = commands.get(who)
        if step == "begin" and command is None:
            commands[who] = Reserved(out)
        elif command is None:
            continue
        elif step in ("folder", "run"):
            path = command.folder(name) if step == "folder" else command.run(name)
            assert path not in owner
            owner[path] = command
        elif step == "finish":
            finish(command, owner, finished, str(number))
        else:
            del commands[who]
            if step == "end":
                command.give_back()
                owner = {path: held_by for path, held_by in owner.items() if held_by is not command or path in finished}
        for path, content in finished.items():
            assert (path / "record.json").read_text() == content
        for path, held_by in owner.items():
            if held_by in commands.values() and path not in finished:
                assert path.exists() or path.with_name(f".{path.name}.partial").exists()
    if not owner:
        assert not out.parent.exists()


def finish(command: Reserved, owner: dict[Path, Reserved], finished: dict[Path, str], content: str) -> None:
    """Let a command's first open folder be finished, as a run or a comparison is."""
    path = next((one for one, held_by in owner.items() if held_by is command and one not in finished), None)
    if path is None:
        return
    partial = path.with_name(f".{path.name}.partial")
    if partial.exists():
        (partial / "record.json").write_text(content)
        partial.replace(path)
    else:
        (path / "record.json").write_text(content)
    finished[path] = content
