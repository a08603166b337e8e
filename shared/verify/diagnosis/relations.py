"""By what function one value becomes another: solved for from the numbers of both, and put to the test elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import isclose, sqrt
from typing import Literal

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import AddValue, Change, Function, MapValue

SOLVED = 1e3 * TOLERANCES["forward"].limit
"""How near a solution must come to be put to the test, relative to the largest value."""
MANY = 50_000
"""Values of an example from which on their order is not looked for."""
MOST_TERMS = 8
"""Earlier values of which one may stand in the place of another in a sum."""
EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-12, 0.0)


@dataclass(frozen=True)
class Place:
    """A value of torch's model."""

    path: str
    """Canonical; empty for the model itself."""
    role: Literal["inputs", "outputs"]
    number: int = 0
    is_behind: bool = False
    """What code behind the layer takes, and not what the layer itself gives."""
    activation: str = ""
    """Of what the layer gives, where the value is that of it and Keras' layer has the activation inside."""

    @property
    def told(self) -> str:
        """What a message calls it."""
        if not self.path:
            return "the output"
        given = f"what '{self.path}' is given" if self.role == "inputs" else f"what '{self.path}' gives"
        return f"{self.activation} of {given}" if self.activation else given

    @property
    def first(self) -> Function:
        """What makes the value of what the layer gives."""
        return Function(name=self.activation or "identity")

    def mapped(self, name: str, **parameters: object) -> MapValue:
        """Return the change by which the value goes through a function."""
        function = Function(name=name, parameters=parameters)
        return MapValue(path=self.path, role=self.role, number=self.number, function=function, is_behind=self.is_behind)


@dataclass(frozen=True)
class Known:
    """What is known beside the two values."""

    before: Mapping[Place, np.ndarray]
    """Values that both sides agree on, in their order: one of them may be added on one side."""
    weights: Mapping[str, np.ndarray]
    constants: Mapping[str, float]
    """Numbers of the models that a factor may be made of, by what they are."""


def relations(place: Place, torch: np.ndarray, keras: np.ndarray, known: Known) -> Iterator[Candidate]:
    """Yield what makes Keras' value (batch, ...) of torch's, simplest first."""
    if len(torch) != len(keras) or agree(torch, keras):
        return
    if torch.shape == keras.shape:
        yield from _factor(place, torch, keras, known.constants)
        yield from _offset(place, torch, keras, known.weights)
        yield from _added(place, torch, keras, known.before)
        yield from _other_term(place, torch, keras, known.before)
        yield from _table(place, torch, keras)
        yield from _rolled(place, torch, keras)
        yield from _normalised(place, torch, keras)
    if torch.size == keras.size:
        yield from _ordered(place, torch, keras)
    elif torch.ndim == keras.ndim:
        yield from _cut(place, torch, keras)
    elif torch.ndim == keras.ndim + 1:
        yield from _reduced(place, torch, keras)


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two arrays are one but for rounding."""
    if one.shape != other.shape:
        return False
    size = max(np.abs(one).max(initial=0.0), np.abs(other).max(initial=0.0))
    return bool(np.abs(one - other).max(initial=0.0) <= SOLVED * size)


def candidate(change: Change | Sequence[Change], what: str, fix: str, back: str, entry: str = "") -> Candidate:
    """Return that a change, or several, remove a difference, with the lines for torch and for Keras."""
    changes = tuple(change) if isinstance(change, Sequence) else (change,)
    return Candidate(changes=changes, what=what, torch_fix=fix, keras_fix=back, entry=entry)


def _factor(place: Place, torch: np.ndarray, keras: np.ndarray, constants: Mapping[str, float]) -> Iterator[Candidate]:
    factor = fitted(torch, keras)
    if factor and not isclose(factor, 1.0, rel_tol=1e-9):  # nearer ones stand for rounding, or for something else
        yield scaled(place, factor, constants)


def fitted(torch: np.ndarray, keras: np.ndarray) -> float | None:
    """Return the factor that makes one value of the other; None if there is none."""
    power = float((torch * torch).sum())
    factor = float((torch * keras).sum() / power) if power and torch.shape == keras.shape else 0.0
    return factor if factor and agree(factor * torch, keras) else None


def scaled(place: Place, factor: float, constants: Mapping[str, float]) -> Candidate:
    """Return that a value is larger in Keras by a factor."""
    told = named_factor(factor, constants)
    return candidate(
        place.mapped("scale", factor=factor),
        f"{place.told} is {told} times as large in Keras as in torch",
        f"multiply {place.told} by {told}",
        f"divide it by {told}",
    )


def named_factor(factor: float, constants: Mapping[str, float]) -> str:
    """Say what a factor is made of, if it is one of the usual constants or of the model's numbers."""
    usual = {f"{n:g}": float(n) for n in (2, 3, 4, 10, 100, 255, 127.5, 0.5)} | {"-1": -1.0}
    forms = {**usual}
    for name, value in constants.items():
        if value > 1:
            forms |= {f"{name}": value, f"1 / {name}": 1 / value}
            forms |= {f"sqrt({name})": sqrt(value), f"1 / sqrt({name})": 1 / sqrt(value)}
        elif 0 < value < 1:
            forms |= {
                f"{name}": value,
                f"1 / {name}": 1 / value,
                f"1 - {name}": 1 - value,
                f"1 / (1 - {name})": 1 / (1 - value),
            }
    forms |= {f"1 / {n:g}": 1 / n for n in (255, 127.5, 3, 10, 100)}
    found = next((name for name, value in forms.items() if isclose(factor, value, rel_tol=1e-9)), "")
    return f"{factor:.9g}" + (f" ({found})" if found and found != f"{factor:g}" else "")


