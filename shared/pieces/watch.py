"""Sees every operation of a model by a name that all frameworks share; tells which are piecewise, and follows values.

Of each value that is not a constant it knows whether it varies with the model's inputs, and between which bounds it
lies. What does not vary has no pieces that other inputs could reach.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np

from twotrack.shared.pieces import bounds
from twotrack.shared.pieces.bounds import FLAG, UNBOUNDED, Bounds
from twotrack.shared.pieces.choice import Choice, Window
from twotrack.shared.pieces.count import PieceKind

BEYOND = 1e30
"""A threshold of this size only guards against infinity."""
Tell = Callable[[Choice], None]


@dataclass(frozen=True)
class Fact:
    """What is known of a value that is not a constant."""

    varies: bool
    """With the model's inputs."""
    bounds: Bounds = UNBOUNDED
    margins: Any = None
    """Of a condition, in its shape: at least zero where it holds; None if not known."""
    counted: bool = False
    """A condition whose pieces were told already."""
    gate: "Gate | None" = None
    """Of a condition, or of the number that it was cast to: what it says about another value."""


@dataclass(frozen=True)
class Gate:
    """A comparison with a constant: the bounds of the value that was compared."""

    value: "Operand"
    where_true: Bounds
    where_false: Bounds

    @classmethod
    def of(cls, operation: str, value: "Operand", constant: float) -> "Gate":
        """Return what `value operation constant` says."""
        above, below = Bounds(low=constant), Bounds(high=constant)
        return cls(value, above, below) if operation in ("gt", "ge") else cls(value, below, above)

    def is_about(self, operand: "Operand") -> bool:
        """Tell whether this is the value that was compared, and still as it was then."""
        return operand.given is self.value.given and operand.fact is self.value.fact

    def limits(self, operand: "Operand", holds: bool) -> Bounds:
        """Return the bounds of a value where the comparison holds, or where it does not."""
        if not self.is_about(operand):
            return operand.bounds
        limits = self.where_true if holds else self.where_false
        return Bounds(max(limits.low, operand.bounds.low), min(limits.high, operand.bounds.high))


WEIGHT = Fact(varies=False)
GIVEN = Fact(varies=True)


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Operand:
    """A value that goes into an operation."""

    given: Any
    """As the framework has it; None of an argument that is left out."""
    fact: Fact | None = None
    """None of a constant, which is concrete."""
    convert: Callable[[Any], Any] = _as_it_is
    """Makes what the watch computes with of it."""

    @cached_property
    def value(self) -> Any:
        """What the watch computes with."""
        return None if self.given is None else self.convert(self.given)

    @property
    def bounds(self) -> Bounds:
        """Between which numbers it lies."""
        return bounds.of(self.value) if self.fact is None else self.fact.bounds

    @property
    def constant(self) -> float | None:
        """Its only number, if it never changes."""
        if self.fact is not None:
            return None
        numbers = np.asarray(self.value)
        if numbers.size == 0 or numbers.dtype == object or not (numbers == numbers.flat[0]).all():
            return None
        return float(numbers.flat[0])

    @property
    def is_whole(self) -> bool:
        """It counts or numbers something."""
        return np.asarray(self.value).dtype.kind in "iu" if self.fact is None else self.value.dtype.kind in "iu"


