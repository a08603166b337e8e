"""What a track has for the ledger's entries: a measurement for each, and a function for each that it switches."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from twotrack.shared.ledger.measured import Measured

Measurement = Callable[[], Measured]
Given = ParamSpec("Given")
Returned = TypeVar("Returned")


class Stage(dict[str, Callable[Given, Returned]], Generic[Given, Returned]):
    """The functions that switch entries at one point of a track's set-up, by slug, in the order of their files."""

    def switches(self, measurement: Measurement) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]:
        """Return a decorator for the function that switches the entry of a measurement; ValueError for a second one."""

        def register(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
            return _add(self, measurement.__name__, function)

        return register


class Defaults:
    """What one framework does by default: measured, and switched on again."""

    def __init__(self) -> None:
        self.measurements: dict[str, Measurement] = {}
        """By the slug of the entry, which is the function's name."""
        self.stages: list[Stage[..., Any]] = []

    def measures(self, function: Measurement) -> Measurement:
        """Decorate the measurement of the entry of its name; ValueError for a second one."""
        return _add(self.measurements, function.__name__, function)

    def stage(self, stage: Stage[Given, Returned]) -> Stage[Given, Returned]:
        """Add a point at which entries are switched."""
        self.stages.append(stage)
        return stage

    @property
    def switched(self) -> list[str]:
        """Slugs of the entries that the track switches by a function."""
        return [slug for stage in self.stages for slug in stage]


Function = TypeVar("Function", bound=Callable[..., Any])


def _add(functions: dict[str, Function], slug: str, function: Function) -> Function:
    if slug in functions:
        raise ValueError(f"entry {slug} of the ledger has two functions: {functions[slug]} and {function}; keep one.")
    functions[slug] = function
    return function
