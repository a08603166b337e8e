"""What the project's records, which are written to files and read again, have in common."""

from pydantic import BaseModel, ConfigDict


class FrozenRecord(BaseModel):
    """A record that nobody changes, and that has no field beside those that it names."""

    model_config = ConfigDict(frozen=True, extra="forbid")
