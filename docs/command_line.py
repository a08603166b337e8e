"""python -m docs.command_line writes what the reference of the command line says of options, from the commands.

Names, kinds of values, defaults, order: all but the meaning, which the page may tell at greater length than `--help`
and with links; of an option that is new there, `--help`'s stands. Writes the list of commands likewise.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

import typer.main

from twotrack.shared.cli import app

PAGE = Path(__file__).parent / "reference" / "cli.md"
COMMANDS = typer.main.get_command(app).commands
TABLE = re.compile(r"(?P<head>^\| option \|[^\n]*\n\|[-|]+\|\n)(?P<rows>(?:\|[^\n]*\n)*)", re.MULTILINE)
ROW = re.compile(r"^\| `(?P<name>--[\w-]+)[^`]*`(?:, `--[\w-]+`)? \|(?P<rest>.*)\|$", re.MULTILINE)
DEFAULT = re.compile(r" ?\[default: (?P<text>[^]]*)\]")


def written(page: str) -> str:
    """Return the page with the tables of all options as the commands have them."""
    for name, command in COMMANDS.items():
        head, section = page.split(f"\n## twotrack {name}\n", 1)
        section, *behind = re.split(r"(?=\n## )", section, maxsplit=1)
        options = [one for one in command.params if one.param_type_name == "option"]
        section = TABLE.sub(partial(_table, options), section, count=1)
        page = "".join([head, f"\n## twotrack {name}\n", section, *behind])
    return page


def _table(options: list[Any], found: re.Match[str]) -> str:
    said = {row["name"]: [cell.strip() for cell in row["rest"].split(" | ")] for row in ROW.finditer(found["rows"])}
    has_defaults = "| default |" in found["head"]
    return found["head"] + "".join(_row(one, said.get(one.opts[0]), has_defaults) for one in options)


def _row(option: Any, said: list[str] | None, has_defaults: bool) -> str:
    """Return the row of an option; `said` are the page's own cells behind the name."""
    help_text = option.help or ""
    meaning = said[-1] if said else DEFAULT.sub("", help_text).rstrip(".")
    cells = [f"`{_name(option)}`", *([_default(option, said)] if has_defaults else []), meaning]
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |")


def _name(option: Any) -> str:
    names = "/".join([option.opts[0], *option.secondary_opts[:1]])
    if option.is_flag:
        return names
    kind = option.metavar or f"<{option.type_descriptor.annotation.__name__.lower()}>"
    return f"{names} {kind}".replace("|", r"\|")


def _default(option: Any, said: list[str] | None) -> str:
    """Return a default as it is typed; in words where the command finds it out."""
    if option.default in (None, False, "") or callable(option.default):
        told = DEFAULT.search(option.help or "")
        return said[0] if said and len(said) > 1 else told["text"] if told else ""
    if option.is_flag:
        return f"`{option.opts[0]}`"
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
