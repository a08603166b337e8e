"""twotrack new-tests."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twotrack.shared.cli import options


def new_tests(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    name: Annotated[str | None, typer.Option(help="Name of the project [default: that of the folder].")] = None,
    tracks: Annotated[
        str, typer.Option(help="Keras tracks that its test compares with torch, separated by commas.")
    ] = "keras:torch",
    requirement: Annotated[
        str | None,
        typer.Option(
            "--twotrack",
            metavar="REQUIREMENT",
            help="How pip finds twotrack there [default: as it was installed here].",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a repository with a model in PyTorch, its port to Keras, a test that they are one, and its CI.

    To put your own models in, and to see how twotrack is used in a test suite.
    """
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.scaffold.repository import write

    own = name or folder.absolute().name
    wanted = tuple(track.strip() for track in tracks.split(",") if track.strip())
    written = write(folder, own, wanted, requirement)
    if json:
        print_json({**asdict(written), "folder": str(written.folder)})
        return
    print(f"{written.folder}:", *(f"  {file}" for file in written.files), sep="\n")
    print(*([f"note: {written.note}"] if written.note else []), f"next: cd {written.folder}", sep="\n")
    print("      pip install -e '.[test]' && python -m pytest")
