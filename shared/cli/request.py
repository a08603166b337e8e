"""twotrack request."""

from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options, screen

if TYPE_CHECKING:
    from twotrack.shared.export.serving.client import ServedAnswer


def request(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="The server, for example localhost:8501.")],
    model: Annotated[str, typer.Argument(help="The model's name on the server.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="Pictures, or a .txt, .json, .csv, .npy or .npz file, or COLUMN=VALUE pairs."
        ),
    ],
    protocol: Annotated[str, typer.Option(help="rest, or grpc with the gRPC port (8500).")] = "rest",
    signature: Annotated[
        str | None, typer.Option(help="The model's signature [default: the one that takes the input].")
    ] = None,
    model_version: Annotated[int | None, typer.Option(help="A version of the model [default: the newest].")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 10.0,
    json: options.Json = False,
) -> None:
    """Ask a model on a TensorFlow Serving server for the class of examples of your own."""
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.export.serving.client import ServingRequest, ask

    question = ServingRequest(address, model, inputs, protocol, signature, model_version, timeout)
    with stderr.status(f"asking {address}..."):
        answer = ask(question)
    if json:
        print_json(answer.as_json())
    else:
        _print(answer)


def _print(answer: "ServedAnswer") -> None:
    from rich import box
    from rich.table import Table

    classes = answer.classes()
    if classes is None:
        for name, array in answer.outputs.items():
            print(f"{name} {array.shape}: {array}")
        return
    table = Table("example", "class", "probability", box=box.SIMPLE_HEAD)
    table.columns[2].justify = "right"
    for name, class_name, probability in classes:
        table.add_row(name, class_name, f"{probability:.4f}")
    print(f"{answer.model.name}, version {answer.model.version}, {answer.signature.name}")
    screen.console(soft_wrap=True).print(table)
