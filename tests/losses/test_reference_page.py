"""docs/reference/losses.md and the specs tell of the same losses, penalties, formulas and defaults."""

import inspect
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

import pytest

from twotrack.shared.spec.loss_specs import LOSSES, Divisor, Loss
from twotrack.shared.spec.regularisation import KINDS, Held

PAGE = (Path(__file__).parents[2] / "docs/reference/losses.md").read_text()
OF_ALL = {field.name for kind in (Loss, Held) for field in fields(kind)}


def _section(name: str) -> str:
    return PAGE.split(f"# {name}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]


@pytest.mark.parametrize("kind", [*LOSSES, *KINDS], ids=lambda kind: kind.__name__)
def test_the_formula_and_the_defaults_are_those_of_the_code(kind: type) -> None:
    section = _section(kind.__name__)
    assert inspect.cleandoc(kind.__doc__ or "") in section
    for field in fields(kind):
        if field.name not in OF_ALL:
            default = "required" if field.default is MISSING else repr(field.default)
            assert f"| {field.name} | {default} |" in section


def test_the_table_has_every_loss_and_every_track() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows[: len(LOSSES)]] == [kind.__name__ for kind in LOSSES]
    assert all(float(cell) <= 1e-12 for row in rows[: len(LOSSES)] for cell in row.strip("| ").split(" | ")[3:])


def test_every_divisor_is_told() -> None:
    assert all(f"| `{name}` |" in PAGE for name in get_args(Divisor))