class Watch:
    """Sees operations one after the other."""

    def __init__(self, tell: Tell, numbers: Any = np):
        """Tell choices to `tell`; `numbers` computes with the framework's values, as NumPy does."""
        self._tell, self._numbers = tell, numbers

    def see(
        self, operation: str, operands: Sequence[Operand], settings: Mapping[str, Any] | None = None, name: str = ""
    ) -> Fact:
        """Take note of an operation; return what is known of its results.

        `name` is what the operation is called in messages, if that is something else.
        """
        facts = [operand.fact for operand in operands if operand.fact]
        varies = any(fact.varies for fact in facts)
        given = settings or {}
        if operation in _COMPARISONS:
            return self._compare(operation, operands, name, varies)
        if operation in _CHECKS:
            return Fact(varies, FLAG, counted=True)
        if operation in _LOGIC:
            return self._logic(operation, operands, varies)
        if operation in _CONDITIONED:
            return self._condition(operation, operands, name, varies)
        if varies and operation in _CHOICES:
            for choice in _CHOICES[operation](self._numbers, name or _NAMES.get(operation, operation), operands, given):
                self._tell(choice)
        if operation in _KEEPS and operands[0].fact and operands[0].fact.counted:
            return Fact(varies, FLAG, counted=True)
        return Fact(varies, _bounds(operation, operands, given))

    def _compare(self, operation: str, operands: Sequence[Operand], name: str, varies: bool) -> Fact:
        a, b = operands
        if not varies or a.given is b.given or _is_a_check(operation, operands):
            return Fact(varies, FLAG, counted=True)
        difference = self._difference(a, b)
        margins = _MARGINS[operation](self._numbers, difference)
        if operation in ("eq", "ne"):
            holds = difference == 0 if operation == "eq" else difference != 0
            function = name or ("==" if operation == "eq" else "!=")
            limits = _limits_of_equality(operation, bounds.subtract(a.bounds, b.bounds))
            self._tell(Choice(PieceKind.CONDITION, function, holds, bounds=limits, margins=margins))
        else:
            self._tell(_between(self._numbers, name or "a comparison", a, b))
        return Fact(varies, FLAG, margins, counted=True, gate=_gate(operation, a, b))

    def _difference(self, a: Operand, b: Operand) -> Any:
        return self._numbers.subtract(*(_real(self._numbers, operand.value) for operand in (a, b)))

    def _logic(self, operation: str, operands: Sequence[Operand], varies: bool) -> Fact:
        facts = [operand.fact for operand in operands]
        if operation == "not":
            (fact,) = facts
            if fact is None:
                return Fact(varies, FLAG)
            return Fact(varies, FLAG, None if fact.margins is None else -fact.margins, fact.counted)
        known = [fact.margins for fact in facts if fact is not None and fact.varies]
        if len(known) == len(operands) and all(margins is not None for margins in known):
            combine = self._numbers.minimum if operation == "and" else self._numbers.maximum
            return Fact(varies, FLAG, combine(*known))
        return Fact(varies, FLAG)

    def _condition(self, operation: str, operands: Sequence[Operand], name: str, varies: bool) -> Fact:
        """Tell of what depends on flags: where, masked_fill, a cast of flags to numbers."""
        condition, *branches = operands
        fact = condition.fact
        if fact is not None and fact.varies and not fact.counted:
            self._tell(Choice(PieceKind.CONDITION, name or operation, condition.value, margins=fact.margins))
        gate = fact.gate if fact else None
        if not branches:
            return Fact(varies, FLAG, gate=gate)
        if gate is None:
            return Fact(varies, bounds.hull(branch.bounds for branch in branches))
        return Fact(
            varies, bounds.hull(gate.limits(b, holds) for b, holds in zip(branches, (True, False), strict=True))
        )


def _real(numbers: Any, value: Any) -> Any:
    """Return numbers that can be subtracted, flags and whole numbers too."""
    return numbers.asarray(value) + 0.0


def _gate(operation: str, a: Operand, b: Operand) -> Gate | None:
    turned = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
    if operation not in turned:
        return None
    if b.constant is not None:
        return Gate.of(operation, a, b.constant)
    return Gate.of(turned[operation], b, a.constant) if a.constant is not None else None


def _gated_product(operands: Sequence[Operand]) -> Bounds | None:
    """Return the bounds of a value times the flag of a comparison of itself; None for other products."""
    for value, flag in (operands, operands[::-1]):
        gate = flag.fact.gate if flag.fact else None
        if gate and gate.is_about(value):
            return bounds.hull([gate.limits(value, True), Bounds(0.0, 0.0)])
    return None


