"""Which values of two sides are one, and whether they stay so in other passes, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twotrack.shared.base.tolerances import (
    ENLARGED_AT_MOST,
    ENLARGED_ON_EXTREMES,
    ENLARGED_ROUNDING,
    ROUNDING_SHARE,
    STATED_ROUNDING,
    TOLERANCES,
    UNIT_ROUNDING,
)
from twotrack.shared.verify.digests import COUNT, PATTERN, SIZE, differences
from twotrack.shared.verify.passes import ROUNDINGS, SHAKES, Call, Pass, rounded, shaken

LIMIT = TOLERANCES["range"].limit
ORDINARY, NOTHING_HIDDEN = "ordinary", "nothing hidden"
"""The passes on ordinary inputs, which tell what is one on both sides."""
IN_TRAINING = "training mode"
"""The pass on ordinary inputs in training mode, and how the names of all in that mode end."""


@dataclass(frozen=True)
class Place:
    """One value of a model: of a layer's inputs or outputs, or of the model's outputs."""

    path: str
    """Canonical, with the number of the call; empty for the model's outputs."""
    role: str
    """inputs or outputs."""
    number: int


@dataclass(frozen=True)
class Matched:
    """A value that both sides have: of one layer, and equal on ordinary inputs."""

    torch: Place
    keras: Place
    whole: bool = False
    """It is equal only in rows of which nothing is hidden, and compared in those."""


@dataclass(frozen=True)
class Difference:
    """The first value of a pass that differs."""

    where: Matched
    row: int
    size: float
    """Relative to the row; infinity where it is not finite in other places."""


@dataclass(frozen=True)
class Compared:
    """One value of a pass, on both sides."""

    row: int | None = None
    """The first that differs; None if none does."""
    size: float = 0.0
    """By how much it differs, relative to the row; of an equal value the most by which a row does within the limit."""


class Passes:
    """What one side did; in float32 too, or `rounded` at random, where what rounding amounts to is asked."""

    def __init__(
        self, float64: Mapping[str, Pass], float32: Mapping[str, Pass], rounded: Mapping[str, Pass] | None = None
    ):
        self.float64, self.float32, self.rounded = float64, float32, rounded or {}
        self._calls: dict[int, dict[str, Call]] = {}

    def value(self, ran: Pass | None, place: Place) -> np.ndarray | None:
        """Return the digest of a value in a pass; None if it has none there."""
        if ran is None or ran.error:
            return None
        calls = self._calls.setdefault(id(ran), {call.path: call for call in ran.calls})
        owner = calls.get(place.path) if place.path else ran
        values = getattr(owner, place.role) if owner else []
        return values[place.number] if place.number < len(values) else None

    def rounding(self, name: str, place: Place) -> np.ndarray | float:
        """Return by how much float32 is off in every row, at most by the row's size; 0 where it is not finite."""
        others = [self.float32.get(shaken(name, draw)) for draw in range(SHAKES + 1)]
        return self._off(name, place, others)

    def enlarged(self, name: str, place: Place) -> np.ndarray | float:
        """Return by how much rounding at random is off in every row, as `rounding`."""
        return self._off(name, place, [self.rounded.get(rounded(name, draw)) for draw in range(ROUNDINGS)])

    def _off(self, name: str, place: Place, others: Sequence[Pass | None]) -> np.ndarray | float:
        double = self.value(self.float64.get(name), place)
        found: np.ndarray | float = 0.0
        for other in (self.value(each, place) for each in others):
            if double is not None and other is not None and double.shape == other.shape:
                off = np.minimum(differences(double, other), double[:, SIZE])
                found = np.maximum(found, np.where(double[:, PATTERN] == other[:, PATTERN], off, 0.0))
        return found


