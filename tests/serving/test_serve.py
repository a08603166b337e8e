"""`twotrack serve`: which server it starts and how, and that nothing of it is left."""

import json
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.serving import fake_server
from tests.support.command_line import Running, twotrack, wait_until
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.export.serving import server
from twotrack.shared.export.serving.launch import BINARY, DOCKER, IMAGE, Ports
from twotrack.shared.export.serving.repository import read_repository
from twotrack.shared.export.serving.server import serving

CONFIG = """
# the model of the chapter; name: "not this one"
model_config_list {
  config {
    name: "mnist_cnn"
    base_path: "/models/mnist_cnn"
    model_platform: "tensorflow"
    version_labels { key: "stable" value: 1 }
  }
  config { name: "churn" base_path: "/models/churn_mlp" model_platform: "tensorflow" }
}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "my models"
    for version in ("mnist_cnn/1", "mnist_cnn/12", "churn_mlp/3"):
        (folder / version).mkdir(parents=True)
        (folder / version / "saved_model.pb").write_bytes(b"x")
    (folder / "mnist_cnn/.13.partial").mkdir()
    (folder / "models.config").write_text(CONFIG)
    (folder / "batching.config").write_text("max_batch_size { value: 32 }")
    (folder / "mnist_cnn/request.json").write_text("{}")
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(fake_server.__file__, folder)
    return folder


def install(path: Path, name: str, **behaviour: Any) -> None:
    (path / "behaviour.json").write_text(json.dumps(behaviour))
    (path / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{path}/fake_server.py" "$0" "$@"\n')
    (path / name).chmod(0o755)


def recorded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "record.jsonl").read_text().splitlines()]


def ports() -> list[str]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("", 0))
        second.bind(("", 0))
        return ["--port", str(first.getsockname()[1]), "--rest-port", str(second.getsockname()[1])]


def refused(repository: Path, path: Path, *options: str) -> str:
    done = twotrack("serve", repository, *(options or ports()), folder=path, check=False, PATH=str(path))
    assert done.code == 2, done.stderr
    return done.error_line


def running(path: Path) -> list[psutil.Process]:
    """Return what the fake server started and is still there."""
    left = []
    for entry in recorded(path):
        with suppress(psutil.NoSuchProcess, KeyError):
            left.append(psutil.Process(entry["pid"]))
    return [one for one in left if one.status() != psutil.STATUS_ZOMBIE]


def test_a_repository_is_read_and_its_paths_become_local_ones(repository: Path):
    found = read_repository(repository)

    assert found.models == {"mnist_cnn": (1, 12), "churn": (3,)}
    assert f'base_path: "{repository}/mnist_cnn"' in found.local_config()
    assert f'base_path: "{repository}/churn_mlp"' in found.local_config()
    assert 'key: "stable" value: 1' in found.local_config()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('base_path: "/models/churn_mlp"', 'base_path: "/models/../../etc"', "expected base paths below /models"),
        ('base_path: "/models/churn_mlp"', 'base_path: "/etc"', "expected base paths below /models"),
        (
            'base_path: "/models/churn_mlp"',
            'base_path: "/models/nothing"',
            "expected a version such as 1/saved_model.pb",
        ),
        ('name: "churn"', 'name: "mnist_cnn"', "a name of its own"),
        ('base_path: "/models/churn_mlp"', "", "1 base paths"),
    ],
)
def test_a_damaged_repository_is_refused(repository: Path, old: str, new: str, expected: str):
    (repository / "models.config").write_text(CONFIG.replace(old, new))
    with pytest.raises(UserError, match=expected):
        read_repository(repository)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_server_of_this_machine_runs_until_it_is_stopped(repository: Path, path: Path, sign: signal.Signals):
    install(path, BINARY, seconds=0.3, deaf=False)
    options = ports()
    with Running("serve", repository, *options, folder=path, PATH=str(path)) as command:
        command.wait_for(lambda: "running" in command.stderr, "it is ready")
        command.process.send_signal(sign)
        assert command.process.wait(20) == (0 if sign == signal.SIGINT else 143)

    started = recorded(path)[0]
    assert started["arguments"][0] == f"--port={options[1]}"
    assert f"--batching_parameters_file={repository}/batching.config" in started["arguments"]
    assert "--enable_batching=true" in started["arguments"]
    assert f'base_path: "{repository}/churn_mlp"' in started["config"]
    wait_until(lambda: running(path) == [], "nothing is left", 5)


def test_docker_runs_the_server_with_the_folder_mounted(repository: Path, path: Path):
    install(path, DOCKER, daemon="28.2")
    options = ports()
    with Running("serve", repository, *options, folder=path, PATH=str(path)) as command:
        command.wait_for(lambda: "running" in command.stderr, "it is ready")
        command.process.send_signal(signal.SIGTERM)
        command.process.wait(20)

    calls = [one["arguments"] for one in recorded(path) if "arguments" in one]
    name = calls[2][calls[2].index("--name") + 1]
    assert [one[0] for one in calls] == ["info", "image", "run", "rm"]
    assert calls[2][-4:] == [
        IMAGE, "--model_config_file=/models/models.config",
        "--enable_batching=true", "--batching_parameters_file=/models/batching.config",
    ]  # fmt: skip
    assert f"{repository}:/models:ro" in calls[2]
    assert {f"{options[1]}:8500", f"{options[3]}:8501"} <= set(calls[2])
    assert calls[3] == ["rm", "--force", name]
    wait_until(lambda: running(path) == [], "nothing is left", 5)


@pytest.mark.parametrize(
    ("name", "behaviour", "kind", "expected"),
    [
        (None, {}, UserError, "neither tensorflow_model_server nor docker is on PATH"),
        (DOCKER, {}, UserError, "docker cannot run containers"),
        (DOCKER, {"daemon": "28.2", "image": 1}, UserError, f"cannot pull {IMAGE} (manifest unknown)"),
        (BINARY, {"exit": 3}, WorkerDiedError, "ended before its models were loaded (exit code 3)"),
        (BINARY, {"exit": 3}, WorkerDiedError, "E cannot load the model"),
        (BINARY, {"seconds": 60, "deaf": True}, WorkerDiedError, "did not load mnist_cnn within 0.5 s"),
    ],
)
def test_a_server_that_cannot_serve_is_told(
    repository: Path,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
    behaviour: Any,
    kind: type,
    expected: str,
):
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(server, "_STOP_SECONDS", 0.5)
    numbers = ports()
    if name:
        install(path, name, **behaviour)

    with (
        pytest.raises(kind) as error,
        serving(read_repository(repository), Ports(int(numbers[1]), int(numbers[3])), IMAGE, 0.5, lambda _: None),
    ):
        pass

    assert expected in str(error.value)
    if name:
        wait_until(lambda: running(path) == [], "nothing is left", 5)


def test_what_is_no_repository_is_refused_before_anything_starts(path: Path):
    install(path, BINARY)

    assert "expected a folder of exported models" in refused(path, path)
    assert not (path / "record.jsonl").exists()


def test_a_port_that_is_taken_is_refused_before_anything_starts(repository: Path, path: Path):
    install(path, BINARY)
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = refused(repository, path, "--rest-port", port, *ports()[:2])

    assert f"--rest-port {port}: expected a free port" in message
    assert not (path / "record.jsonl").exists()
