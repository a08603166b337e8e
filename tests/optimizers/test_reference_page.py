"""docs/reference/optimizers.md and twotrack.shared.spec.optimizers tell of the same optimizers and defaults."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from twotrack.shared.spec.optimizers import OPTIMIZERS, Optimizer

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
    assert listed == {one.name: str(one.default) for one in fields(make) if one.name != "learning_rate"}


@pytest.mark.parametrize("make", CLASSES, ids=lambda make: make.__name__)
def test_the_formula_is_the_one_of_the_code(make: type) -> None:
    documented = re.search(r"```\n(.*?)```", _section(make.__name__), re.DOTALL)
    lines = [line.strip() for line in documented[1].splitlines()] if documented else []
    code = [line.strip() for line in make.__doc__.splitlines()]
    assert [line for line in lines if line not in code] == []
    assert bool(lines) == any(line.startswith("w -=") for line in code)