class Alignment:
    """Which values of two sides are one: equal on ordinary inputs."""

    def __init__(self, torch: Passes, keras: Passes):
        self._torch, self._keras = torch, keras
        self._is_measured, self._is_rounded = bool(torch.float32 or keras.float32), bool(torch.rounded or keras.rounded)
        self._doubtful: set[str] = set()
        self.undefined: dict[str, bool] = {}
        """Calls that gave NaN or infinity on one side where there is nothing but padding, and whether that is Keras."""
        self.enlarged: dict[str, float] = {}
        """What share of a row calls may be off by where rounding is enlarged so far that it is to be stated."""
        self.strained: dict[str, float] = {}
        """By how much calls differ behind a softmax that was given scores as large as what hides others."""

    @property
    def in_doubt(self) -> bool:
        """Something that was compared differs by what may be rounding, and nothing says how much that amounts to."""
        return bool(self._doubtful)

    def doubts(self) -> frozenset[str]:
        """Return the names of all passes that leave a doubt, or that are compared in another way once one is gone."""
        names = [name for name in self._keras.float64 if name in self._torch.float64]
        for name in names if self.in_doubt else ():
            self.first_difference(name)
        if self._doubtful & {ORDINARY, NOTHING_HIDDEN}:
            return frozenset(names)
        modes = [name for name in names if name.endswith(IN_TRAINING)] if IN_TRAINING in self._doubtful else []
        return frozenset({*self._doubtful, *modes})

    @cached_property
    def matched(self) -> list[Matched]:
        """Every value that both sides have, in Keras' order of calls, the model's outputs last."""
        torch, keras = (side.float64[ORDINARY] for side in (self._torch, self._keras))
        by_layer: dict[str, list[Call]] = {}
        for call in torch.calls:
            by_layer.setdefault(layer_of(call.path), []).append(call)
        pairs = [pair for call in keras.calls for pair in self._of_call(call, by_layer.get(layer_of(call.path), []))]
        outputs = (Place("", "outputs", number) for number in range(len(keras.outputs)))
        return pairs + [Matched(place, place) for place in outputs]

    def _of_call(self, keras: Call, candidates: list[Call]) -> Iterator[Matched]:
        """Pair the values of a call, each with one of torch; before a fused activation first, which may do nothing."""
        taken: set[Place] = set()
        for role in ("inputs", "outputs"):
            numbers = range(len(getattr(keras, role)))
            for number in sorted(numbers, key=lambda number: role == "outputs" and number != keras.replaceable):
                others = _places(candidates, role, role == "outputs" and number == keras.replaceable)
                mine = Place(keras.path, role, number)
                pair = self._match(mine, [other for other in others if other not in taken])
                if pair is not None:
                    taken.add(pair.torch)
                    yield pair

    def _match(self, keras: Place, candidates: list[Place]) -> Matched | None:
        """Return the first candidate that is equal, in all rows if there is one, else where nothing is hidden."""
        for name, whole in ((ORDINARY, False), (NOTHING_HIDDEN, True)):
            for torch in candidates if name in self._keras.float64 else ():
                if self.compare(name, Matched(torch, keras, whole)).row is None:
                    return Matched(torch, keras, whole)
        return None

    @cached_property
    def unlike(self) -> list[str]:
        """Layers of both sides that are given, or give, as many values on both, and none that are equal."""
        torch, keras = (side.float64[ORDINARY].calls for side in (self._torch, self._keras))
        matched = {(pair.keras.path, pair.keras.role) for pair in self.matched}
        found: dict[str, None] = {}
        for call in keras:
            for role in ("inputs", "outputs"):
                others = [array for other in torch if other.path == call.path for array in getattr(other, role)]
                widths = {array[0, COUNT] for array in others} & {array[0, COUNT] for array in getattr(call, role)}
                if widths and (call.path, role) not in matched:
                    found[layer_of(call.path)] = None
        return list(found)

    @cached_property
    def unmatched_points(self) -> list[str]:
        """Layers that gave replaced values which do not stand for the same thing on both sides."""
        torch, keras = (
            [path for ran in side.float64.values() for path in ran.replaced] for side in (self._torch, self._keras)
        )
        return [path for path in dict.fromkeys([*keras, *torch]) if not self._is_same_point(path)]

    def may_come_from_unmatched(self, difference: Difference) -> bool:
        """Return whether a difference may be that of replaced values: of such a layer, or behind one on either side.

        What is inside a layer on one side may be behind it on the other: a projection in attention.
        """
        sides = ((self._torch, difference.where.torch.path), (self._keras, difference.where.keras.path))
        return any(self._is_behind_unmatched(side, path) for side, path in sides)

    def _is_behind_unmatched(self, side: Passes, place: str) -> bool:
        calls = [call.path for call in side.float64[ORDINARY].calls]
        known = [calls.index(path) if path in calls else -1 for path in self.unmatched_points]
        return any(number <= (calls.index(place) if place else len(calls)) for number in known)

    def _is_same_point(self, path: str) -> bool:
        torch, keras = (
            [call for call in side.float64[ORDINARY].calls if layer_of(call.path) == path]
            for side in (self._torch, self._keras)
        )
        if len(torch) != len(keras) or not torch or min(call.replaceable for call in torch + keras) < 0:
            return False
        return all(self._match(_point(other), [_point(one) for one in torch]) for other in keras)

    @cached_property
    def apart_in_training(self) -> list[Matched]:
        """Values that differ in training mode although all outputs agree: they are one in inference mode only.

        Dropout before ReLU is dropout behind it, but what ReLU is given is not the same.
        """
        if IN_TRAINING not in self._keras.float64 or IN_TRAINING not in self._torch.float64:
            return []
        differ = [pair for pair in self.matched if self.compare(IN_TRAINING, pair).row is not None]
        return differ if all(pair.keras.path for pair in differ) else []

    def first_difference(self, name: str) -> tuple[Difference | None, float]:
        """Return where two sides part in a pass, in Keras' order of calls, and the largest difference before."""
        largest, apart = 0.0, self.apart_in_training if name.endswith(IN_TRAINING) else []
        for pair in (pair for pair in self.matched if pair not in apart):
            found = self.compare(name, pair)
            if found.row is not None:
                return Difference(pair, found.row, found.size), largest
            largest = max(largest, found.size)
        return None, largest

    def compare(self, name: str, pair: Matched) -> Compared:
        """Compare one value row by row, relative to the row, and to what rounding is measured to do to it."""
        torch, keras = self._torch.float64[name], self._keras.float64[name]
        one, other = self._torch.value(torch, pair.torch), self._keras.value(keras, pair.keras)
        if one is None or other is None:
            return Compared() if one is other else Compared(0, np.inf)
        if one.shape != other.shape:
            return Compared(0, np.inf)
        found, size = differences(one, other), np.maximum(one[:, SIZE], other[:, SIZE])
        exact = LIMIT * size + UNIT_ROUNDING * self._fed(name, pair, len(one))
        allowance = self._allowance(name, pair, size)
        allowed, at_most = exact + allowance, exact + self._at_most(name) * size
        undefined = keras.is_empty & ((one[:, PATTERN] != 0) ^ (other[:, PATTERN] != 0))
        if undefined.any():
            self.undefined.setdefault(pair.keras.path, bool((other[undefined, PATTERN] != 0).any()))
        counted = (keras.whole | (not pair.whole)) & ~undefined
        # Ordinary passes tell what is the same thing: rows that are not looked at would make anything so.
        if pair.keras.path and name not in (ORDINARY, NOTHING_HIDDEN, IN_TRAINING) and not keras.whole.all():
            counted &= keras.whole | self._outputs_apart(name)
        counted &= ~self._strained(name, pair, counted & ~(found <= allowed), found / np.where(size > 0, size, 1))
        if ((found > allowed) & (found <= at_most) & counted).any():
            self._doubtful.add(name)
        relative = found / np.where(size > 0, size, 1)
        share = float((allowance / np.where(size > 0, size, 1))[counted].max(initial=0.0))
        if share > 2 * STATED_ROUNDING:  # more than float32 allows, of both sides
            self.enlarged[pair.keras.path] = max(share, self.enlarged.get(pair.keras.path, 0.0))
        wrong = np.flatnonzero(~(found <= allowed) & counted)
        if len(wrong):
            return Compared(int(wrong[0]), float(relative[wrong[0]]))
        return Compared(None, float(relative[(relative <= LIMIT) & counted].max(initial=0.0)))

    def _allowance(self, name: str, pair: Matched, size: np.ndarray) -> np.ndarray:
        """Return how far rounding may part each row (rows,): what float32 shows, or more that rounding at random does.

        Where float32 has lost all digits of a value inside, as of 1 + 1e-11, it shows nothing of how float64 rounds it.
        """
        rounding = self._torch.rounding(name, pair.torch) + self._keras.rounding(name, pair.keras)
        enlarged = self._torch.enlarged(name, pair.torch) + self._keras.enlarged(name, pair.keras)
        most = np.minimum(ENLARGED_ROUNDING * enlarged, _enlarged_at_most(name) * size)
        return np.maximum(ROUNDING_SHARE * rounding, most)

    def _at_most(self, name: str) -> float:
        """Return up to which share of a row a difference may be rounding that was not looked at yet."""
        if self._is_rounded:
            return 0.0
        if name not in (ORDINARY, NOTHING_HIDDEN):  # those tell what is one on both sides
            return _enlarged_at_most(name)
        return 0.0 if self._is_measured else 2 * ROUNDING_SHARE

    def _strained(self, name: str, pair: Matched, apart: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Return which of the rows that are `apart` do not count: large scores outweigh the number that hides others.

        -1e9 hides nothing beside them, and -infinity does. The model's outputs are judged as what its last layer gives.
        """
        calls = self._torch.float64[name].calls
        last = calls[-1].path if calls else ""
        call = next((one for one in calls if one.path == (pair.torch.path or last)), None)
        if call is None or len(call.strained) != len(apart) or name in (ORDINARY, NOTHING_HIDDEN, IN_TRAINING):
            return np.zeros(len(apart), bool)
        strained = apart & call.strained
        if strained.any():
            self.strained.setdefault(pair.keras.path, float(by[strained].max()))
        return strained

    def _outputs_apart(self, name: str) -> np.ndarray:
        """Return in which rows outputs differ: what is inside may be anything for what is hidden, if they do not."""
        rows = len(self._keras.float64[name].whole)
        apart = np.zeros(rows, bool)
        for place in (Place("", "outputs", number) for number in range(len(self._keras.float64[name].outputs))):
            one, other = (side.value(side.float64[name], place) for side in (self._torch, self._keras))
            if one is None or other is None or one.shape != other.shape:
                return np.ones(rows, bool)
            apart |= ~(differences(one, other) <= LIMIT * np.maximum(one[:, SIZE], other[:, SIZE]))
        return apart

    def _fed(self, name: str, pair: Matched, rows: int) -> np.ndarray:
        """Return the size of what came into each row: 1, or that of what was given to the model or the layer."""
        ran = self._keras.float64[name]
        given = [np.ones(rows), ran.fed] if len(ran.fed) == rows else [np.ones(rows)]
        for call in ran.calls:
            if call.path == pair.keras.path:
                given += [array[:, SIZE] for array in call.inputs if len(array) == rows]
        return np.max(given, axis=0)


def _enlarged_at_most(name: str) -> float:
    return ENLARGED_AT_MOST if name in (ORDINARY, NOTHING_HIDDEN, IN_TRAINING) else ENLARGED_ON_EXTREMES


def _places(calls: Sequence[Call], role: str, is_replaceable: bool) -> list[Place]:
    """Return the values of calls; of outputs those first that a replacement stands for, or those that none does."""
    places = [(Place(call.path, role, n), call.replaceable) for call in calls for n in range(len(getattr(call, role)))]
    if role == "outputs":
        places.sort(key=lambda place: (place[0].number == place[1]) != is_replaceable)
    return [place for place, _ in places]


def layer_of(path: str) -> str:
    """Return a call's layer."""
    return path.partition("#")[0]


def _point(call: Call) -> Place:
    return Place(call.path, "outputs", call.replaceable)
