"""A published network's config.json, read into a model of what is known of it; what else it says is ignored."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError, first_error

Config = TypeVar("Config", bound=BaseModel)


def read_config(model: type[Config], file: Path, remedy: str) -> Config:
    """Return what the file says; UserError, which ends in the imperative phrase `remedy`, if it does not fit."""
    try:
        return model.model_validate_json(ordinary.bytes_of(file))
    except OSError as error:
        reason = error.strerror
    except ValidationError as error:
        reason = str(first_error(error))
    raise UserError(f"{file}: {reason}; {remedy}.")
