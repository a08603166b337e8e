"""A published network's config.json, read into a model of what is known of it; what else it says is ignored."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from twotrack.shared.errors import UserError

Config = TypeVar("Config", bound=BaseModel)


def read_config(model: type[Config], file: Path, remedy: str) -> Config:
    """Return what the file says; UserError, which ends in the imperative phrase `remedy`, if it does not fit."""
    try:
        return model.model_validate_json(file.read_bytes())
    except OSError as error:
        reason = error.strerror
    except ValidationError as error:
        reason = _first(error)
    raise UserError(f"{file}: {reason}; {remedy}.")


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong in one line."""
    found = error.errors()[0]
    if not found["loc"]:
        return found["msg"].removeprefix("Value error, ")
    shown = "" if found["type"] == "missing" else f", found {str(found['input'])[:60]!r}"
    return f"'{found['loc'][0]}': {found['msg'].lower()}{shown}"