def _is_a_check(operation: str, operands: Sequence[Operand]) -> bool:
    """Tell whether a comparison only guards: a place counted from the end, or a number that is not finite."""
    a, b = operands
    constant = a.constant if b.constant is None else b.constant
    if constant is None:
        return False
    guards_a_place = constant == 0 and operation in ("lt", "ge") and (a.is_whole or b.is_whole)
    return guards_a_place or abs(constant) >= BEYOND


def _limits_of_equality(operation: str, difference: Bounds) -> Bounds:
    """Return the bounds of the margins: none, unless the two sides can never be equal."""
    if difference.low <= 0 <= difference.high:
        return UNBOUNDED
    return Bounds(-inf, -1.0) if operation == "eq" else Bounds(1.0, inf)


def _between(numbers: Any, name: str, a: Operand, b: Operand) -> Choice:
    """Return the choice between two operands, by which is larger."""
    if b.constant is not None:
        return Choice(PieceKind.INTERVAL, name, a.value, (b.constant,), a.bounds)
    if a.constant is not None:
        return Choice(PieceKind.INTERVAL, name, b.value, (a.constant,), b.bounds)
    difference = numbers.subtract(_real(numbers, a.value), _real(numbers, b.value))
    return Choice(PieceKind.INTERVAL, f"{name} of two values", difference, (0.0,), bounds.subtract(a.bounds, b.bounds))


_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_LOGIC = ("and", "or", "not")
_CHECKS = ("is finite",)
_CONDITIONED = ("where", "cast flags")
_KEEPS = ("same",)
"""Operations that leave a condition what it is."""
_MARGINS: Mapping[str, Callable[[Any, Any], Any]] = {
    "gt": lambda numbers, difference: difference,
    "ge": lambda numbers, difference: difference,
    "lt": lambda numbers, difference: -difference,
    "le": lambda numbers, difference: -difference,
    "eq": lambda numbers, difference: -numbers.abs(difference),
    "ne": lambda numbers, difference: numbers.abs(difference),
}
_NAMES = {"window max": "max pooling", "window min": "min pooling", "axis max": "a maximum", "axis min": "a minimum"}

Settings = Mapping[str, Any]
Choices = Callable[[Any, str, Sequence[Operand], Settings], list[Choice]]


def _at(*thresholds: float) -> Choices:
    """Return what tells of a function of one number with these thresholds."""
    return lambda numbers, name, operands, settings: [
        Choice(PieceKind.INTERVAL, name, operands[0].value, thresholds, operands[0].bounds)
    ]


def _at_settings(*names: str) -> Choices:
    """Return what tells of a function whose thresholds are settings; those that are not given are none."""

    def tell(numbers: Any, name: str, operands: Sequence[Operand], settings: Settings) -> list[Choice]:
        found = sorted(float(settings[part]) for part in names if settings.get(part) is not None)
        return _at(*dict.fromkeys(found))(numbers, name, operands, settings) if found else []

    return tell


def _around_zero(numbers: Any, name: str, operands: Sequence[Operand], settings: Settings) -> list[Choice]:
    width = float(settings["width"])
    return _at(-width, width)(numbers, name, operands, settings)


def _either(numbers: Any, name: str, operands: Sequence[Operand], settings: Settings) -> list[Choice]:
    return [_between(numbers, name, operands[0], operands[1])]


def _clamped(numbers: Any, name: str, operands: Sequence[Operand], settings: Settings) -> list[Choice]:
    """(value, low, high), one of which may be None."""
    value, *ends = operands
    given = [end for end in ends if end.given is not None]
    limits = [end.constant for end in given]
    if all(limit is not None for limit in limits):
        thresholds = tuple(sorted({limit for limit in limits if limit is not None and abs(limit) < BEYOND}))
        return [Choice(PieceKind.INTERVAL, name, value.value, thresholds, value.bounds)] if thresholds else []
    return [_between(numbers, name, value, end) for end in given]


def _won(falling: bool) -> Choices:
    """Return what tells of the largest, or smallest, of a window."""

    def tell(numbers: Any, name: str, operands: Sequence[Operand], settings: Settings) -> list[Choice]:
        window: Window = settings["window"]
        if window.places == 1:
            return []
        return [Choice(PieceKind.WINNER, name, operands[0].value, window=window, falling=falling)]

    return tell