def _offset(
    place: Place, torch: np.ndarray, keras: np.ndarray, weights: Mapping[str, np.ndarray]
) -> Iterator[Candidate]:
    apart = (keras - torch).reshape(-1, keras.shape[-1])
    vector, size = apart.mean(0), max(np.abs(keras).max(initial=0.0), np.abs(torch).max(initial=0.0))
    if len(apart) < 2 or np.abs(apart - vector).max() > SOLVED * size:
        yield from _affine(place, torch, keras)
        return
    for name, weight in weights.items():
        for times in (1.0, -1.0):
            if weight.shape == vector.shape and agree(times * weight, vector):
                sides = ("Keras", "torch") if times > 0 else ("torch", "Keras")
                yield candidate(
                    place.mapped("offset", by=tuple(vector.tolist())),
                    f"{sides[0]} adds '{name}' to {place.told} once more than {sides[1]}",
                    f"{'add' if times > 0 else 'leave out'} '{name}' there",
                    f"{'leave out' if times > 0 else 'add'} '{name}' there",
                )
    same = np.abs(vector - vector[0]).max() <= SOLVED * size
    by = float(vector[0]) if same else tuple(vector.tolist())
    told = f"{vector[0]:.9g}" if same else "a vector"
    yield candidate(
        place.mapped("offset", by=by),
        f"{place.told} is larger by {told} in Keras than in torch",
        f"add {told} to it",
        f"subtract {told} from it",
    )


