"""Whether a map that was found, or edited, is right: with the recorded weights a model gives what was recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from twotrack.shared.matching import values
from twotrack.shared.matching.drawing import Drawn, constants
from twotrack.shared.matching.recording import RecordedUnit, Recording
from twotrack.shared.matching.state import Difference
from twotrack.shared.matching.watching import SEED, Table
from twotrack.shared.spec.units import Arrays, Bystander, Call, Side
from twotrack.shared.weights.correspondence.rule import WeightRule


@dataclass(frozen=True)
class Checked:
    """What a check of a map showed."""

    is_proved: bool
    """Whether the outputs are the recorded ones."""
    difference: Difference | None
    """The first place where they part, if one was seen."""


def check(side: Side, recording: Recording, rules: Mapping[str, WeightRule]) -> Checked:
    """Give the live model recorded weights by rules and compare what it computes, unit by unit.

    Weights without a rule are drawn: a map that leaves out what matters is not proved. Raises BridgeError for a rule
    that does not fit the recorded weights.
    """
    weights = Drawn(SEED).add(side.built, constants(side)).weights
    for name, rule in rules.items():
        weights[name] = rule.to_canonical([recording.weights[source] for source in rule.sources])
    side.assign(weights)
    comparison = _Comparison(rules, Table(recording))
    outputs = side.run(comparison)
    theirs = recording.outputs
    proved = len(outputs) == len(theirs) and all(map(values.same, outputs, theirs))
    return Checked(proved, None if proved else comparison.first)


class _Comparison(Bystander):
    """Compares every leaf with the recorded unit that its weights are of."""

    def __init__(self, rules: Mapping[str, WeightRule], table: Table):
        super().__init__()
        self.rules, self.table, self.last = rules, table, ""
        self.first: Difference | None = None

    def leave(self, call: Call, outputs: Callable[[], Arrays]) -> np.ndarray | None:
        """Note the first unit whose input or output is not the recorded one."""
        unit = self._partner(call)
        if self.first is None and unit is not None and unit.calls and call.inputs:
            self._compare(call, unit, outputs() + call.alone(None))
        return None

    def _partner(self, call: Call) -> RecordedUnit | None:
        """Return the recorded unit whose weights, all of them, the live unit has."""
        rules = [self.rules[name] for name in call.unit.weights.values() if name in self.rules]
        sources = {source for rule in rules for source in rule.sources}
        if not sources or not call.unit.is_leaf:
            return None
        return next((u for u in self.table.leaves if sources == set(u.weights.values())), None)

    def _compare(self, call: Call, unit: RecordedUnit, outputs: Arrays) -> None:
        given, theirs = [one.inputs[0] for one in unit.calls], [value for one in unit.calls for value in one.outputs]
        is_part = any(rule.part for rule in map(self.rules.get, call.unit.weights.values()) if rule)
        if not values.any_same(call.inputs[:1], given):
            self._note(call, unit, False, values.nearest(call.inputs[:1], given))
        elif not is_part and not values.any_same(outputs, theirs):
            self._note(call, unit, True, values.nearest(outputs, theirs))
        else:
            self.last = unit.path

    def _note(self, call: Call, unit: RecordedUnit, inside: bool, size: float) -> None:
        self.first = Difference(self.last, unit.path, call.unit.path, inside, size)