def _read(numbers: Any, name: str, operands: Sequence[Operand], settings: Settings) -> list[Choice]:
    """(numbers of rows); the setting `rows` says how many there are."""
    fact = operands[0].fact
    if fact is None or not fact.varies or settings["rows"] < 2:
        return []
    return [Choice(PieceKind.ROW, name, operands[0].value, rows=int(settings["rows"]))]


_CHOICES: Mapping[str, Choices] = {
    **dict.fromkeys(("relu", "leaky_relu", "prelu", "elu", "selu", "celu", "abs", "sign"), _at(0.0)),
    **dict.fromkeys(("floor", "ceil", "round", "truncate"), _at(0.0)),
    "relu6": _at(0.0, 6.0),
    **dict.fromkeys(("hardsigmoid", "hardswish"), _at(-3.0, 3.0)),
    "threshold": _at_settings("threshold"),
    **dict.fromkeys(("hardshrink", "softshrink"), _around_zero),
    "clamp": _clamped,
    **dict.fromkeys(("maximum", "minimum"), _either),
    "window max": _won(falling=False),
    "window min": _won(falling=True),
    "axis max": _won(falling=False),
    "axis min": _won(falling=True),
    "rows": _read,
}


# === Bounds ===


def _bounds(operation: str, operands: Sequence[Operand], settings: Settings) -> Bounds:
    known = [operand.bounds for operand in operands if operand.given is not None]
    if operation in _OF_ONE:
        return _OF_ONE[operation](known[0])
    if operation in _OF_TWO and len(known) == 2:
        gated = _gated_product(operands) if operation == "multiply" else None
        return gated or _OF_TWO[operation](*known)
    if operation == "clamp":
        return _clamp_bounds(operands)
    return bounds.hull(known) if operation == "join" else UNBOUNDED


def _clamp_bounds(operands: Sequence[Operand]) -> Bounds:
    value, low, high = operands
    result = value.bounds if low.given is None else bounds.maximum(value.bounds, low.bounds)
    return result if high.given is None else bounds.minimum(result, high.bounds)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


_OF_ONE: Mapping[str, Callable[[Bounds], Bounds]] = {
    **dict.fromkeys(("same", "window max", "window min", "axis max", "axis min"), lambda a: a),
    "padded": lambda a: bounds.hull([a, Bounds(0.0, 0.0)]),
    "negate": bounds.negate,
    "abs": bounds.absolute,
    **dict.fromkeys(("square", "multiply itself"), bounds.square),
    "even power": bounds.within(0.0, inf),
    "relu": bounds.rising(lambda x: np.maximum(x, 0)),
    "relu6": bounds.rising(lambda x: np.clip(x, 0, 6)),
    "sigmoid": bounds.rising(_sigmoid),
    "hardsigmoid": bounds.within(0.0, 1.0),
    "tanh": bounds.rising(np.tanh),
    "exp": bounds.rising(np.exp),
    "sqrt": bounds.rising(np.sqrt, Bounds(0.0, inf)),
    "rsqrt": bounds.within(0.0, inf),
    "softplus": bounds.rising(lambda x: np.logaddexp(x, 0)),
    "softmax": bounds.within(0.0, 1.0),
    "flag": bounds.within(0.0, 1.0),
    "sign": bounds.within(-1.0, 1.0),
    "sum": lambda a: Bounds(0.0 if a.low >= 0 else -inf, 0.0 if a.high <= 0 else inf),
    "elu": bounds.rising(lambda x: np.where(x > 0, x, np.expm1(x))),
}
_OF_TWO: Mapping[str, Callable[[Bounds, Bounds], Bounds]] = {
    "add": bounds.add,
    "subtract": bounds.subtract,
    "multiply": bounds.multiply,
    "divide": bounds.divide,
    "maximum": bounds.maximum,
    "minimum": bounds.minimum,
}
