"""Finds which recorded weight is which live weight, in which layout, from the flow of values.

The other model's values were recorded once. The live model runs again and again; on the way every unit whose input was
recorded, and that alone gives what was recorded, gets the recorded weights. Where several units have one input, where
a recorded unit is fused or a weight belongs to no layer, what is likeliest is tried until something further on is fed.
Where nothing is, the models differ: the place is noted, the recorded value is fed, and the search goes on behind it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from time import process_time

import numpy as np

from twotrack.shared.matching import names, values
from twotrack.shared.matching.guesses import Guesser
from twotrack.shared.matching.recording import RecordedUnit, Recording
from twotrack.shared.matching.result import Match, result
from twotrack.shared.matching.state import Difference, Guess, Observation, State
from twotrack.shared.matching.watching import Runner
from twotrack.shared.spec.units import Call, Side

SECONDS = 120.0
"""Of the processor, after which a search takes no further guess."""


def match(side: Side, recording: Recording, by_name: bool = True, seconds: float = SECONDS) -> Match:
    """Find the recorded weights in a live model; `by_name` tries first what is alike by name."""
    search = Search(side, recording, by_name, seconds)
    search.search()
    return result(search.runner, search.seen, search.equivalent, search.seconds)


JOINT = 6
"""Guesses of each of two kinds that are tried together, and groups."""
SETTLING = 5.0
"""Of the processor, that go into the question whether a guess could have been another."""


@dataclass(frozen=True)
class _Branch:
    """A guess that was taken, and those that were left."""

    state: State
    seen: Observation
    rest: tuple[Guess, ...]


class Search:
    """A search and how far it has come."""

    def __init__(self, side: Side, recording: Recording, by_name: bool = True, seconds: float = SECONDS):
        self._start, self._limit = process_time(), seconds
        self.runner = Runner(side, recording)
        self._guesser = Guesser(self.runner, names.likeness if by_name else lambda one, other: 0.0)
        self._branches: list[_Branch] = []
        self._passed: set[str] = set()
        """Recorded units that nothing live was found for at a difference."""
        self.equivalent: list[tuple[str, ...]] = []
        """Units that could be assigned otherwise with the same outputs."""
        self._taken: list[tuple[_Branch, Guess]] = []
        self.seen = self.runner.run()

    @property
    def seconds(self) -> float:
        """How long it has kept the processor."""
        return process_time() - self._start

    def search(self) -> None:
        """Go on until the outputs are the recorded ones, or nothing helps any more."""
        while not self._is_finished() and self.seconds < self._limit:
            if not (self._guess() or self._go_back() or self._pass()):
                break
        self._settle()

    def _is_finished(self) -> bool:
        return self.runner.finished(self.seen.outputs)

    def _guess(self) -> bool:
        """Take the first guess with which something further on is fed; tell whether there was one."""
        seen = self.seen
        ways = (self._guesser.groups(seen), self._guesser.parts(seen), self._loose(seen), self._both(seen))
        for way in ways:
            for guesses in way:
                if self._take_one(guesses):
                    return True
        return False

    def _loose(self, seen: Observation) -> Iterator[list[Guess]]:
        yield self._guesser.loose(seen)
        yield self._guesser.constants(seen)

    def _both(self, seen: Observation) -> Iterator[list[Guess]]:
        """Yield guesses at two groups of units, or at one and at weights of no layer, together."""
        groups = [guesses[:JOINT] for guesses in self._guesser.groups(seen)][:JOINT]
        for one, other in combinations(groups, 2):
            if not {p.unit for g in one for p in g.placed} & {p.unit for g in other for p in g.placed}:
                yield [a.and_also(b) for a in one for b in other]
        loose = self._guesser.loose(seen)[:3]
        for guesses in [*self._guesser.groups(seen), *self._guesser.parts(seen)][:2]:
            yield [one.and_also(other) for other in loose for one in guesses]

    def _take_one(self, guesses: Iterable[Guess]) -> bool:
        """Try guesses in turn; take the first that leads on without a contradiction, or else one that leads on."""
        state, before, rest = self.runner.state.copy(), self.seen, list(guesses)
        fallback: tuple[Guess, list[Guess]] | None = None
        while rest and self.seconds < self._limit:
            guess = rest.pop(0)
            seen = self._try(guess, before)
            if seen is not None and not set(seen.conflicts) - set(before.conflicts):
                self._take(guess, seen, _Branch(state, before, tuple(rest)))
                return True
            if seen is not None and fallback is None:
                fallback = guess, list(rest)
            self.runner.go_to(state)
        if fallback is None:
            return False
        seen = self._try(fallback[0], before)
        assert seen is not None
        self._take(fallback[0], seen, _Branch(state, before, ()))
        return True

    def _take(self, guess: Guess, seen: Observation, branch: _Branch) -> None:
        self.seen = seen
        if branch.rest:
            self._branches.append(branch)
        if guess.placed and branch.rest:
            self._taken.append((branch, guess))

    def _try(self, guess: Guess, before: Observation) -> Observation | None:
        """Return what a run shows with a guess; None if nothing further on is fed by it."""
        known = set(self.runner.state.partners)
        for placed in guess.placed:
            self.runner.place(placed, "assignment")
        for name, laid in guess.loose:
            self.runner.set_loose(name, laid)
        seen = self.runner.run()
        own = {placed.unit for placed in guess.placed}
        further = set(self.runner.state.partners) - known - own or set(seen.fed) - set(before.fed) - own
        return seen if further or self.runner.finished(seen.outputs) else None

    def _go_back(self) -> bool:
        """Where nothing leads on, take another way at an earlier guess if that leads further."""
        best, seen = self.runner.state.copy(), self.seen
        while self._branches and self.seconds < self._limit:
            branch = self._branches.pop()
            self.runner.go_to(branch.state)
            self.seen = branch.seen
            if self._take_one(branch.rest) and self._leads_further(best):
                return True
        self.runner.go_to(best)
        self.seen = seen
        return False

    def _leads_further(self, best: State) -> bool:
        """Tell whether another way comes further than the best so far."""
        while self._guess():
            if len(self.runner.state.partners) > len(best.partners):
                return True
        return self._is_finished() or len(self.runner.state.partners) > len(best.partners)

    def _pass(self) -> bool:
        """Note the first place where the models differ, and go on behind it; tell whether there is any."""
        return self._take_lacking() or self._pass_inside() or self._take_nearest() or self._pass_between()

    def _take_lacking(self) -> bool:
        """From now on take a unit for a recorded one that has a bias or a scale which it lacks."""
        if self.runner.takes_lacking:
            return False
        known, self.runner.takes_lacking = set(self.runner.state.partners), True
        self.seen = self.runner.run()
        return bool(self.seen.choices) or set(self.runner.state.partners) != known

    def _take_nearest(self) -> bool:
        """Take the assignment with which what follows comes nearest to what was recorded, however far that is."""
        for guesses in self._guesser.groups(self.seen):
            state = self.runner.state.copy()
            ranked = []
            for number, guess in enumerate(guesses):
                for placed in guess.placed:
                    self.runner.place(placed, "nearest")
                ranked.append((self._nearest_input(self.runner.run()), number))
                self.runner.go_to(state)
            if not ranked:
                continue
            for placed in guesses[min(ranked)[1]].placed:
                self.runner.place(placed, "nearest" if _is_clear(sorted(ranked)) else "names")
            self.seen = self.runner.run()
            return len(self.runner.state.partners) > len(state.partners)
        return False

    def _nearest_input(self, seen: Observation) -> float:
        """Return how far the first live leaf behind that is fed nothing recorded is from a recorded input."""
        settled = self.runner.settled
        waiting = [unit for unit in self.runner.table.leaves if unit.path not in settled and unit.calls[0].inputs][:4]
        found = [
            values.distance(call.inputs[0], unit.calls[0].inputs[0])
            for path, call in seen.calls.items()
            for unit in waiting
            if path not in self.runner.state.partners and path not in seen.fed and self._may_be(call, unit)
        ]
        return min(found, default=np.inf)

    def _pass_inside(self) -> bool:
        """Take the unit that gets the recorded input and gives something else, as near as it comes."""
        for path, units in self.seen.conflicts.items():
            call = self.seen.calls[path]
            first = self.runner.state.fed.get(path)
            for unit in units:
                candidate = self.runner.table.piece(unit)
                placed = self.runner.fitter.fit(call, candidate, self.runner.state.found, first, nearest=True)
                if placed is None or not np.isfinite(placed.error):
                    continue
                self.runner.place(placed, "nearest")
                self._note(Difference(self._before(unit), unit, path, True, placed.error))
                given = self._given(call, candidate.calls[0].outputs[0])
                if given is not None:
                    self.runner.state.given[path] = given
                self.seen = self.runner.run()
                return True
        return False

    def _given(self, call: Call, output: np.ndarray) -> np.ndarray | None:
        """Return what was recorded as the live unit gives it."""
        own = call.alone(self.runner.state.fed.get(call.unit.path))[0]
        found = sorted(values.shaped(output, own.shape), key=lambda array: float(np.abs(array - own).max()))
        return found[0] if found else None

    def _pass_between(self) -> bool:
        """Feed the recorded input to the first unit that does not get it."""
        fed = {unit for units in self.seen.fed.values() for unit in units}
        settled = self.runner.settled
        for unit in self.runner.table.leaves:
            if unit.path in {*settled, *fed, *self._passed}:
                continue
            if self._feed(unit):
                return True
            self._passed.add(unit.path)
        return False

    def _feed(self, unit: RecordedUnit) -> bool:
        """Feed a recorded input to the first live unit that then gives what was recorded."""
        value = unit.calls[0].inputs[0] if unit.calls[0].inputs else None
        if value is None or value.dtype.kind != "f":
            return False
        for path, call in self.seen.calls.items():
            if path in self.runner.state.partners or path in self.seen.fed or not self._may_be(call, unit):
                continue
            for first in values.shaped(value, call.inputs[0].shape):
                if self.runner.fitter.fit(call, self.runner.table.piece(unit.path), self.runner.state.found, first):
                    self._feed_all(call, unit, first)
                    return True
        return False

    def _may_be(self, call: Call, unit: RecordedUnit) -> bool:
        alike = self.runner.live_sizes(call) == self.runner.table.sizes[unit.path]
        return alike and call.unit.is_leaf and bool(call.inputs) and call.inputs[0].size == unit.calls[0].inputs[0].size

    def _feed_all(self, call: Call, unit: RecordedUnit, first: np.ndarray) -> None:
        """Feed the recorded value where it is made, or else every live unit that gets what this one gets."""
        own = call.inputs[0]
        size = float(np.abs(own - first).max() / max(float(np.abs(first).max()), 1e-300))
        self._note(Difference(self._before(unit.path), unit.path, call.unit.path, False, size))
        if not self._give_where_made(call, first):
            self._feed_where_used(own, first)
        self.seen = self.runner.run()

    def _give_where_made(self, call: Call, first: np.ndarray) -> bool:
        """Let the layer that made an input give the recorded value, so that it goes wherever the input went."""
        made = self.runner.run(wants_makers=True).left
        before = list(made)[: list(made).index(call.unit.path)] if call.unit.path in made else []
        for path in reversed([path for path in before if path not in self.runner.state.partners]):
            value = made[path]
            if value is not None and value.size == first.size and values.same(value, call.inputs[0]):
                self.runner.state.given[path] = next(values.shaped(first, value.shape))
                return True
        return False

    def _feed_where_used(self, own: np.ndarray, first: np.ndarray) -> None:
        """Feed every live unit that gets what this one gets."""
        for path, other in self.seen.calls.items():
            if path not in self.runner.state.partners and other.inputs and other.inputs[0].size == own.size:
                given = next(values.shaped(first, other.inputs[0].shape), None)
                if given is not None and values.same(other.inputs[0], own):
                    self.runner.state.fed[path] = given

    def _before(self, unit: str) -> str:
        """Return the last recorded unit in front of one that has a partner."""
        units = self.runner.table.units
        placed = [path for path in self.runner.state.used if units[path].order < units[unit].order]
        return max(placed, key=lambda path: units[path].order, default="")

    def _note(self, difference: Difference) -> None:
        self.runner.state.differences += (difference,)

    def _settle(self) -> None:
        """Look which guesses could have been others with the same outputs: nothing but a name says which is right."""
        if not self._is_finished() or self.runner.state.differences:
            return
        best, seen, until = self.runner.state.copy(), self.seen, self.seconds + max(SETTLING, self.seconds / 2)
        for branch, guess in self._taken:
            if all(best.found.get(name) is laid for name, laid in guess.weights.items()):
                other = next((o for o in branch.rest if self.seconds < until and self._is_as_good(branch, o)), None)
                if other is not None:
                    self.equivalent.append(tuple(placed.unit for placed in guess.placed))
                    best.how |= dict.fromkeys(guess.weights, "names")
        self.runner.go_to(best)
        self.seen, self._branches = seen, []

    def _is_as_good(self, branch: _Branch, other: Guess) -> bool:
        """Tell whether another guess leads to the recorded outputs as well."""
        self.runner.go_to(branch.state)
        seen = self._try(other, branch.seen)
        if seen is None or set(seen.conflicts) - set(branch.seen.conflicts):
            return False
        self.seen = seen
        while not self._is_finished() and self._guess():
            pass
        return self._is_finished()


def _is_clear(ranked: list[tuple[float, int]]) -> bool:
    """Tell whether the nearest is far nearer than the others."""
    return len(ranked) < 2 or ranked[0][0] < 0.1 * ranked[1][0]
