"""What to try where no unit alone decides: assignments of several, parts of fused ones, weights of no layer."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, permutations, product
from math import prod

import numpy as np

from twotrack.shared.matching import pieces
from twotrack.shared.matching.fitting import Piece, Placed
from twotrack.shared.matching.recording import RecordedUnit
from twotrack.shared.matching.state import Guess, Observation
from twotrack.shared.matching.values import same
from twotrack.shared.matching.views import Laid, layouts, whole
from twotrack.shared.matching.watching import ROWS, Runner
from twotrack.shared.spec.units import Call, Unit
from twotrack.shared.weights.correspondence.rule import WeightRule

ASSIGNMENTS = 60
"""Of several units that are tried at most."""
WINDOW = 3
"""Units that are assigned together, where there are many."""
OPTIONS = 5
"""Places that are tried for a weight of no layer: the first by their names, and the first in the order of calls."""
Likeness = Callable[[str, str], float]


@dataclass
class Guesser:
    """Proposes, from what a run showed."""

    runner: Runner
    likeness: Likeness

    def groups(self, seen: Observation) -> Iterator[list[Guess]]:
        """Yield, for several units with one input, the ways in which they may be assigned, the likeliest first."""
        together: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for path, placed in seen.choices.items():
            together[tuple(sorted({unit for one in placed for unit in one.of}))].append(path)
        for paths in together.values():
            for size in _windows(len(paths), len(seen.choices[paths[0]])):
                yield self._assignments([seen.choices[path] for path in paths[:size]])

    def _assignments(self, choices: Sequence[Sequence[Placed]]) -> list[Guess]:
        order = {path: number for number, path in enumerate(self.runner.table.units)}
        near = sorted({placed.of for one in choices for placed in one}, key=lambda of: order[of[0]])[: 2 * WINDOW]
        found = [
            one
            for one in product(*([placed for placed in some if placed.of in near] for some in choices))
            if len({placed.of for placed in one}) == len(one)
        ]
        ranks = {of: rank for rank, of in enumerate(near)}
        found.sort(key=lambda one: (-self._alike(one), [ranks[placed.of] for placed in one]))
        return [Guess(tuple(one)) for one in found[:ASSIGNMENTS]]

    def _alike(self, one: Iterable[Placed]) -> float:
        return round(sum(self.likeness(placed.unit, placed.of[0]) for placed in one), 6)

    def parts(self, seen: Observation) -> Iterator[list[Guess]]:
        """Yield the ways in which live units may be parts of one recorded unit, or one live unit several recorded."""
        fed_by: defaultdict[str, list[str]] = defaultdict(list)
        for path, units in seen.fed.items():
            for unit in units:
                fed_by[unit].append(path)
        for unit, paths in fed_by.items():
            total = sum(self.runner.table.sizes[unit])
            smaller = [path for path in paths if sum(self._sizes(seen, path)) < total]
            for number in (3, 2):
                for chosen in combinations(smaller[:6], number):
                    if sum(sum(self._sizes(seen, path)) for path in chosen) == total:
                        yield list(islice(self._split(unit, [seen.calls[path] for path in chosen]), ASSIGNMENTS))
        for path, units in seen.fed.items():
            yield from self._joined(seen, path, units)

    def _sizes(self, seen: Observation, path: str) -> list[int]:
        return self.runner.live_sizes(seen.calls[path])

    def _split(self, unit: str, calls: Sequence[Call]) -> Iterator[Guess]:
        """Yield how live units may be the parts of a recorded one."""
        whole_piece, counts = self.runner.table.piece(unit), self._head_counts(calls)
        orders = sorted(permutations(calls), key=lambda order: [list(calls).index(call) for call in order])
        wanted = ("query", "key", "value")
        orders.sort(key=lambda o: -sum(self.likeness(w, c.unit.path) for w, c in zip(wanted, o, strict=False)))
        ways: dict[tuple[int, ...], list[list[Piece]]] = {}
        for order in orders:
            shares = tuple(sum(self.runner.live_sizes(call)) for call in order)
            ways.setdefault(shares, list(pieces.split(whole_piece, shares, counts)))
        for number in range(max(map(len, ways.values()), default=0)):
            for order in orders:
                own = ways[tuple(sum(self.runner.live_sizes(call)) for call in order)]
                if number < len(own) and (guess := self._together(order, own[number])):
                    yield guess

    def _together(self, calls: Sequence[Call], parts: Sequence[Piece]) -> Guess | None:
        placed = []
        for call, part in zip(calls, parts, strict=True):
            one = self.runner.fitter.fit(call, part, self.runner.state.found)
            if one is None:
                return None
            placed.append(one)
        return Guess(tuple(placed))

    def _joined(self, seen: Observation, path: str, units: Sequence[str]) -> Iterator[list[Guess]]:
        """Yield how a live unit may be several recorded ones with its input."""
        total, table = sum(self._sizes(seen, path)), self.runner.table
        for number in (3, 2):
            for chosen in combinations(units[:6], number):
                if sum(sum(table.sizes[unit]) for unit in chosen) == total:
                    recorded: list[RecordedUnit] = [table.units[unit] for unit in chosen]
                    counts = self._head_counts([seen.calls[path]])
                    yield list(islice(self._as_one(seen.calls[path], recorded, counts), ASSIGNMENTS))

    def _as_one(self, call: Call, recorded: Sequence[RecordedUnit], counts: Sequence[int]) -> Iterator[Guess]:
        for candidate in pieces.joined(recorded, self.runner.recording, counts):
            placed = self.runner.fitter.fit(call, candidate, self.runner.state.found)
            if placed is not None:
                yield Guess((placed,))

    def _head_counts(self, calls: Sequence[Call]) -> list[int]:
        built = self.runner.side.built
        own = [built[name].shape for call in calls for name in call.unit.weights.values()]
        return pieces.head_counts([shape for shape in own if len(shape) > 2])

    def loose(self, seen: Observation) -> list[Guess]:
        """Return the ways in which weights of no layer may be assigned, the likeliest first."""
        sources = self._waiting(seen)
        options = [self._options(seen, source) for source in sources]
        pairs = [(source, some) for source, some in zip(sources, options, strict=True) if some]
        ranks = product(*(range(len(some) + 1) for _, some in pairs))
        chosen = sorted(
            islice(ranks, 4000), key=lambda one: (sum(n == len(pairs[i][1]) for i, n in enumerate(one)), sum(one))
        )
        found = []
        for one in chosen:
            loose = tuple(pairs[i][1][n] for i, n in enumerate(one) if n < len(pairs[i][1]))
            if loose and len({name for name, _ in loose}) == len(loose):
                found.append(Guess(loose=loose))
        return found[:ASSIGNMENTS]

    def _waiting(self, seen: Observation) -> list[str]:
        """Return the recorded weights that may be needed before anything else is fed: of no layer, or of a table."""
        table, state = self.runner.table, self.runner.state
        fed = {unit for units in seen.fed.values() for unit in units} - table.reading
        next_order = self._next(fed)
        found = dict.fromkeys(
            name
            for unit in table.units.values()
            if unit.path not in state.used and unit.path not in fed and unit.order <= next_order
            for name in unit.weights.values()
            if name not in state.sources and (not unit.is_leaf or not unit.calls or self._may_be_loose(unit))
        )
        return [name for name in found if name not in self.runner.recording.without_effect][:6]

    def _next(self, fed: set[str]) -> int:
        """Return the order of the first recorded leaf that is not fed and reads no table."""
        orders = [u.order for u in self.runner.table.leaves if u.path not in self.runner.settled | fed]
        return orders[min(len(orders) - 1, 2)] if orders else 10**9

    def _may_be_loose(self, unit: RecordedUnit) -> bool:
        """Tell whether a leaf may be a mere weight in the other model: a table, or a scale right behind a unit."""
        given = unit.calls[0].inputs[:1]
        if len(unit.weights) != 1 or not given or given[0].dtype.kind in "iub":
            return len(unit.weights) == 1
        if unit.path in self.runner.table.reading:
            return True
        table, used = self.runner.table, self.runner.state.used
        made = (output for path in used for call in table.units[path].calls for output in call.outputs[:1])
        return any(output.size == given[0].size and same(output, given[0]) for output in made)

    def _options(self, seen: Observation, source: str) -> list[tuple[str, Laid]]:
        """Return the live weights that a recorded one may be."""
        array, found = self.runner.recording.weights[source], []
        for name in self._holes(seen):
            shape = self.runner.side.built[name].shape
            found += [(name, laid) for laid in self._laid(source, array, shape)]
        alike = sorted(found, key=lambda one: -round(self.likeness(source, one[0]), 1))[:OPTIONS]
        # what is called first is tried too, whatever it is called: names must lead nobody astray
        both = [one for pair in zip(alike, found[:OPTIONS], strict=True) for one in pair]
        return list({(name, str(laid.rule)): (name, laid) for name, laid in both}.values())

    def _laid(self, source: str, array: np.ndarray, shape: tuple[int, ...]) -> list[Laid]:
        view = whole(source, array)
        if array.size == prod(shape):
            return layouts(view, shape)[:2]
        if array.ndim == len(shape) == 2 and array.shape[1:] == shape[1:] and 0 < len(array) - shape[0] <= ROWS:
            starts = range(len(array) - shape[0], -1, -1)
            return [layouts(view.rows_from(s, s + shape[0]), shape)[0] for s in starts][:OPTIONS]
        return []

    def _holes(self, seen: Observation) -> list[str]:
        """Return the live weights without a rule, in the order in which their units are called."""
        found = self.runner.state.found
        called: list[Unit] = [call.unit for call in seen.calls.values()]
        reading = self.runner.table.reading
        ready = {path for path, units in seen.fed.items() if path not in seen.conflicts and {*units} - reading}
        names = (name for unit in called if unit.path not in ready for name in unit.weights.values())
        return list(dict.fromkeys(name for name in names if name not in found))

    def constants(self, seen: Observation) -> list[Guess]:
        """Return what leaves without a counterpart may hold: what they were built with, if that is one number."""
        built, found = self.runner.side.built, []
        for path, call in seen.calls.items():
            names = [name for name in call.unit.weights.values() if name not in self.runner.state.found]
            plain = all(np.ptp(built[name]) == 0 for name in names)
            if names and plain and call.unit.is_leaf and path not in seen.fed:
                found.append(Guess(loose=tuple((name, _constant(built[name])) for name in names)))
        return found[:4]


def _constant(built: np.ndarray) -> Laid:
    value = float(built.flat[0])
    return Laid(WeightRule(constant=value, shape=built.shape), np.full(built.shape, value), ("constant", value))


def _windows(live: int, recorded: int) -> list[int]:
    """Return how many units are assigned together: all if they are few, else one, two or three."""
    if live <= WINDOW and recorded <= WINDOW:
        return [min(live, recorded)]
    return [size for size in (2, 1, 3) if size <= min(live, recorded)]
