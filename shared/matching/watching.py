"""Runs the live model, and places on the way every unit that its own input and output decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from twotrack.shared.matching import values
from twotrack.shared.matching.drawing import Drawn, constants
from twotrack.shared.matching.fitting import Fitter, Piece, Placed, by_size, piece
from twotrack.shared.matching.pieces import chained, without_vectors
from twotrack.shared.matching.recording import RecordedUnit, Recording
from twotrack.shared.matching.signature import Signatures, distinct, signature
from twotrack.shared.matching.state import Difference, How, Observation, State
from twotrack.shared.matching.views import Laid, layouts, whole
from twotrack.shared.spec.units import Arrays, Bystander, Call, Side

SEED = 40_009
ROWS = 8
"""By which a table may begin later than another."""


class Table:
    """The recorded units by what they were given."""

    def __init__(self, recording: Recording):
        self.recording = recording
        self.units = {unit.path: unit for unit in recording.units}
        self.leaves = [unit for unit in recording.units if unit.is_leaf and unit.calls]
        rows = [(unit, signature(call.inputs[0])) for unit in self.leaves for call in unit.calls if call.inputs]
        self._owners = [unit for unit, _ in rows]
        self._inputs = Signatures([row for _, row in rows])
        self.seen = Signatures(
            [*recording.seen, *(signature(o) for u in recording.units for c in u.calls for o in c.outputs)]
        )
        self.sizes = {unit.path: by_size(unit, recording) for unit in recording.units}
        self.reading = {unit.path for unit in self.leaves if _reads_rows(unit, recording)}
        """The units whose only weight is a table, of which they give rows."""

    def given(self, value: np.ndarray, used: set[str]) -> list[RecordedUnit]:
        """Return the units, but the used ones, that were given this value, in order."""
        found = dict.fromkeys(self._owners[place].path for place in self._inputs.places(signature(value)))
        return [self.units[path] for path in found if path not in used]

    def piece(self, path: str) -> Piece:
        """Return a recorded unit as what a live one may be."""
        return piece(self.units[path], self.recording)


@dataclass
class Watch(Bystander):
    """Looks at every call of a run, for a search."""

    runner: "Runner | None" = None
    seen: Observation = field(default_factory=Observation)
    wants_makers: bool = False

    def enter(self, call: Call) -> np.ndarray | None:
        """Look for the recorded unit that a leaf is; feed it what lies behind a difference."""
        runner = self.runner
        assert runner is not None
        path = call.unit.path
        self.seen.calls.setdefault(path, call)
        fed = runner.state.fed.get(path) if call.number == 0 else None
        if path not in runner.state.partners and call.unit.is_leaf:
            runner.look(call, self.seen, fed)
        return fed

    def leave(self, call: Call, outputs: Callable[[], Arrays]) -> np.ndarray | None:
        """Give what lies behind a difference."""
        return self.passed(call.unit.path, outputs)

    def passed(self, path: str, outputs: Callable[[], Arrays]) -> np.ndarray | None:
        """Give what lies behind a difference, the first time."""
        assert self.runner is not None
        if path in self.seen.left:
            return None
        given = outputs()[:1] if self.wants_makers else []
        self.seen.left[path] = given[0] if given else None
        return self.runner.state.given.get(path)


class Runner:
    """A live model, its state in the search, and the runs that were made."""

    def __init__(self, side: Side, recording: Recording):
        self.side, self.recording, self.table = side, recording, Table(recording)
        self.state, self.runs = State(), 0
        self.takes_lacking = False
        """Whether a live unit may be a recorded one that has a bias or a scale which it lacks."""
        self.drawn = Drawn(SEED).add(side.built, constants(side)).weights
        self.current = dict(self.drawn)
        side.assign(self.drawn)
        self.fitter = Fitter(side, self.current)

    @property
    def settled(self) -> set[str]:
        """The recorded units that have a partner, or whose weights were all found one by one."""
        sources = self.state.sources
        rest = (unit for unit in self.table.units.values() if unit.weights and sources >= {*unit.weights.values()})
        return self.state.used | {unit.path for unit in rest}

    def run(self, wants_makers: bool = False) -> Observation:
        """Run the model, placing what can be placed on the way; keep what every layer gave if `wants_makers`."""
        watch = Watch(runner=self, wants_makers=wants_makers)
        self.runs += 1
        watch.seen.outputs = self.side.run(watch)
        return watch.seen

    def place(self, placed: Placed, how: How) -> None:
        """Take a unit for a recorded one."""
        self.state.partners[placed.unit] = placed.of
        self.state.idle |= {*placed.idle}
        for name, laid in placed.weights.items():
            self.state.found[name] = laid
            self.state.how[name] = "constant" if laid.rule.constant is not None else how
        self._assign(placed.arrays)
        if placed.surplus:
            self._note_lacking(placed)

    def _note_lacking(self, placed: Placed) -> None:
        """Note that a live unit lacks weights of the recorded one, and let it give what it would with them."""
        (unit,) = placed.of
        before = [path for path in self.state.used if self.table.units[path].order < self.table.units[unit].order]
        last = max(before, key=lambda path: self.table.units[path].order, default="")
        self.state.differences += (Difference(last, unit, placed.unit, True, placed.lacked),)
        self.state.surplus += placed.surplus
        if placed.given is not None:
            self.state.given[placed.unit] = placed.given

    def set_loose(self, name: str, laid: Laid, how: How = "loose") -> None:
        """Take a single weight for a recorded one."""
        self.state.found[name], self.state.how[name] = laid, how
        self._assign({name: laid.array})

    def go_to(self, state: State) -> None:
        """Go back, or on, to a state."""
        before, self.state = self.state, state.copy()
        changed = {
            name for name in {*before.found, *state.found} if before.found.get(name) is not state.found.get(name)
        }
        self._assign({n: state.found[n].array if n in state.found else self.drawn[n] for n in changed})

    def _assign(self, arrays: dict[str, np.ndarray]) -> None:
        self.side.assign(arrays)
        self.current.update(arrays)

    def finished(self, outputs: Sequence[np.ndarray]) -> bool:
        """Tell whether the outputs are the recorded ones."""
        theirs = self.recording.outputs
        return len(outputs) == len(theirs) and all(values.same(a, b) for a, b in zip(outputs, theirs, strict=True))

    def look(self, call: Call, seen: Observation, first: np.ndarray | None) -> None:
        """Place a leaf whose input was recorded, if one recorded unit alone is what it computes."""
        path, inputs = call.unit.path, call.inputs
        if not inputs:
            return
        fed = self.table.given(inputs[0] if first is None else first, self.state.used)
        if fed:
            seen.fed[path] = tuple(unit.path for unit in fed)
        alike = self._alike(call, fed)
        fitting = [placed for unit in alike if (placed := self._fit(call, self.table.piece(unit.path), first))]
        if not fitting and self.takes_lacking:
            fitting = self._lacking(call, fed, first)
        if len(fitting) == 1:
            self.place(fitting[0], "alone")
        elif fitting:
            seen.choices[path] = fitting
        elif not self._place_otherwise(call, fed, first) and alike:
            seen.conflicts[path] = tuple(unit.path for unit in alike)

    def _fit(self, call: Call, candidate: Piece, first: np.ndarray | None = None) -> Placed | None:
        return self.fitter.fit(call, candidate, self.state.found, first)

    def _lacking(self, call: Call, fed: Sequence[RecordedUnit], first: np.ndarray | None) -> list[Placed]:
        """Return the units that the live one is but for a bias or a scale which it lacks."""
        sizes, found = self.live_sizes(call), []
        for unit in fed:
            ways = without_vectors(self.table.piece(unit.path), sizes)
            found += list(islice((one for way in ways if (one := self._fit(call, way, first))), 1))
        return found

    def live_sizes(self, call: Call) -> list[int]:
        """Return the number of elements of every weight of a live unit."""
        return sorted(self.side.built[name].size for name in call.unit.weights.values())

    def _alike(self, call: Call, fed: Sequence[RecordedUnit]) -> list[RecordedUnit]:
        """Return the units with as large weights; if there are none, those that lack a weight or two."""
        sizes = self.live_sizes(call)
        equal = [unit for unit in fed if self.table.sizes[unit.path] == sizes]
        return equal or [unit for unit in fed if _lacks_few(self.table.sizes[unit.path], sizes)]

    def _place_otherwise(self, call: Call, fed: Sequence[RecordedUnit], first: np.ndarray | None) -> bool:
        """Place a leaf that is several recorded units in a row, a table that is read, or a weight of no layer."""
        sizes = self.live_sizes(call)
        pieces = chained(fed, sizes, self.table.leaves, self.table.sizes, self.recording, self.state.used)
        placed = [one for candidate in pieces if (one := self._fit(call, candidate, first))]
        if len(placed) != 1 and not fed:
            placed = self._as_table(call)
        if len(placed) == 1:
            self.place(placed[0], "alone")
            return True
        return self._place_loose(call)

    def _as_table(self, call: Call) -> list[Placed]:
        """Return the recorded tables whose rows are what the unit gives to every example alike."""
        if len(call.unit.weights) != 1:
            return []
        (name,) = call.unit.weights.values()
        shape, found = self.side.built[name].shape, []
        if self._has_rivals(name):
            return []
        for unit in self.table.leaves:
            if unit.path in self.state.used or unit.path not in self.table.reading or not _is_constant(unit):
                continue
            for candidate in _windows(self.table.piece(unit.path), shape):
                if one := self._fit(call, candidate):
                    found.append(one)
                    break
        return found

    def _has_rivals(self, name: str) -> bool:
        """Tell whether another table of either side is about as large: then what one gives alone tells nothing."""
        shape, state = self.side.built[name].shape, self.state
        live = [n for n, array in self.side.built.items() if n not in state.found and array.shape == shape]
        free = (array for n, array in self.recording.weights.items() if n not in state.sources)
        width = int(shape[-1]) if shape else 1
        rows = [a.size // width - self.side.built[name].size // width for a in free if a.shape[-1:] == shape[-1:]]
        return len(live) > 1 or sum(0 <= more <= ROWS for more in rows) > 1

    def _place_loose(self, call: Call) -> bool:
        """Place a leaf of one weight that no recorded layer holds, if what it gives then was seen."""
        names = [name for name in call.unit.weights.values() if name not in self.state.found]
        if len(call.unit.weights) != 1 or not names:
            return False
        (name,) = names
        for source in self.loose_sources():
            array = self.recording.weights[source]
            if array.size != self.side.built[name].size:
                continue
            for laid in layouts(whole(source, array), self.side.built[name].shape):
                if self._gives_seen(call, name, laid.array):
                    self.set_loose(name, laid)
                    self.state.partners[call.unit.path] = ()
                    return True
        return False

    def _gives_seen(self, call: Call, name: str, array: np.ndarray) -> bool:
        kept = self.current[name]
        self.side.assign({name: array})
        try:
            outputs = call.alone(None)
        finally:
            self.side.assign({name: kept})
        own = Signatures([signature(array), *(signature(value) for value in call.inputs)])
        return any(signature(o) in self.table.seen and signature(o) not in own for o in outputs)

    def loose_sources(self) -> list[str]:
        """Return the recorded weights that no leaf was seen to use, and that were not found."""
        held = {name for unit in self.table.leaves for name in unit.weights.values()}
        return [name for name in self.recording.weights if name not in held and name not in self.state.sources]


def _lacks_few(recorded: Sequence[int], live: Sequence[int]) -> bool:
    """Tell whether one or two of the live weights, the smaller ones, are all that the recorded ones lack."""
    rest = list(live)
    for size in recorded:
        if size not in rest:
            return False
        rest.remove(size)
    return bool(recorded) and 1 <= len(rest) <= 2 and max(rest) <= max(recorded)


def _reads_rows(unit: RecordedUnit, recording: Recording) -> bool:
    """Tell whether all that a unit of one weight gives are rows of it."""
    if len(unit.weights) != 1 or not unit.calls[0].outputs:
        return False
    (table,), output = (recording.weights[name] for name in unit.weights.values()), distinct(unit.calls[0].outputs[0])
    if table.ndim != 2:
        return False
    if output.shape[-1:] != table.shape[1:]:
        return False
    rows = {row.tobytes() for row in np.ascontiguousarray(table)}
    return all(row.tobytes() in rows for row in np.ascontiguousarray(output.reshape(-1, table.shape[1])))


def _is_constant(unit: RecordedUnit) -> bool:
    """Tell whether a unit gives fewer numbers than there would be if examples differed: positions."""
    output = unit.calls[0].outputs[0]
    return len(output) == 1 or distinct(output).size < output.size


def _windows(candidate: Piece, shape: tuple[int, ...]) -> list[Piece]:
    """Return a table, or its runs of as many rows as the live one has."""
    ((parameter, view),) = candidate.views.items()
    rows = len(view.array) - shape[0] if shape and view.array.ndim == len(shape) else 0
    if not 0 < rows <= ROWS or view.array.shape[1:] != shape[1:]:
        return [candidate] if view.size == int(np.prod(shape)) else []
    parts = [view.rows_from(start, start + shape[0]) for start in range(rows + 1)]
    return [Piece(candidate.units, {parameter: part}, candidate.calls) for part in parts]
