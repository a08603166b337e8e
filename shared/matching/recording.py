"""What one model computed, unit by unit, kept as arrays: the other side of the search."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from pydantic.dataclasses import dataclass

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.matching.drawing import Drawn, constants
from twotrack.shared.matching.signature import Signature, Signatures, signature
from twotrack.shared.spec.units import Arrays, Bystander, Call, Side, Unit

CALLS = 4
"""Of one unit that are kept; a layer that is used more often is known by its first uses."""
VALUES = 12
"""Inside a unit that are kept, the first ones: there may be what the other model's unit gives, before it is scaled."""
SEED = 20_011


@dataclass(config=WITH_ARRAYS)
class RecordedCall:
    """What a unit was given and what it gave, followed by values inside it."""

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]


@dataclass(config=WITH_ARRAYS)
class RecordedUnit:
    """A unit and its calls."""

    path: str
    kind: str
    is_leaf: bool
    order: int
    """Of its first call among all units'; -1 if it was not called."""
    weights: dict[str, str]
    calls: list[RecordedCall]


@dataclass(config=WITH_ARRAYS)
class Recording:
    """One run of a model on drawn weights."""

    units: list[RecordedUnit]
    """In the order of their first calls; those that were not called come first."""
    weights: dict[str, np.ndarray]
    """By name, in the model's own layout."""
    outputs: list[np.ndarray]
    seen: list[np.ndarray]
    """Signatures (4,) of the values of all operations, as far as the framework shows them."""
    without_effect: list[str]
    """Weights that no output depends on."""
    constants: list[str]
    """Weights that were not drawn: they are what the model was built with."""


class _Recorder(Bystander):
    """Keeps all calls of a run."""

    def __init__(self) -> None:
        super().__init__(wants_operations=True)
        self.order: dict[str, int] = {}
        self.calls: defaultdict[str, list[RecordedCall]] = defaultdict(list)
        self.seen: list[Signature] = []
        self._inside: list[tuple[Call, Arrays]] = []
        """The calls that are being made, with the values inside them."""

    def enter(self, call: Call) -> None:
        self.order.setdefault(call.unit.path, len(self.order))
        if call.number < CALLS:
            _ = call.inputs  # before the call may change them in place
        self._inside.append((call, []))

    def leave(self, call: Call, outputs: Callable[[], Arrays]) -> None:
        _, inside = self._inside.pop()
        if len(self.calls[call.unit.path]) < CALLS:
            self.calls[call.unit.path].append(RecordedCall(call.inputs, _with_values(outputs(), inside)))

    def saw(self, value: np.ndarray) -> None:
        self.seen.append(signature(value))
        if self._inside and self._inside[-1][0].unit.is_leaf and len(self._inside[-1][1]) < VALUES:
            self._inside[-1][1].append(value)


def _with_values(outputs: Arrays, inside: Arrays) -> Arrays:
    """Return what a unit gave, then the values inside it that are none of these."""
    known = Signatures([signature(output) for output in outputs])
    return outputs + [value for value in inside if signature(value) not in known]


def record(side: Side, seed: int = SEED) -> Recording:
    """Give a model drawn weights, run it once and return what it computed."""
    kept = constants(side)
    weights = Drawn(seed).add(side.built, kept).weights
    side.assign(weights)
    recorder = _Recorder()
    outputs = side.run(recorder)
    units = sorted((_recorded(unit, recorder) for unit in side.units), key=lambda unit: unit.order)
    return Recording(units, weights, outputs, list(recorder.seen), side.without_effect(), sorted(kept))


def _recorded(unit: Unit, recorder: _Recorder) -> RecordedUnit:
    order, calls = recorder.order.get(unit.path, -1), recorder.calls.get(unit.path, [])
    return RecordedUnit(unit.path, unit.kind, unit.is_leaf, order, dict(unit.weights), calls)
