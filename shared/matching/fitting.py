"""Whether a unit, alone and on its own input, computes what a recorded one did, with its weights in some layout."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from math import prod

import numpy as np

from twotrack.shared.matching import values
from twotrack.shared.matching.recording import RecordedCall, RecordedUnit, Recording
from twotrack.shared.matching.views import Laid, View, layouts, whole
from twotrack.shared.spec.units import Call, Side
from twotrack.shared.weights.correspondence.rule import WeightRule

TRIALS = 400
"""Calls of one unit that are made for one candidate."""
CONSTANTS = (0.0, 1.0)
"""What a weight that the other model lacks may be, so that it changes nothing."""


@dataclass(frozen=True)
class Piece:
    """A recorded unit, a part of one, or several joined: what one live unit may be."""

    units: tuple[str, ...]
    views: Mapping[str, View]
    """By parameter."""
    calls: Sequence[RecordedCall]
    surplus: tuple[str, ...] = ()
    """Weights of the unit that are left out: `calls` are as if it had none."""
    whole: Sequence[RecordedCall] = ()
    """The calls as they were recorded, where some are left out."""

    @property
    def sizes(self) -> list[int]:
        """The number of elements of every weight."""
        return sorted(view.size for view in self.views.values())

    @property
    def lacked(self) -> float:
        """How much of what the unit gives is that of the weights that are left out, relative to the largest number."""
        pairs = [(one.outputs[0], other.outputs[0]) for one, other in zip(self.whole, self.calls, strict=True)]
        return max((float(np.abs(one - other).max() / np.abs(one).max()) for one, other in pairs), default=0.0)


def piece(unit: RecordedUnit, recording: Recording) -> Piece:
    """Return a unit as it is."""
    views = {parameter: whole(name, recording.weights[name]) for parameter, name in unit.weights.items()}
    return Piece((unit.path,), views, unit.calls)


@dataclass(frozen=True)
class Placed:
    """Weights of one live unit, made of recorded ones."""

    unit: str
    of: tuple[str, ...]
    """Recorded units."""
    weights: Mapping[str, Laid]
    """By name of the live weight."""
    error: float = 0.0
    """How far the unit's output is from the recorded one, relative to its largest number."""
    surplus: tuple[str, ...] = ()
    """Recorded weights that the live unit lacks."""
    lacked: float = 0.0
    """How much of the output they make, relative to its largest number."""
    given: np.ndarray | None = None
    """What the unit would give with them; None if that is not known."""

    idle: tuple[str, ...] = ()
    """Live weights without a counterpart, on which what the unit gives does not depend."""

    @property
    def is_exact(self) -> bool:
        """Whether the unit computes what was recorded."""
        return self.error <= values.TOLERANCE

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The live weights."""
        return {name: laid.array for name, laid in self.weights.items()}


@dataclass
class Fitter:
    """Tries recorded pieces in live units, and remembers which parameter was which."""

    side: Side
    current: dict[str, np.ndarray]
    """The weights that the side has now."""
    habits: dict[tuple, tuple] = field(default_factory=dict)
    """By kinds of two units: how their weights were paired and laid out, where that was right."""
    trials: int = 0

    def fit(
        self,
        call: Call,
        candidate: Piece,
        found: Mapping[str, Laid],
        first: np.ndarray | None = None,
        nearest: bool = False,
    ) -> Placed | None:
        """Return the weights with which the call gives what was recorded, or with `nearest` the best there are.

        Weights of the unit that were `found` before stay. None if nothing gives it. The side is left as it was.
        """
        own = call.unit.weights
        fixed = {name for name in own.values() if name in found}
        open_names = {parameter: name for parameter, name in own.items() if name not in fixed}
        best: Placed | None = None
        kept = {name: self.current[name] for name in open_names.values()}
        key = (call.unit.kind, tuple(own), tuple(candidate.views), len(candidate.units), bool(fixed))
        candidate = _counted_alike(candidate, call)
        try:
            for shape, weights in islice(self._choices(open_names, candidate, found, key), TRIALS):
                placed = self._try(call, candidate, weights, first, nearest)
                if placed and placed.is_exact:
                    self.habits[key] = shape
                    return self._without_idle(call, candidate, placed, kept, first)
                if nearest and placed and (best is None or placed.error < best.error):
                    best = placed
        finally:
            self.side.assign(kept)
        return best

    def _without_idle(
        self, call: Call, candidate: Piece, placed: Placed, drawn: Mapping[str, np.ndarray], first: np.ndarray | None
    ) -> Placed:
        """Leave out the constants in whose place any other numbers would do."""
        constants = [name for name, laid in placed.weights.items() if laid.rule.constant is not None]
        for name in constants:
            rest = {other: laid for other, laid in placed.weights.items() if other != name}
            self.side.assign({name: drawn[name]})
            without = self._try(call, candidate, rest, first, False)
            if without is not None and without.is_exact:
                placed = replace(without, idle=(*placed.idle, name))
        return placed

    def _try(
        self, call: Call, candidate: Piece, weights: dict[str, Laid], first: np.ndarray | None, nearest: bool
    ) -> Placed | None:
        self.trials += 1
        self.side.assign({name: laid.array for name, laid in weights.items()})
        try:
            got = call.alone(first)
        except Exception:  # whatever the framework raises for a layer that cannot take such a weight or input
            return None
        recorded = [output for one in candidate.calls for output in one.outputs]
        error = 0.0 if values.any_same(got, recorded) else np.inf
        if nearest and error:
            error = max(values.nearest(got, recorded), 2 * values.TOLERANCE)
        placed = Placed(call.unit.path, candidate.units, weights, error)
        if not candidate.surplus or error:
            return placed
        given = _as_whole(got, candidate)
        return replace(placed, surplus=candidate.surplus, lacked=candidate.lacked, given=given)

    def _choices(
        self, own: Mapping[str, str], candidate: Piece, found: Mapping[str, Laid], key: tuple
    ) -> Iterator[tuple[tuple, dict[str, Laid]]]:
        """Yield weights for the unit, each with what says how it was chosen; what was right before comes first."""
        views = dict(candidate.views)
        used = {source for laid in found.values() for source in laid.rule.sources}
        if len(views) > len(own):  # a weight that is shared stands in a layer that was found before
            views = {p: view for p, view in views.items() if not set(view.sources) <= used}
        extras = len(own) - len(views)
        if not 0 <= extras <= 2:
            return
        habit = self.habits.get(key)
        alike: list[tuple[tuple, dict[str, Laid]]] = []
        later: list[tuple[tuple, dict[str, Laid]]] = []
        for pairing in _pairings(own, views, self._shapes(own), extras):
            options = [self._options(own[parameter], view) for parameter, view in pairing]
            for choice in product(*options):
                names = tuple((parameter, _name_of(view, views)) for parameter, view in pairing)
                shape = (names, tuple(laid.key for laid in choice))
                weights = {own[parameter]: laid for (parameter, _), laid in zip(pairing, choice, strict=True)}
                if habit is None or shape == habit:
                    yield shape, weights
                elif len(alike) + len(later) < TRIALS:
                    (alike if names == habit[0] else later).append((shape, weights))
        yield from (*alike, *later)

    def _shapes(self, own: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        return {parameter: self.side.built[name].shape for parameter, name in own.items()}

    def _options(self, name: str, view: View | None) -> list[Laid]:
        """Return the ways in which a live weight may be a view, or a constant."""
        shape = self.side.built[name].shape
        if view is not None:
            return layouts(view, shape)
        return [Laid(WeightRule(constant=c, shape=shape), np.full(shape, c), ("constant", c)) for c in CONSTANTS]


def _as_whole(got: Sequence[np.ndarray], candidate: Piece) -> np.ndarray | None:
    """Return what a unit would give with the weights that it lacks; None behind an activation of its own."""
    if any(not np.array_equal(got[0], other) for other in got[1:]):
        return None
    for own, recorded in zip(candidate.calls, candidate.whole, strict=True):
        both = zip(*(values.shaped(one.outputs[0], got[0].shape) for one in (own, recorded)), strict=True)
        for without, complete in both:
            if values.distance(got[0], without) <= values.TOLERANCE and np.allclose(got[0], without):
                return complete
    return None


def _counted_alike(candidate: Piece, call: Call) -> Piece:
    """Return the candidate so that what was flattened in another order can be put into the live one.

    An axis of a weight that counts the features of its input is cut in two where the recorded input, cut there and with
    both parts exchanged, is the live one.
    """
    given = next((one.inputs[0] for one in candidate.calls if one.inputs), None)
    if given is None or not call.inputs or given.ndim < 2 or given.shape != call.inputs[0].shape:
        return candidate
    cut = _cut(given, call.inputs[0])
    if cut is None:
        return candidate
    features = given.shape[-1]
    return replace(candidate, views={name: _cut_axis(view, features, cut) for name, view in candidate.views.items()})


def _cut(recorded: np.ndarray, live: np.ndarray) -> int | None:
    """Return into how many parts the recorded features are cut; None if both sides count them alike."""
    features = recorded.shape[-1]
    if recorded.dtype.kind != "f" or np.allclose(recorded, live, rtol=values.TOLERANCE, atol=values.TOLERANCE):
        return None
    for parts in (number for number in range(2, features) if features % number == 0):
        moved = np.swapaxes(recorded.reshape(*recorded.shape[:-1], parts, -1), -1, -2).reshape(live.shape)
        if np.allclose(moved, live, rtol=values.TOLERANCE, atol=values.TOLERANCE):
            return parts
    return None


def _cut_axis(view: View, features: int, parts: int) -> View:
    axis = next((axis for axis, size in reversed([*enumerate(view.array.shape)]) if size == features), None)
    plain = view.part is None and len(view.groups) == view.array.ndim >= 2
    return view if axis is None or not plain else view.split(axis, (parts, features // parts))


def _name_of(view: View | None, views: Mapping[str, View]) -> str | None:
    return next((name for name, other in views.items() if other is view), None)


def _pairings(
    own: Mapping[str, str], views: Mapping[str, View], shapes: Mapping[str, tuple[int, ...]], extras: int
) -> Iterator[list[tuple[str, View | None]]]:
    """Yield which parameter may be which view; those without one are constants."""
    parameters = list(own)
    likely = sorted(views.items(), key=lambda item: -item[1].size)
    places = [_fitting(view, parameters, shapes) for _, view in likely]

    def assign(number: int, taken: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if number == len(likely):
            yield taken
            return
        for parameter in _by_role(likely[number][0], [p for p in places[number] if p not in taken]):
            yield from assign(number + 1, (*taken, parameter))

    for chosen in assign(0, ()):
        left = [parameter for parameter in parameters if parameter not in chosen]
        yield [*zip(chosen, (view for _, view in likely), strict=True), *((parameter, None) for parameter in left)]


def _fitting(view: View, parameters: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [parameter for parameter in parameters if prod(shapes[parameter]) == view.size]


ROLES = (
    {"weight", "gamma", "scale", "kernel", "embeddings"},
    {"bias", "beta"},
    {"running_mean", "moving_mean", "mean"},
    {"running_var", "moving_variance", "variance"},
)


def _by_role(parameter: str, candidates: Sequence[str]) -> list[str]:
    """Return candidates so that those come first that frameworks use for the same purpose."""

    def role(name: str) -> int:
        last = name.rpartition(".")[2]
        return next((number for number, names in enumerate(ROLES) if last in names), len(ROLES))

    return sorted(candidates, key=lambda name: (name != parameter, role(name) != role(parameter)))


def by_size(unit: RecordedUnit, recording: Recording) -> list[int]:
    """Return the number of elements of every weight of a recorded unit."""
    return sorted(int(np.size(recording.weights[name])) for name in unit.weights.values())
