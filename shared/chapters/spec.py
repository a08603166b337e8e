"""The frozen description of a chapter. Framework-free, and light: listing chapters loads no NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args, get_type_hints

from shared.errors import UserError, unknown
from shared.training import Recipe


@dataclass(frozen=True)
class Chapter:
    """One topic with its model: what is learned, from which data, judged how."""

    slug: str
    title: str
    dataset: str
    """Name of the data set in shared.datasets."""
    config: Any
    """Frozen dataclass with the model's hyperparameters, at the seed chapter's values."""
    recipes: Mapping[str, Recipe]
    metric: str
    """Name in shared.metrics; larger is better."""
    margin: float
    """Two tracks whose metric differs by less than this are the same for a reader's purpose."""
    input_shape: tuple[int, ...]
    """One example as the model gets it, channels last."""

    def recipe(self, name: str) -> Recipe:
        """Return the named recipe; UserError with the nearest name otherwise."""
        if name not in self.recipes:
            raise unknown("recipe", name, self.recipes, f"'{self.slug}' has: {', '.join(self.recipes)}.")
        return self.recipes[name]

    def configure(self, settings: Mapping[str, str]) -> Any:
        """Return the config with `settings` (name to text, as typed) applied.

        Raises UserError for an unknown name or a value that the field does not take.
        """
        hints = get_type_hints(type(self.config), include_extras=True)
        known = [field.name for field in fields(self.config)]
        values = {}
        for name, text in settings.items():
            if name not in known:
                raise unknown(f"setting of {self.slug}", name, known)
            values[name] = _parse(f"{self.slug}: {name}", text, hints[name])
        return replace(self.config, **values)


def _parse(what: str, text: str, hint: Any) -> Any:
    """Turn typed text into the value of a config field annotated with `hint`."""
    choices = get_args(hint)
    if choices and all(isinstance(choice, str) for choice in choices):
        if text not in choices:
            raise unknown(f"value for {what}", text, choices)
        return text
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(hint).validate_strings(text)
    except ValidationError as error:
        raise UserError(f"{what}: {error.errors()[0]['msg'].lower()}; found '{text}'.") from error
