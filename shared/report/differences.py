"""What the ledger's measurements found: as a table, as Markdown, as data."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twotrack.shared.differences.measuring import REFERENCE, MeasuredEntry
from twotrack.shared.ledger.measured import Measured

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("difference", "Keras", "torch", "effect", "aligned", "how the aligned profile removes it")


def differences_table(outcomes: Sequence[MeasuredEntry]) -> "Table":
    """Return a table for the terminal, one row per entry; a section per area."""
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(name, overflow="fold") for name in COLUMNS))
    for place, outcome in enumerate(outcomes):
        following = outcomes[place + 1 :]
        ends = bool(following) and following[0].entry.area != outcome.entry.area
        table.add_row(*(Text("\n".join(cell)) for cell in _cells(outcome)), end_section=ends)
    return table


def differences_markdown(outcomes: Sequence[MeasuredEntry]) -> str:
    """Return the same table as docs/reference/differences.md has it, with a heading per area."""
    lines: list[str] = []
    for area in dict.fromkeys(outcome.entry.area for outcome in outcomes):
        lines += [f"## {area.capitalize()}", "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        rows = [_cells(outcome) for outcome in outcomes if outcome.entry.area == area]
        lines += [f"| {' | '.join('<br>'.join(cell).replace('|', '&#124;') for cell in cells)} |" for cells in rows]
        lines.append("")
    return "\n".join(lines)


def _cells(outcome: MeasuredEntry) -> list[list[str]]:
    """Return the lines of every cell."""
    name = [outcome.entry.name, *(f"(with {settings})" for settings in outcome.settings)]
    if outcome.missing:
        return [name, [f"not measured: needs {', '.join(outcome.missing)}"], [], [], [], [outcome.entry.aligned]]
    effects = {track: _number(outcome.effect(track)) for track in outcome.keras}
    remaining = {track: _number(outcome.remaining(track)) for track in outcome.keras}
    return [
        name,
        _by_track({track: _values(measured) for track, measured in outcome.keras.items()}),
        _values(outcome.torch or Measured()),
        [*_by_track({track: [text] for track, text in effects.items()}), *_of(outcome, effects)],
        _by_track({track: [text] for track, text in remaining.items()}),
        [outcome.entry.aligned],
    ]


def _of(outcome: MeasuredEntry, effects: Mapping[str, str]) -> list[str]:
    return [outcome.entry.effect.name] if any(text != "-" for text in effects.values()) else []


def _by_track(cells: Mapping[str, list[str]]) -> list[str]:
    """Say it once if all tracks say the same, else behind each track's name."""
    if len(cells) == 1 or len({tuple(lines) for lines in cells.values()}) == 1:
        return next(iter(cells.values()))
    return [line for track, lines in cells.items() for line in (f"{track}:", *lines)]


def _values(measured: Measured) -> list[str]:
    if measured.error:
        return [measured.error]
    return [f"{label}: {_value(value)}" for label, value in measured.values.items()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def differences_json(chapter: str | None, outcomes: Sequence[MeasuredEntry]) -> dict[str, Any]:
    """Return the same as JSON-ready data."""
    return {
        "chapter": chapter,
        "as_expected": not any(outcome.problems for outcome in outcomes),
        "differences": [_json(outcome) for outcome in outcomes],
    }


def _json(outcome: MeasuredEntry) -> dict[str, Any]:
    entry = outcome.entry
    sides = {**outcome.keras, **({REFERENCE: outcome.torch} if outcome.torch else {})}
    return {
        "slug": entry.slug,
        "name": entry.name,
        "area": entry.area,
        "measured": {track: dict(measured.values) for track, measured in sides.items()},
        "expected": {track: dict(entry.expected(track)) for track in sides},
        "effect_is": entry.effect.name if any(measured.output for measured in sides.values()) else None,
        "effect": {track: outcome.effect(track) for track in outcome.keras},
        "aligned_effect": {track: outcome.remaining(track) for track in outcome.keras},
        "aligned": entry.aligned,
        "fix": entry.fix,
        "only_with": list(outcome.settings),
        "not_installed": list(outcome.missing),
        "problems": outcome.problems,
    }
