"""What the project's records, which are written to files and read again, have in common."""

from pydantic import BaseModel, ConfigDict

WITH_ARRAYS = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
"""Of a dataclass with NumPy arrays that pydantic reads."""


class FrozenRecord(BaseModel):
    """A record that nobody changes, and that has no field beside those that it names."""

    model_config = ConfigDict(frozen=True, extra="forbid")
