"""A recorded weight as the search looks at it: whole, or one part of it, its axes named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations
from math import prod

import numpy as np

from twotrack.shared.weights.correspondence.rule import WeightRule

Atom = tuple[str, int]
"""Name and size of an axis, or of a factor of one."""
PART = "part"
LETTERS = "abcdefghjklmnopqrstuvwxyz"
LIMIT = 24
"""Layouts of one weight that are tried."""


@dataclass(frozen=True)
class View:
    """A weight, or a part of one, or several stacked, that one weight of the other model may be."""

    sources: tuple[str, ...]
    groups: tuple[tuple[Atom, ...], ...]
    """For every axis of the sources, stacked if they are several, the atoms that it counts."""
    array: np.ndarray
    """One axis for each atom that is not fixed."""
    part: tuple[int, int] | None = None
    """Index and number of the parts that the atom `part` counts, if it is fixed."""
    rows: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.array.size

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """The atoms that are not fixed, in the order of the array's axes."""
        fixed = PART if self.part else None
        return tuple(atom for group in self.groups for atom in group if atom[0] != fixed)

    def split(self, axis: int, sizes: Sequence[int]) -> "View":
        """Return the same weight with an axis of the source counted by several atoms."""
        (name, _), *others = self.groups[axis]
        if others:
            raise ValueError(f"axis {axis} is counted by several atoms already")
        atoms = tuple((f"{name}{number}", size) for number, size in enumerate(sizes))
        groups = (*self.groups[:axis], atoms, *self.groups[axis + 1 :])
        shape = [size for group in groups for _, size in group]
        return replace(self, groups=groups, array=self.array.reshape(shape))

    def rows_from(self, start: int, stop: int) -> "View":
        """Return the rows of the first axis from `start` to before `stop`."""
        ((name, _),) = self.groups[0]
        groups = (((name, stop - start),), *self.groups[1:])
        return replace(self, groups=groups, array=self.array[start:stop], rows=(start, stop))


def whole(name: str, array: np.ndarray) -> View:
    """Return a weight as it is."""
    groups = tuple(((letter, size),) for letter, size in zip(LETTERS, array.shape, strict=False))
    return View((name,), groups, array)


def stacked(names: Sequence[str], arrays: Sequence[np.ndarray]) -> View:
    """Return weights of one shape, stacked."""
    first = whole(names[0], arrays[0])
    return View(tuple(names), (((PART, len(names)),), *first.groups), np.stack(arrays))


def parted(view: View, axis: int, heads: int, number: int) -> list[View]:
    """Return the parts of a weight that lie along an axis: in blocks, or, with `heads`, one of each in every head."""
    ((name, size),) = view.groups[axis]
    width = size // (number * heads)
    atoms: tuple[Atom, ...] = ((PART, number), (name, width))
    if heads > 1:
        atoms = ((f"{name}0", heads), (PART, number), (f"{name}1", width))
    groups = (*view.groups[:axis], atoms, *view.groups[axis + 1 :])
    array = view.array.reshape([size for group in groups for _, size in group])
    place = [name for group in groups for name, _ in group].index(PART)
    return [replace(view, groups=groups, array=array.take(part, place), part=(part, number)) for part in range(number)]


@dataclass(frozen=True)
class Laid:
    """A view in the shape of the other model's weight."""

    rule: WeightRule
    array: np.ndarray
    key: tuple
    """Equal for layouts of the same kind."""
    factors: int = 0
    """Into how many factors the axes are cut."""


def layouts(view: View, shape: Sequence[int]) -> list[Laid]:
    """Return the ways to lay a view out in `shape`, the likeliest first."""
    found: dict[str, Laid] = {}
    for order, target_order in _orders(view, shape):
        laid = _laid(view, order, tuple(shape), target_order)
        if laid is not None:
            found.setdefault(str(laid.rule), laid)
        if len(found) >= LIMIT:
            break
    return sorted(found.values(), key=lambda laid: laid.factors)


