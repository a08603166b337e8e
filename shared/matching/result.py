"""What a search found: a rule for each weight and how it was decided, what is left, and where the models differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twotrack.shared.matching.state import Difference, How, Observation
from twotrack.shared.matching.watching import Runner
from twotrack.shared.weights.correspondence.rule import WeightRule


@dataclass(frozen=True)
class FoundWeight:
    """One live weight and what it is made of."""

    rule: WeightRule
    how: How


@dataclass(frozen=True)
class Match:
    """What was found of one pair of models."""

    weights: Mapping[str, FoundWeight]
    """By live weight, in the live model's order."""
    live_left: tuple[str, ...]
    """Live weights without a rule, on which the outputs may depend."""
    recorded_left: tuple[str, ...]
    recorded_surplus: tuple[str, ...]
    """Of those that are left: the biases and scales of units whose live partners have none."""
    live_unused: tuple[str, ...]
    """Weights without a counterpart on which the outputs do not depend."""
    recorded_unused: tuple[str, ...]
    differences: tuple[Difference, ...]
    """Where the models differ, in order."""
    stuck: str
    """The first recorded unit that was not found; empty if all that matters was."""
    equivalent: tuple[tuple[str, ...], ...]
    """Units that may change places: nothing but their names says which is which."""
    is_proved: bool
    """Whether the live model with these weights gives the recorded outputs."""
    seconds: float
    runs: int

    @property
    def is_whole(self) -> bool:
        """Whether every weight that matters was found and the outputs are the same."""
        return self.is_proved and not self.live_left and not self.recorded_left

    def rows(self) -> list[tuple[str, str, str]]:
        """Return a table: weight, what it is made of, how that was decided."""
        return [(name, str(found.rule), found.how) for name, found in self.weights.items()]


def result(runner: Runner, seen: Observation, equivalent: Sequence[tuple[str, ...]], seconds: float) -> Match:
    """Return what a search has found."""
    state, recording = runner.state, runner.recording
    proved = runner.finished(seen.outputs) and not state.differences
    live = tuple(name for name in runner.side.built if name not in state.found)
    # a constant that the live model does not hold as a weight stands in its code
    recorded = tuple(name for name in recording.weights if name not in {*state.sources, *recording.constants})
    idle = {name for name in recorded if proved or name in recording.without_effect}
    return Match(
        weights={n: FoundWeight(state.found[n].rule, state.how[n]) for n in runner.side.built if n in state.found},
        live_left=() if proved else tuple(name for name in live if name not in state.idle),
        recorded_left=tuple(name for name in recorded if name not in idle),
        recorded_surplus=tuple(name for name in recorded if name in state.surplus),
        live_unused=tuple(name for name in live if proved or name in state.idle),
        recorded_unused=tuple(name for name in recorded if name in idle),
        differences=state.differences,
        stuck="" if proved else _stuck(runner),
        equivalent=tuple(equivalent),
        is_proved=proved,
        seconds=seconds,
        runs=runner.runs,
    )


def _stuck(runner: Runner) -> str:
    """Return the first recorded unit at which the models differ or that has no partner."""
    if runner.state.differences:
        return runner.state.differences[0].recorded
    left = (unit.path for unit in runner.table.leaves if unit.path not in runner.settled)
    return next(left, "")