def _table(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """One table of numbers for every example, as of positions."""
    apart = keras - torch
    if (
        len(apart) > 1
        and apart.ndim > 2
        and apart[0].size <= MANY
        and agree(np.broadcast_to(apart[:1], apart.shape), apart)
    ):
        told = f"one table of numbers {apart.shape[1:]} for every example, as of positions"
        yield candidate(
            place.mapped("offset", by=tuple(apart[0].ravel().tolist()), shape=apart.shape[1:]),
            f"{place.told} is larger in Keras by {told}",
            "Keras' table of positions, or whatever is added in front",
            "torch's table of positions, or whatever is added in front",
        )


def _affine(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    if torch.size < 3 or np.ptp(torch) == 0:
        return
    factor, offset = np.polyfit(torch.ravel(), keras.ravel(), 1)
    if abs(factor) > 0 and agree(factor * torch + offset, keras):
        sign, other, size = ("-", "+", -offset) if offset < 0 else ("+", "-", offset)
        told = f"{factor:.9g} x {sign} {size:.9g}"
        yield candidate(
            (place.mapped("scale", factor=float(factor)), place.mapped("offset", by=float(offset))),
            f"{place.told} is {told} in Keras, with x what it is in torch",
            f"{told} in its place",
            f"(x {other} {size:.9g}) / {factor:.9g} in its place",
        )


def _added(
    place: Place, torch: np.ndarray, keras: np.ndarray, before: Mapping[Place, np.ndarray]
) -> Iterator[Candidate]:
    apart = keras - torch
    for source, value in before.items():
        if value.size != apart.size or not (power := float((value * value).sum())):
            continue
        factor = float((value.reshape(apart.shape) * apart).sum() / power)
        if factor and agree(torch + factor * value.reshape(apart.shape), keras):
            yield added(place, source, factor)


def _other_term(
    place: Place, torch: np.ndarray, keras: np.ndarray, before: Mapping[Place, np.ndarray]
) -> Iterator[Candidate]:
    """Another earlier value in a sum, as what a skip connection goes around."""
    apart = keras - torch
    there = [(source, value.reshape(apart.shape)) for source, value in before.items() if value.size == apart.size]
    for (source, value), (own, taken_off) in permutations(there[-MOST_TERMS:], 2):
        if agree(torch + value - taken_off, keras):
            changes = [added(place, one, factor).changes[0] for one, factor in ((source, 1.0), (own, -1.0))]
            yield candidate(
                changes,
                f"in the sum that becomes {place.told} Keras has {source.told} where torch has {own.told}",
                f"{source.told} in the place of {own.told} there",
                f"{own.told} in the place of {source.told} there",
            )


def added(place: Place, source: Place, factor: float) -> Candidate:
    """Return that a multiple of a value is added at a place in Keras, or, if it is negative, in torch."""
    is_whole = isclose(abs(factor), 1.0, rel_tol=1e-9)
    sides, told = (
        ("Keras", "torch") if factor > 0 else ("torch", "Keras"),
        "" if is_whole else f"{abs(factor):.6g} times ",
    )
    change = AddValue(
        path=place.path,
        role=place.role,
        source=source.path,
        source_role=source.role,
        factor=round(factor) if is_whole else factor,
        is_behind=place.is_behind,
    )
    return candidate(
        change,
        f"{sides[0]} adds {told}{source.told} to {place.told}, {sides[1]} does not",
        f"{'add' if factor > 0 else 'do not add'} {source.told} there",
        f"{'do not add' if factor > 0 else 'add'} {source.told} there",
    )


def _rolled(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """One step along an axis, with zeros that come in."""
    for axis in range(1, torch.ndim):
        size = torch.shape[axis]
        for by in (1, -1) if size > 2 else ():
            kept, moved = np.arange(max(0, -by), size - max(0, by)), np.arange(max(0, by), size + min(0, by))
            edge = keras.take(0 if by > 0 else size - 1, axis)
            if not edge.any() and torch.any() and agree(torch.take(kept, axis), keras.take(moved, axis)):
                told = "behind" if by > 0 else "before"
                yield candidate(
                    place.mapped("roll", axis=axis, by=by),
                    f"{place.told} is one step {told} in Keras along axis {axis}",
                    f"move it by {by} along axis {axis}",
                    f"move it by {-by} along axis {axis}",
                )


def _normalised(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """Keras has a normalisation without weights that torch does not."""
    centred = torch - torch.mean(-1, keepdims=True)
    for epsilon in EPSILONS:
        for name, value, square in (("layer_norm", centred, centred), ("rms_norm", torch, torch)):
            with np.errstate(divide="ignore", invalid="ignore"):
                normal = value / np.sqrt((square**2).mean(-1, keepdims=True) + epsilon)
            if np.isfinite(normal).all() and agree(normal, keras):
                told = f"{name.replace('_', ' ')} with epsilon {epsilon:g}"
                yield candidate(
                    place.mapped(name, epsilon=epsilon),
                    f"Keras applies {told} to {place.told}, torch does not",
                    f"{told} there",
                    f"no {told} there",
                )


def _ordered(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """The same numbers in another order, or another shape."""
    order = order_of(torch.reshape(len(torch), -1), keras.reshape(len(keras), -1))
    if order is None:
        return
    shape = keras.shape[1:]
    if (order == np.arange(len(order))).all():
        if torch.shape == keras.shape:
            return
        yield candidate(
            place.mapped("reshape", shape=shape),
            f"{place.told} has shape {shape} in Keras and {torch.shape[1:]} in torch, with the same numbers",
            f"reshape it to {shape}",
            f"reshape it to {torch.shape[1:]}",
        )
        return
    told = order_in_words(order, torch.shape[1:], shape)
    yield candidate(
        place.mapped("order", order=tuple(order.tolist()), shape=shape),
        f"{place.told} has the same numbers on both sides in another order: {told}",
        "put them into Keras' order",
        "put them into torch's order",
        "flatten_order",
    )


def order_of(torch: np.ndarray, keras: np.ndarray) -> np.ndarray | None:
    """Return which column of torch (rows, columns) every column of Keras is; None if they are not the same."""
    if torch.shape != keras.shape or torch.shape[1] > MANY:
        return None
    size = np.abs(torch).max(initial=0.0) or 1.0
    keys = [np.round(array / size, 9) + 0.0 for array in (torch, keras)]
    sorted_ = [np.lexsort(key[::-1]) for key in keys]
    if not agree(torch[:, sorted_[0]], keras[:, sorted_[1]]):
        return None
    order = np.empty(torch.shape[1], int)
    order[sorted_[1]] = sorted_[0]
    return order


def order_in_words(order: np.ndarray, torch: tuple[int, ...], keras: tuple[int, ...]) -> str:
    """Say what an order is, if it is a reversal or an exchange of axes of either shape, or of factors of a flat one."""
    count = len(order)
    for shape in dict.fromkeys([torch, keras, *_factored(count)]):
        numbers = np.arange(count).reshape(shape)
        for axes in permutations(range(len(shape))):
            if axes != tuple(range(len(shape))) and (numbers.transpose(axes).ravel() == order).all():
                return f"axes {axes} of {shape} in torch, counted from 0, come in that order in Keras"
        for axis in range(len(shape)):
            if shape[axis] > 1 and (np.flip(numbers, axis).ravel() == order).all():
                return f"axis {axis} of {shape}, counted from 0, is reversed"
    moved = int((order != np.arange(count)).sum())
    return f"{moved:,} of {count:,} stand elsewhere"


def _factored(count: int) -> Iterator[tuple[int, ...]]:
    divisors = [n for n in range(2, min(count, 513)) if count % n == 0]
    for first in divisors:
        yield (first, count // first)
    for first in divisors:
        for second in divisors:
            if count % (first * second) == 0 and count // (first * second) > 1:
                yield (first, second, count // (first * second))


def _cut(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """Rows at either end that only one side has."""
    apart = [own - other for own, other in zip(keras.shape[1:-1], torch.shape[1:-1], strict=True)]
    if torch.shape[-1] != keras.shape[-1] or not apart:
        return
    fronts = [range(min(0, n), max(0, n) + 1) for n in apart]
    for front in np.stack(np.meshgrid(*fronts, indexing="ij"), -1).reshape(-1, len(apart)):
        widths = tuple((int(f), int(n - f)) for f, n in zip(front, apart, strict=True))
        if agree(_padded(torch, widths), keras):
            yield candidate(
                place.mapped("pad", widths=widths),
                f"Keras pads {place.told} by {[list(pair) for pair in widths]} in front and behind",
                f"pad it by {[list(pair) for pair in widths]}",
                f"pad it by {[[-a, -b] for a, b in widths]}",
            )


def _padded(array: np.ndarray, widths: Sequence[tuple[int, int]]) -> np.ndarray:
    for axis, (front, behind) in enumerate(widths, start=1):
        size = array.shape[axis]
        array = array.take(np.arange(max(0, -front), size - max(0, -behind)), axis)
        pad = [(0, 0)] * array.ndim
        pad[axis] = (max(0, front), max(0, behind))
        array = np.pad(array, pad)
    return array


def _reduced(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """Keras has one step of an axis, or a mean, sum or maximum over it, of what torch has."""
    for function, told in _reductions(torch, keras):
        yield candidate(
            place.mapped(function.name, **function.parameters),
            f"Keras takes {told} of {place.told}, torch keeps all",
            f"take {told}",
            "keep all steps",
        )


def taken(place: Place, keras: np.ndarray, before: Mapping[Place, np.ndarray]) -> Iterator[Candidate]:
    """Keras has that of an earlier value, of which torch's code makes something else."""
    for source, value in before.items():
        if source == place:
            continue
        found = list(_reductions(value, keras))
        if value.shape == keras.shape and agree(value, keras):
            found.append((Function(name="identity"), "nothing else than what there is"))
        for function, told in found:
            yield candidate(
                AddValue(
                    path=place.path,
                    role=place.role,
                    own=0.0,
                    source=source.path,
                    source_role=source.role,
                    first=source.first,
                    by=function,
                ),
                f"{place.told} is in Keras {told} of {source.told}, in torch it is not",
                f"take {told} of {source.told}",
                "take what torch takes of it",
            )


def _reductions(value: np.ndarray, keras: np.ndarray) -> Iterator[tuple[Function, str]]:
    """Yield what makes Keras' value of one with an axis more."""
    if value.ndim == keras.ndim + 1 == 3 and value.shape[-1] % 2 == 0:
        half = value.shape[-1] // 2
        if agree(np.concatenate([value[:, -1, :half], value[:, 0, half:]], -1), keras):
            yield (
                Function(name="ends"),
                "the last step of the forward and the first of the backward direction, where each has read everything,",
            )
    for axis in range(1, value.ndim) if value.ndim == keras.ndim + 1 else ():
        for index, told in ((-1, "the last"), (0, "the first")):
            if agree(value.take(index, axis), keras):
                yield (
                    Function(name="select", parameters={"axis": axis, "index": index}),
                    f"{told} step along axis {axis}",
                )
        yield from _reduced_by(value, keras, axis)
    middle = tuple(range(1, value.ndim - 1))
    if len(middle) > 1 and keras.ndim == 2:
        yield from _reduced_by(value, keras, middle)


def _reduced_by(value: np.ndarray, keras: np.ndarray, axis: int | tuple[int, ...]) -> Iterator[tuple[Function, str]]:
    told = f"axis {axis}" if isinstance(axis, int) else f"axes {', '.join(map(str, axis))}"
    for how, reduce in (("mean", np.mean), ("sum", np.sum), ("max", np.max)):
        if agree(np.asarray(reduce(value, axis)), keras):
            yield Function(name="reduce", parameters={"axis": axis, "how": how}), f"the {how} over {told}"
