"""What a word of the command line must be before anything is made of it: text, and no empty name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperGroup

from twotrack.shared.errors import LONGEST, UserError

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter


class Group(TyperGroup):
    """Refuses other words by the name of their option, whatever the command."""

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        """Return the command and its words; UserError for one that no command could take."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _require_words(command, ctx, rest)
        return name, command, rest


def _require_words(command: "Command", context: "Context", words: Sequence[str]) -> None:
    try:
        given = command.make_parser(typer.Context(command, parent=context)).parse_args(list(words))[0]
    except UsageError:  # the command itself says what is wrong
        return
    for parameter in command.params:
        title = parameter.opts[0] if parameter.param_type_name == "option" else (parameter.name or "").upper()
        for word in _texts(given.get(parameter.name)):
            if not word.isascii():
                _require_text(word, title)
            if not word and _names_something(parameter):
                raise UserError(f"{title}: expected a name, found ''; give one, or leave {title} out.")


def _texts(value: Any) -> Iterator[str]:
    """Yield the words that were given for a parameter."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _require_text(word: str, title: str) -> None:
    """Raise UserError for bytes that are no text, which no record, page or message could hold."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{title}: expected a name in UTF-8, found {word[:LONGEST]!r}; rename what it names."
        ) from error


def _names_something(parameter: "Parameter") -> bool:
    """Tell whether a parameter is a path, or an option of text that is empty only if it is left out.

    `Path("")` is the current folder, and an empty text would pass for none.
    """
    annotation = getattr(parameter, "type_descriptor").annotation  # noqa: B009 - typer's own, which click has not
    kinds = {annotation, *get_args(annotation)}
    return Path in kinds or (str in kinds and parameter.param_type_name == "option")
