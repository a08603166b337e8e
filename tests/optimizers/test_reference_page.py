"""docs/reference/optimizers.md and twotrack.shared.spec.optimizers tell of the same optimizers and defaults."""

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

import pytest

from twotrack.shared.spec import schedules
from twotrack.shared.spec.optimizers import OPTIMIZERS, Optimizer
from twotrack.shared.spec.schedules import Schedule
from twotrack.shared.spec.update_options import Average, Clip, Group

PAGE = (Path(__file__).parents[2] / "docs/reference/optimizers.md").read_text()
CLASSES = get_args(Optimizer)


def _section(name: str) -> str:
    return PAGE.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]


def test_every_name_is_listed_with_its_class_and_learning_rate() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ([\d.]+) \|", PAGE, re.MULTILINE)
    listed = {name: float(rate) for name, _, rate in rows}
    assert listed == {name: spec.learning_rate for name, spec in OPTIMIZERS.items()}


@pytest.mark.parametrize("make", CLASSES, ids=lambda make: make.__name__)
def test_every_hyperparameter_is_listed_with_its_default(make: type) -> None:
    table = re.search(r"\| hyperparameter \| default \|\n\|---\|---\|\n((?:\|.*\n)+)", _section(make.__name__))[1]
    listed = dict(re.findall(r"^\| (\w+) \| (.*?) \|$", table, re.MULTILINE))
    own = [one for one in fields(make) if not one.kw_only and one.name != "learning_rate"]
    assert listed == {one.name: str(one.default) for one in own}


@pytest.mark.parametrize("make", CLASSES, ids=lambda make: make.__name__)
def test_the_formula_is_the_one_of_the_code(make: type) -> None:
    documented = re.search(r"```\n(.*?)```", _section(make.__name__), re.DOTALL)
    lines = [line.strip() for line in documented[1].splitlines()] if documented else []
    code = [line.strip() for line in make.__doc__.splitlines()]
    assert [line for line in lines if line not in code] == []
    assert bool(lines) == any(line.startswith("w -=") for line in code)


def test_every_schedule_is_listed_with_its_defaults_and_every_name_with_its_schedule() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/schedules.md").read_text()
    for kind in get_args(Schedule):
        given = ", ".join(one.name if one.default is MISSING else f"{one.name}={one.default}" for one in fields(kind))
        assert f"| `{kind.__name__}({given})` |".replace("0.0001", "1e-4") in page, kind.__name__
    named = dict(re.findall(r"^\| `(\w+)` \| `(.*)` \|$", page, re.MULTILINE))
    assert {name: eval(text, vars(schedules)) for name, text in named.items()} == schedules.SCHEDULES


def test_every_option_is_named() -> None:
    for kind in (*get_args(Clip), *get_args(Average), Group):
        assert f"`{kind.__name__}(" in PAGE, kind.__name__
