"""What a track has for the ledger's entries: a measurement for each, and a function for each that it switches."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from twotrack.shared.ledger.measured import Measured

Measurement = Callable[[], Measured]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class SwitchPoint(dict[str, Callable[Arguments, Result]], Generic[Arguments, Result]):
    """The functions that switch entries at one point of a track's set-up, by slug, in the order of their files."""

    def switches(
        self, measurement: Measurement
    ) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
        """Return a decorator for the function that switches the entry of a measurement; ValueError for a second one."""

        def register(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
            return _add(self, measurement.__name__, function)

        return register


class FrameworkDefaults:
    """What one framework does by default: measured, and switched on again."""

    def __init__(self) -> None:
        self.measurements: dict[str, Measurement] = {}
        """By the slug of the entry, which is the function's name."""
        self.switch_points: list[SwitchPoint[..., Any]] = []

    def measures(self, function: Measurement) -> Measurement:
        """Decorate the measurement of the entry of its name; ValueError for a second one."""
        return _add(self.measurements, function.__name__, function)

    def switch_point(self, point: SwitchPoint[Arguments, Result]) -> SwitchPoint[Arguments, Result]:
        """Add a point at which entries are switched."""
        self.switch_points.append(point)
        return point

    @property
    def switched(self) -> list[str]:
        """Slugs of the entries that the track switches by a function."""
        return [slug for point in self.switch_points for slug in point]


Function = TypeVar("Function", bound=Callable[..., Any])


def _add(functions: dict[str, Function], slug: str, function: Function) -> Function:
    if slug in functions:
        raise ValueError(f"entry {slug} of the ledger has two functions: {functions[slug]} and {function}; keep one.")
    functions[slug] = function
    return function
