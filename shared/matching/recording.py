"""What one model computed, unit by unit, kept as arrays: the other side of the search."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from twotrack.shared.matching.side import Arrays, Bystander, Call, Drawn, Side, Unit
from twotrack.shared.matching.signature import Signature, signature

CALLS = 4
"""Of one unit that are kept; a layer that is used more often is known by its first uses."""
SEED = 20_011


@dataclass(config=ConfigDict(arbitrary_types_allowed=True))
class RecordedCall:
    """What a unit was given and what it gave."""

    inputs: list[Any]
    outputs: list[Any]


@dataclass(config=ConfigDict(arbitrary_types_allowed=True))
class RecordedUnit:
    """A unit and its calls."""

    path: str
    kind: str
    is_leaf: bool
    order: int
    """Of its first call among all units'; -1 if it was not called."""
    weights: dict[str, str]
    calls: list[RecordedCall]


@dataclass(config=ConfigDict(arbitrary_types_allowed=True))
class Recording:
    """One run of a model on drawn weights."""

    units: list[RecordedUnit]
    """In the order of their first calls; those that were not called come first."""
    weights: dict[str, Any]
    """By name, in the model's own layout."""
    outputs: list[Any]
    seen: list[Any]
    """Signatures (4,) of the values of all operations, as far as the framework shows them."""
    without_effect: list[str]
    """Weights that no output depends on."""


class _Recorder(Bystander):
    """Keeps all calls of a run."""

    def __init__(self) -> None:
        super().__init__(wants_operations=True)
        self.order: dict[str, int] = {}
        self.calls: defaultdict[str, list[RecordedCall]] = defaultdict(list)
        self.seen: list[Signature] = []

    def enter(self, call: Call) -> None:
        self.order.setdefault(call.unit.path, len(self.order))
        if call.number < CALLS:
            _ = call.inputs  # before the call may change them in place

    def leave(self, call: Call, outputs: Callable[[], Arrays]) -> None:
        if len(self.calls[call.unit.path]) < CALLS:
            self.calls[call.unit.path].append(RecordedCall(call.inputs, outputs()))

    def saw(self, value: np.ndarray) -> None:
        self.seen.append(signature(value))


def record(side: Side, seed: int = SEED) -> Recording:
    """Give a model drawn weights, run it once and return what it computed."""
    kept = frozenset(name for name in side.statistics if not _is_drawn(side.built[name]))
    weights = Drawn(seed).add(side.built, kept).weights
    side.assign(weights)
    recorder = _Recorder()
    outputs = side.run(recorder)
    units = sorted((_recorded(unit, recorder) for unit in side.units), key=lambda unit: unit.order)
    return Recording(units, weights, outputs, list(recorder.seen), side.without_effect())


def _is_drawn(built: np.ndarray) -> bool:
    """Tell whether a statistic may be drawn: one that is built as zeros or ones is no constant of the model's."""
    return bool((built == 0).all() or (built == 1).all())


def _recorded(unit: Unit, recorder: _Recorder) -> RecordedUnit:
    order, calls = recorder.order.get(unit.path, -1), recorder.calls.get(unit.path, [])
    return RecordedUnit(unit.path, unit.kind, unit.is_leaf, order, dict(unit.weights), calls)
