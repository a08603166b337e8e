"""How the real server is started: tensorflow_model_server of this machine, or else its container image."""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.export.serving import GRPC_PORT, REST_PORT, TAG
from twotrack.shared.export.serving.repository import BATCHING_CONFIG, MODELS_CONFIG, MOUNTED, Repository

BINARY, DOCKER = "tensorflow_model_server", "docker"
REPOSITORY = "tensorflow/serving"
IMAGE = f"{REPOSITORY}:{TAG}"
DOCKER_SECONDS = 30.0
HOW = (
    f"install {BINARY} (TensorFlow's own package repository has it as tensorflow-model-server), or Docker, which "
    f"takes the image {IMAGE}"
)


@dataclass(frozen=True)
class Ports:
    """Where the server listens."""

    grpc: int = GRPC_PORT
    rest: int = REST_PORT


@dataclass(frozen=True)
class Launch:
    """A command that runs the server until it is stopped."""

    command: tuple[str, ...]
    name: str
    """For messages."""
    clean_up: Callable[[], None] = lambda: None
    """Removes what ending the command may leave."""


def find_launch(repository: Repository, ports: Ports, image: str, work: Path, on_step: Callable[[str], None]) -> Launch:
    """Return how to start the server here; UserError that says how to get one if there is none.

    `work` is a folder for files that the server reads.
    """
    binary, docker = shutil.which(BINARY), shutil.which(DOCKER)
    if binary:
        return _local(binary, repository, ports, work)
    if docker is None:
        raise UserError(f"no TensorFlow Serving here (neither {BINARY} nor {DOCKER} is on PATH); {HOW}.")
    _require_daemon(docker)
    _require_image(docker, image, on_step)
    return _container(docker, repository, ports, image)


def docker_problem(docker: str) -> str | None:
    """Return why Docker cannot run containers, or None."""
    try:
        completed = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DOCKER_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if completed.returncode == 0 and completed.stdout.strip():
        return None
    return (completed.stderr.strip().splitlines() or ["it has no server"])[-1]


def _local(binary: str, repository: Repository, ports: Ports, work: Path) -> Launch:
    config = work / MODELS_CONFIG
    config.write_text(repository.local_config(), "utf-8")
    command = [binary, f"--port={ports.grpc}", f"--rest_api_port={ports.rest}", f"--model_config_file={config}"]
    return Launch((*command, *_batching(repository, repository.folder)), BINARY)


def _container(docker: str, repository: Repository, ports: Ports, image: str) -> Launch:
    if ":" in str(repository.folder):
        raise UserError(f"{repository.folder}: {DOCKER} cannot mount a folder with ':' in its path; rename it.")
    name = f"twotrack-serving-{os.getpid()}"
    # --init: the image's own first process is a shell, which would not pass on the signal to end.
    command = [docker, "run", "--rm", "--init", "--name", name]
    command += ["--publish", f"{ports.grpc}:{GRPC_PORT}", "--publish", f"{ports.rest}:{REST_PORT}"]
    command += ["--volume", f"{repository.folder}:{MOUNTED}:ro", image]
    command += [f"--model_config_file={MOUNTED}/{MODELS_CONFIG}", *_batching(repository, Path(MOUNTED))]
    return Launch(tuple(command), f"{DOCKER} run {image}", lambda: _remove(docker, name))


def _batching(repository: Repository, seen_as: Path) -> list[str]:
    if repository.batching is None:
        return []
    return ["--enable_batching=true", f"--batching_parameters_file={seen_as / BATCHING_CONFIG}"]


def _require_daemon(docker: str) -> None:
    problem = docker_problem(docker)
    if problem:
        raise UserError(
            f"no TensorFlow Serving here: {BINARY} is not on PATH, and {DOCKER} cannot run containers ({problem}); "
            f"start Docker, or install {BINARY}."
        )


def _require_image(docker: str, image: str, on_step: Callable[[str], None]) -> None:
    inspected = subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False)
    if inspected.returncode == 0:
        return
    on_step(f"pulling {image}")
    pulled = subprocess.run(
        [docker, "pull", image], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if pulled.returncode != 0:
        reason = (pulled.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{DOCKER} cannot pull {image} ({reason}); name an image that you have with --image.")


def _remove(docker: str, name: str) -> None:
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run([docker, "rm", "--force", name], capture_output=True, timeout=DOCKER_SECONDS, check=False)