def _orders(view: View, shape: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield orders of the view's axes of more than one element, and of the target's."""
    own = [place for place, (_, size) in enumerate(view.atoms) if size != 1]
    target = [place for place, size in enumerate(shape) if size != 1]
    usual = _usual(view, own)
    orders = list(dict.fromkeys([*usual, tuple(own), *permutations(own)])) if len(own) <= 5 else [*usual, tuple(own)]
    if len(shape) == len(view.atoms) == 1:
        orders = [tuple(own)]
    yield from ((order, tuple(target)) for order in orders)
    sizes = sorted(view.atoms[place][1] for place in own)
    if sizes != sorted(shape[place] for place in target) and len(target) <= 4:
        yield from ((order, other) for order in orders for other in permutations(target))


def _usual(view: View, own: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the orders in which frameworks differ: inputs before outputs, the places of a convolution before both."""
    places, groups = iter(range(len(view.atoms))), []
    for group in view.groups:
        taken = [next(places) for name, _ in group if not (view.part and name == PART)]
        groups.append([place for place in taken if place in own])
    stack, groups = (
        (groups[0], groups[1:]) if not view.part and view.groups and view.groups[0][0][0] == PART else ([], groups)
    )
    while groups and not groups[0]:  # later ones keep their place: the inputs of a depthwise convolution are one
        groups = groups[1:]
    *outer, last = [*groups[2:], *groups[1:2], *groups[:1]] or [[]]
    before = [place for group in outer for place in group]
    return [(*before, *stack, *last), (*before, *last[:1], *stack, *last[1:])]


def _laid(view: View, order: tuple[int, ...], shape: tuple[int, ...], target: tuple[int, ...]) -> Laid | None:
    """Return the layout in which the view's axes, in an order, count the target's axes, in another; None if none."""
    own = [view.atoms[place] for place in order]
    factors = _common([size for _, size in own], [shape[place] for place in target])
    if factors is None:
        return None
    axes = {name: _factors(name, sizes) for (name, _), sizes in zip(own, factors[0], strict=True)}
    sizes = dict(factor for parts in axes.values() for factor in parts)
    flat = iter(sizes)
    by_axis = {place: [next(flat) for _ in parts] for place, parts in zip(target, factors[1], strict=True)}
    left = " ".join(_group([n for name, size in group for n in _names(name, size, axes)]) for group in view.groups)
    right = " ".join(_group(by_axis.get(place, [])) for place in range(len(shape)))
    return Laid(_rule(view, left, right, sizes), _moved(view, axes, by_axis, shape), (left, right), len(sizes))


def _factors(name: str, sizes: Sequence[int]) -> list[Atom]:
    """Return the factors of an axis, named after it."""
    return [(name, sizes[0])] if len(sizes) == 1 else [(f"{name}{number}", size) for number, size in enumerate(sizes)]


def _moved(
    view: View, axes: dict[str, list[Atom]], by_axis: dict[int, list[str]], shape: tuple[int, ...]
) -> np.ndarray:
    """Return the view's array in the target's shape."""
    factors = [factor for name, size in view.atoms for factor in (axes[name] if size != 1 else [("", 1)])]
    names = [name for name, _ in factors]
    taken = [names.index(name) for place in sorted(by_axis) for name in by_axis[place]]
    rest = [place for place, name in enumerate(names) if not name]
    return view.array.reshape([size for _, size in factors]).transpose([*taken, *rest]).reshape(shape)


def _names(name: str, size: int, axes: dict[str, list[Atom]]) -> list[str]:
    if name == PART and name not in axes:
        return [PART]
    return [factor for factor, _ in axes[name]] if size != 1 else []


def _group(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({' '.join(names)})" if names else "1"


def _common(left: Sequence[int], right: Sequence[int]) -> tuple[list[list[int]], list[list[int]]] | None:
    """Return the factors of both shapes' axes that count them alike, in order; None if there are none."""
    if prod(left) != prod(right):
        return None
    cuts = sorted({int(cut) for shape in (left, right) for cut in np.cumprod(shape)} - {1})
    factors, before = [], 1
    for cut in cuts:
        if cut % before:
            return None
        factors.append(cut // before)
        before = cut
    return _grouped(factors, left), _grouped(factors, right)


def _grouped(factors: Sequence[int], shape: Sequence[int]) -> list[list[int]]:
    groups, rest = [], list(factors)
    for size in shape:
        group: list[int] = []
        while prod(group) < size:
            group.append(rest.pop(0))
        groups.append(group)
    return groups


def _rule(view: View, left: str, right: str, sizes: dict[str, int]) -> WeightRule:
    """Return the rule for a pattern; none is needed where nothing moves."""
    if left == right and view.part is None:
        return WeightRule(view.sources, rows=view.rows)
    left, right, sizes = _renamed(left, right, sizes)
    grouped = {n for group in f"{left} {right}".split("(")[1:] for n in group.split(")")[0].split()}
    needed = _needed(left, {n: s for n, s in sizes.items() if n in grouped})
    return WeightRule(view.sources, f"{left} -> {right}", needed, view.part, view.rows)


def _needed(left: str, sizes: dict[str, int]) -> dict[str, int]:
    """Leave out, of each group on the left, the size that follows from the whole and the others."""
    found: dict[str, int] = {}
    for group in left.split("(")[1:]:
        names = [name for name in group.split(")")[0].split() if name in sizes]
        found |= {name: sizes[name] for name in names[:-1]}
    return found


def _renamed(left: str, right: str, sizes: dict[str, int]) -> tuple[str, str, dict[str, int]]:
    """Return the pattern with the axes' names as they are usual: o and i, h and d for heads and their features."""
    names = list(dict.fromkeys(left.replace("(", " ").replace(")", " ").split()))
    names = [name for name in names if name not in {"1", PART}]
    bases = list(dict.fromkeys(name[0] for name in names))
    usual = dict(zip(bases, "oiyxz" if len(bases) > 1 else "o", strict=False)) if len(bases) <= 5 else {}
    table: dict[str, str] = {}
    for base in bases:
        own = [name for name in names if name[0] == base]
        heads = len(own) == 2 and not any(name in table.values() for name in "hd")
        new = ["h", "d"] if heads else [f"{usual.get(base, base)}{n if len(own) > 1 else ''}" for n in range(len(own))]
        table |= dict(zip(own, new, strict=True))

    def rewrite(text: str) -> str:
        words = text.replace("(", "( ").replace(")", " )").split()
        return " ".join(table.get(word, word) for word in words).replace("( ", "(").replace(" )", ")")

    return rewrite(left), rewrite(right), {table.get(n, n): s for n, s in sizes.items()}
