"""Whatever a command is told to write or to read, it does so, or says in one line why not, before any work is done."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

from tests.reliability.victims import PAIR
from tests.support import modes
from tests.support.command_line import in_process
from tests.support.runs import make_run
from twotrack.shared.cli import app
from twotrack.shared.workers.pool import WorkerPool

COMMANDS = typer.main.get_command(app).commands


@dataclass(frozen=True)
class Writer:
    """A command with a parameter that says what to write."""

    command: tuple[str, ...]
    """All words in front of the name."""
    ending: str = ""
    """That the name must have."""
    is_parent: bool = False
    """The name is a folder's in which others are made."""


WRITERS: dict[tuple[str, str], Writer] = {
    ("run", "out"): Writer(("run", "neuron", "--track", "torch", "--out"), is_parent=True),
    ("compare", "out"): Writer(("compare", "neuron", "--tracks", "torch", "--out"), is_parent=True),
    ("sweep", "out"): Writer(("sweep", "--chapters", "neuron", "--tracks", "torch", "--out"), is_parent=True),
    ("ablate", "out"): Writer(("ablate", "neuron", "--tracks", "torch", "--out"), is_parent=True),
    ("benchmark", "out"): Writer(("benchmark", "neuron", "--tracks", "torch", "--out"), ".json"),
    ("benchmark", "report"): Writer(("benchmark", "neuron", "--tracks", "torch", "--report"), ".html"),
    ("experiment", "out"): Writer(("experiment", "neuron", "--tracks", "torch", "--out"), is_parent=True),
    ("verify", "report"): Writer(("verify", "neuron", "--tracks", "keras:torch", "--report"), ".html"),
    ("record", "out"): Writer(("record", "pair:PAIR", "--out")),
    ("record", "standalone"): Writer(("record", "--standalone"), ".py"),
    ("logs", "report"): Writer(("logs", "a.csv", "b.csv", "--report"), ".html"),
    ("atlas", "out"): Writer(("atlas", "vit", "--out"), ".md"),
    ("atlas", "data"): Writer(("atlas", "vit", "--out", "page.md", "--data"), ".json"),
    ("convert", "out"): Writer(("convert", "run", "--chapter", "mnist_cnn", "--to", "keras", "--out"), ".weights.h5"),
    ("new-tests", "folder"): Writer(("new-tests", "--name", "port")),
    ("predict", "out"): Writer(("predict", "run", "--test", "--out"), ".npz"),
    ("export", "out"): Writer(("export", "run", "--format", "safetensors", "--out"), ".safetensors"),
    ("formats", "out"): Writer(("formats", "neuron", "--out"), ".md"),
    ("runs", "csv"): Writer(("runs", ".", "--csv"), ".csv"),
    ("report", "out"): Writer(("report", "run", "--out"), ".html"),
}
READERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("data", "data"): ("data", "telco", "--data"),
    ("run", "data"): ("run", "neuron", "--data"),
    ("run", "goes_on"): ("run", "mnist_cnn", "--from"),
    ("run", "warm_start"): ("run", "mnist_cnn", "--warm-start"),
    ("compare", "data"): ("compare", "neuron", "--data"),
    ("compare", "resume"): ("compare", "--resume"),
    ("sweep", "file"): ("sweep",),
    ("sweep", "data"): ("sweep", "--chapters", "neuron", "--data"),
    ("sweep", "resume"): ("sweep", "--resume"),
    ("ablate", "data"): ("ablate", "neuron", "--data"),
    ("benchmark", "measured"): ("benchmark", "--from"),
    ("verify", "other"): ("verify", "absent"),
    ("verify", "recording"): ("verify", "pair:PAIR", "--recording"),
    ("logs", "first"): ("logs", "a.csv"),
    ("logs", "against"): ("logs", "a.csv", "--against"),
    ("logs", "config"): ("logs", "a.csv", "b.csv", "--config", "a.json"),
    ("atlas", "source"): ("atlas", "--from"),
    ("convert", "weights"): ("convert", "pair:PAIR", "--to", "keras", "--out", "new.keras"),
    ("predict", "run"): ("predict", "--test"),
    ("export", "run"): ("export", "--format", "safetensors", "--out", "new.safetensors"),
    ("check-export", "folder"): ("check-export",),
    ("latency", "run"): ("latency",),
    ("runs", "folders"): ("runs",),
    ("report", "folders"): ("report",),
    ("report", "ladder"): ("report", "run", "--ladder"),
    ("serve", "folder"): ("serve",),
}
READ_BY_WORKERS = {(name, "tfds_dir") for name in ("data", "run", "compare", "sweep", "ablate")} | {
    ("data", "images"), ("run", "images"), ("compare", "images"), ("sweep", "images"), ("ablate", "images"),
    ("verify", "inputs"),
    ("verify", "map_file"), ("convert", "map_file"),
}  # fmt: skip


OTHER_WRITERS = [
    Writer(("export", "run", "--format", "tf-serving", "--out"), is_parent=True),
    Writer(("convert", "pair:PAIR", "a.npz", "--to", "keras", "--out"), ".keras"),
]
EVERY_WRITER = [*WRITERS.values(), *OTHER_WRITERS]
IDS = [" ".join((*writer.command[:1], writer.ending or writer.command[-1])) for writer in EVERY_WRITER]


