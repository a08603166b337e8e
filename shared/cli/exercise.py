"""twotrack exercise."""

from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.exercises.spec import Exercise


def exercise(
    chapter: Annotated[str, typer.Argument(help="A page of the chapters, such as mnist_cnn or convolution.")],
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="An exercise; all of the page if left out.")
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NUMBER",
            help="Your answer: a number, or a Python file whose function build() returns your model.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """List the exercises of a page; judge an answer, by measuring a number again, or a model by the ladder.

    A wrong answer gets a hint of what was measured, and exit code 1.
    """
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.errors import UserError
    from twotrack.shared.exercises import exercise as of_number
    from twotrack.shared.exercises import exercises
    from twotrack.shared.exercises.marking import mark

    if check is None:
        shown = enumerate(exercises(chapter), start=1) if number is None else [(number, of_number(chapter, number))]
        _show(dict(shown), json)
        return
    if number is None:
        raise UserError("--check: expected the number of an exercise beside it; leave it out to list them.")
    outcome = mark(chapter, number, check, options.lent_pool())
    if json:
        print_json(outcome.model_dump())
    else:
        print(outcome)
    raise typer.Exit(0 if outcome.right else 1)


def _show(shown: "dict[int, Exercise]", json: bool) -> None:
    """Print exercises with what to give, by number."""
    from twotrack.shared.cli.console import print_json

    if json:
        print_json([{"number": number, "title": one.title, "give": one.give} for number, one in shown.items()])
        return
    for number, one in shown.items():
        print(f"{number}. {one.title}\n   give {one.give}")
