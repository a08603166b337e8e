"""A sweep: the comparisons that chapters, recipes and settings make with each other, and its plan on disk.

Each comparison is one as `compare` makes it, in a folder of its own with its own plan. The sweep's plan says only which
there are, and its lock keeps two commands from one sweep.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator

from twotrack.shared.base import ordinary
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.runs import plans
from twotrack.shared.runs.comparison import TrainingRequest
from twotrack.shared.runs.records import SCHEMA_VERSION
from twotrack.shared.spec.track import DEFAULT_TRACKS

PLAN = "sweep.json"
MOST = 500
"""Comparisons of a sweep. Each has a plan whose lock is held, and a report."""
Value = bool | int | float | str


class SweepSpec(FrozenRecord):
    """What is varied."""

    chapters: list[str] = Field(min_length=1)
    tracks: list[str] = Field(list(DEFAULT_TRACKS), min_length=1)
    seeds: int | list[int] = 1
    """So many, 0, 1, ..., or those."""
    recipes: list[str] = Field(["fast"], min_length=1)
    settings: dict[str, list[Value]] = Field(default_factory=dict)
    """Values by the name of a setting, as --set has it."""

    @field_validator("settings", mode="before")
    @classmethod
    def _as_lists(cls, settings: object) -> object:
        """Let one value stand for a list of it."""
        if not isinstance(settings, Mapping):
            return settings
        return {name: values if isinstance(values, list) else [values] for name, values in settings.items()}

    def points(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Yield chapter, recipe and settings of each comparison."""
        for chapter, recipe, values in product(self.chapters, self.recipes, product(*self.settings.values())):
            yield chapter, recipe, dict(zip(self.settings, map(_text, values), strict=True))


def _text(value: Value) -> str:
    """Return a value as --set has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read(file: Path) -> SweepSpec:
    """Read a file of TOML, or of YAML by its ending; UserError if it is no sweep."""
    try:
        text = ordinary.text_of(file)
        content = yaml.safe_load(text) if file.suffix in (".yaml", ".yml") else tomllib.loads(text)
        return SweepSpec.model_validate(content)
    except OSError as error:
        raise UserError(f"cannot read '{file}': {(error.strerror or str(error)).lower()}.") from error
    except ValidationError as error:
        raise UserError(f"'{file}' is no sweep: {first_error(error)}.") from error
    except (tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"'{file}' is neither TOML nor YAML: {' '.join(str(error).split())}.") from error


class SweepPlan(FrozenRecord):
    """sweep.json."""

    schema_version: int
    """Of the run records that it leads to."""
    comparisons: dict[str, TrainingRequest]
    """By the names of their folders."""


def named(folder: Path, requests: Sequence[TrainingRequest]) -> dict[Path, TrainingRequest]:
    """Return the requests by their comparisons' folders below that of the sweep; UserError for too many."""
    if len(requests) > MOST:
        raise UserError(f"expected at most {MOST} comparisons in a sweep, found {len(requests)}; make several sweeps.")
    return {
        folder / f"{number:03d}_{request.chapter}_{request.recipe}": request
        for number, request in enumerate(requests, start=1)
    }


@contextmanager
def begin(folder: Path, comparisons: Mapping[Path, TrainingRequest]) -> Iterator[int]:
    """Write the plan of a new sweep and hold its lock; yield the descriptor that has it. No run, no plan."""
    plan = SweepPlan(
        schema_version=SCHEMA_VERSION,
        comparisons={one.name: plans.absolute(request) for one, request in comparisons.items()},
    )
    with plans.locked_from_start(folder / PLAN, plan) as stream:
        try:
            yield stream.fileno()
        finally:
            if not any((one / plans.PLAN).exists() for one in comparisons):
                (folder / PLAN).unlink(missing_ok=True)


@contextmanager
def resume(folder: Path) -> Iterator[int]:
    """Hold the lock of a sweep; UserError if there is none, or somebody is at work on it."""
    stored(folder)
    with plans.locked(folder / PLAN) as stream:
        yield stream.fileno()


def stored(folder: Path) -> dict[Path, TrainingRequest]:
    """Return the requests of the sweep in `folder`; UserError if it has no plan that can be read."""
    file = folder / PLAN
    try:
        plan = SweepPlan.model_validate_json(ordinary.text_of(file))
    except OSError as error:
        raise UserError(f"'{folder}' holds no sweep: it has no {PLAN}; name a folder that 'sweep' has made.") from error
    except (UnicodeDecodeError, ValidationError) as error:
        reason = first_error(error) if isinstance(error, ValidationError) else error
        raise UserError(f"'{file}' is no plan of a sweep: {reason}; start a new sweep.") from error
    return {folder.absolute() / name: request for name, request in plan.comparisons.items()}