class NobodyWorks(WorkerPool):
    """Workers of which none is ever asked."""

    def call(self, track: str | None, task: Any, *_: Any, **__: Any) -> Any:
        raise AssertionError(f"{task} was begun on {track}")


def takes_a_path(parameter: Any) -> bool:
    annotation = parameter.type_descriptor.annotation
    return Path in {annotation, *get_args(annotation)}


def test_every_parameter_that_names_a_path_is_known_as_read_or_as_written() -> None:
    paths = {(name, one.name) for name, command in COMMANDS.items() for one in command.params if takes_a_path(one)}
    assert paths == WRITERS.keys() | READERS.keys() | READ_BY_WORKERS


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A folder with what commands are given."""
    (tmp_path / "pair.py").write_text(PAIR)
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("step,loss\n1,0.5\n2,0.4\n")
    (tmp_path / "a.npz").write_bytes(b"")
    (tmp_path / "a.json").write_text("{}")
    make_run(tmp_path / "run")
    for name, mode in (("closed", 0), ("protected", 0o555)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    return tmp_path


def refusal(stage: Path, command: tuple[str, ...], name: str) -> str:
    """Return how a command refuses a name: one line, nothing left, no work begun."""
    before = contents(stage)
    with modes.counting():
        done = in_process(*command, name, folder=stage, check=False, workers=NobodyWorks())

    assert done.code in (1, 2), f"{name!r} was taken: {done.stdout}"
    assert done.stderr == done.error_line + "\n", done.stderr
    assert done.stdout == ""
    assert contents(stage) == before
    return done.error_line.removeprefix("error: ")


def contents(folder: Path) -> dict[str, int]:
    return {str(path): os.lstat(path).st_ino for path in folder.rglob("*")}


def named_pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def closed_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def other_kind(path: Path) -> None:
    """What a name is refused for that is wanted for a file; of a folder of results it is nothing bad."""
    path.mkdir()
    (path / "something").write_text("")


def all_kinds(first: list[Any], rest: list[Any]) -> pytest.MarkDecorator:
    """Try the first ones by default, the rest where time is no matter."""
    slow = pytest.param(rest, marks=pytest.mark.slow, id="the rest")
    return pytest.mark.parametrize("kinds", [pytest.param(first, id=""), slow])


@all_kinds([named_pipe, link_to_a_device], [closed_socket, link_to_itself, other_kind])
@pytest.mark.parametrize("writer", EVERY_WRITER, ids=IDS)
def test_what_is_no_ordinary_file_is_refused_and_stays(stage: Path, writer: Writer, kinds: list[Any]) -> None:
    for make in kinds:
        if make is other_kind and writer.is_parent:
            continue
        target = stage / f"{make.__name__}{writer.ending}"
        make(target)
        before = os.lstat(target)

        assert refusal(stage, writer.command, target.name)

        after = os.lstat(target)
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)


@all_kinds(
    ["", "a" * 300, "/proc/inside", "closed/inside", "protected/inside"],
    ["not\udcff", "run/record.json/inside", "/proc/self/mem"],
)
@pytest.mark.parametrize("writer", EVERY_WRITER, ids=IDS)
def test_a_name_that_nothing_can_have_is_refused(stage: Path, writer: Writer, kinds: list[str]) -> None:
    for name in kinds:
        assert refusal(stage, writer.command, f"{name}{writer.ending}" if name else name)


def empty(path: Path) -> None:
    path.write_text("")


def missing(path: Path) -> None:
    pass


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 9)


def closed_file(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0)


def closed_folder(path: Path) -> None:
    path.mkdir()
    (path / "record.json").write_text("{}")
    path.chmod(0)


def empty_folder(path: Path) -> None:
    path.mkdir()


def folder_of_pipes(path: Path) -> None:
    """What commands read of a folder, each of it a pipe that nobody writes to."""
    path.mkdir()
    for name in ("record.json", "plan.json", "recording.json", "models.config", "history.json", "saved_model.pb"):
        os.mkfifo(path / name)


@all_kinds(
    [folder_of_pipes, named_pipe, endless, closed_file, closed_folder],
    [missing, empty, noise, empty_folder, link_to_a_device, closed_socket, link_to_itself],
)
@pytest.mark.parametrize("command", READERS.values(), ids=" ".join)
def test_what_cannot_be_read_is_refused_and_not_waited_for(
    stage: Path, command: tuple[str, ...], kinds: list[Any]
) -> None:
    """For a folder of results `runs` lists what is in it, and so nothing; all others have one line."""
    for make in kinds:
        name = make.__name__
        make(stage / name)
        if command == ("runs",) and make in (empty_folder, folder_of_pipes):
            listed = in_process(*command, name, "--json", folder=stage).json()
            assert (listed["runs"], len(listed["problems"])) == ([], int(make is folder_of_pipes))
        else:
            assert refusal(stage, command, name)


def test_a_closed_folder_among_others_is_named_and_the_rest_is_listed(stage: Path) -> None:
    (stage / "protected").chmod(0o755)
    closed_folder(stage / "protected/inside")
    with modes.counting():
        listed = in_process("runs", ".", "--json", folder=stage).json()

    assert [run["folder"] for run in listed["runs"]] == ["run"]
    assert [(one["folder"], one["state"], one["reason"]) for one in listed["problems"]] == [
        ("closed", "unreadable", "permission denied"),
        ("protected/inside", "unreadable", "permission denied"),
    ]
