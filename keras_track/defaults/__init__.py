"""What Keras does by default: one measurement for every entry of the ledger, under the entry's slug."""

import inspect
from collections.abc import Callable

from twotrack.keras_track.defaults import (
    initialisation,
    layers,
    loop,
    losses,
    optimizers,
    precision,
    recurrent,
    schedules,
)
from twotrack.shared.differences.measured import Measured

_MODULES = (layers, recurrent, initialisation, losses, optimizers, schedules, loop, precision)

MEASUREMENTS: dict[str, Callable[[], Measured]] = {
    name: function
    for module in _MODULES
    for name, function in vars(module).items()
    if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
}
"""By the slug of the ledger's entry, which is the function's name."""
