"""twotrack serve."""

import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options
from twotrack.shared.export.serving import GRPC_PORT, REST_PORT

if TYPE_CHECKING:
    from twotrack.shared.export.serving.repository import Repository
    from twotrack.shared.export.serving.server import Server


def serve(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that 'twotrack export --format tf-serving' wrote.")
    ],
    port: Annotated[int, typer.Option(help="Port for gRPC.")] = GRPC_PORT,
    rest_port: Annotated[int, typer.Option(help="Port for REST.")] = REST_PORT,
    image: Annotated[
        str | None, typer.Option(help="Container image, if tensorflow_model_server is not installed.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds in which the models must be loaded.")] = 120.0,
    json: options.Json = False,
) -> None:
    """Serve exported models with TensorFlow Serving, on this machine or in a container, until Ctrl-C."""
    from twotrack.shared.cli.console import data_progress, stderr
    from twotrack.shared.export.serving.launch import IMAGE, Ports
    from twotrack.shared.export.serving.repository import read_repository
    from twotrack.shared.export.serving.server import serving
    from twotrack.shared.workers.messages import Progress

    signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))  # a terminal that closes stops the server too
    repository = read_repository(folder)
    ports = Ports(port, rest_port)
    with ExitStack() as stack:
        with data_progress() as show:
            starting = serving(repository, ports, image or IMAGE, timeout, lambda step: show(Progress(step)))
            server = stack.enter_context(starting)
        with suppress(KeyboardInterrupt):
            _tell(repository, server, json)
            stderr.print("running; Ctrl-C stops the server")
            server.wait()
    stderr.print("stopped")


def _tell(repository: "Repository", server: "Server", json: bool) -> None:
    import sys

    from twotrack.shared.cli.console import print_json

    if json:
        models = {name: list(versions) for name, versions in repository.models.items()}
        print_json({"rest": server.rest, "grpc": server.grpc, "pid": server.pid, "models": models})
    else:
        for name, versions in repository.models.items():
            print(f"serving {name}, version {versions[-1]}")
        print(f"REST {server.rest}, gRPC {server.grpc}. Try, in another terminal:")
        name, example = repository.example or (next(iter(repository.models)), "INPUT")
        print(f"  twotrack request {server.rest} {name} {example}")
        print(f"  twotrack request {server.grpc} {name} {example} --protocol grpc")
    sys.stdout.flush()  # whoever reads a pipe waits for these lines
