"""Which weight of one recording is which of another: by name, or by equal values up to the order of axes.

Two models that were given the same weights hold the same numbers, whatever their layers are called: a hash that is
blind to order finds them, and as hashes of parts add up to that of the whole, fused weights too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from twotrack.shared.recordings.ways import Added, ByValue, Same, Way, way_between

Weights = Mapping[str, np.ndarray]
MOST_PARTS = 8
"""Of a fused weight, where they follow each other; of others up to three."""
_BLOCK = 2**20
_BITS = {np.dtype(np.float64): np.uint64, np.dtype(np.float32): np.uint32}


@dataclass(frozen=True)
class Pair:
    """One weight of both sides; on one of them it may be made of several."""

    one: tuple[str, ...]
    other: tuple[str, ...]
    way: Way = Same()  # noqa: RUF009 - frozen

    @property
    def name(self) -> str:
        """What messages call it: the name of the side where it is one."""
        return self.one[0] if len(self.one) == 1 else self.other[0]


@dataclass
class Match:
    """What was found."""

    pairs: list[Pair] = field(default_factory=list)
    only_one: list[str] = field(default_factory=list)
    only_other: list[str] = field(default_factory=list)
    ambiguous: list[Pair] = field(default_factory=list)
    """Of the pairs: others have the same values, so that these were paired by their layers or by their order."""
    different: list[Pair] = field(default_factory=list)
    """Of the pairs: they have one name, and other values."""

    def paths(self) -> dict[str, str]:
        """Return the first side's paths of layers by the other side's, as far as weights show them."""
        found: dict[str, str] = {}
        for pair in self.pairs:
            if len(pair.one) == len(pair.other) == 1 and pair not in self.ambiguous:
                found.setdefault(owner(pair.other[0]), owner(pair.one[0]))
        return found


def owner(name: str) -> str:
    """Return the path of a weight's layer."""
    return name.rpartition(".")[0]


def match_by_names(one: Mapping[str, tuple[int, ...]], other: Mapping[str, tuple[int, ...]]) -> Match:
    """Pair weights of one name and shape, whose values are not known."""
    both = [name for name in one if other.get(name) == one[name]]
    only_one, only_other = ([name for name in names if name not in both] for names in (one, other))
    return Match([Pair((name,), (name,)) for name in both], only_one, only_other)


def match(one: Weights, other: Weights, kind: np.dtype) -> Match:
    """Pair weights: of one name and value, then of equal values, then fused ones, then of one name alone.

    `kind` is the coarser type of both sides' numbers: a weight that went from float64 to float32 is the same in that.
    """
    search = _Search(one, other, kind)
    search.pair_equal_names()
    search.pair_sums()
    search.pair_equal_values()
    search.pair_fused()
    search.pair_names()
    return search.finished()


class _Search:
    def __init__(self, one: Weights, other: Weights, kind: np.dtype):
        self._one, self._other, self._kind, self.found = one, other, kind, Match()
        self._hashes = [{name: fingerprint(array, kind) for name, array in side.items()} for side in (one, other)]
        self._left = [list(one), list(other)]

    def _take(self, one: Sequence[str], other: Sequence[str], way: Way) -> Pair:
        for names, left in ((one, self._left[0]), (other, self._left[1])):
            for name in names:
                left.remove(name)
        pair = Pair(tuple(one), tuple(other), way)
        self.found.pairs.append(pair)
        return pair

    def _take_equal(self, one: str, other: str) -> Pair:
        return self._take([one], [other], way_between(self._one[one], self._other[other], self._kind))

    def pair_equal_names(self) -> None:
        """Pair weights of one name and shape that hold the same numbers at the same places."""
        for name in [name for name in self._left[0] if name in self._other]:
            own, others = self._one[name], self._other[name]
            if own.shape != others.shape or self._hashes[0][name] != self._hashes[1][name]:
                continue
            if np.array_equal(own.astype(self._kind, copy=False), others.astype(self._kind, copy=False)):
                self._take([name], [name], Same())

    def pair_equal_values(self) -> None:
        """Pair weights that hold the same numbers: those that are alone with them first."""
        groups = [(names, others) for names, others in self._groups() if len(names) == len(others) == 1]
        for (name,), (other,) in groups:
            self._take_equal(name, other)
        for names, others in self._groups():
            self._by_owners(names, others)
        for names, others in self._groups():
            for some, facing in _by_roles(names, others):
                self.found.ambiguous += [self._take_equal(*pair) for pair in zip(some, facing, strict=False)]

    def pair_sums(self) -> None:
        """Pair the two biases of torch's recurrent layers with their sum, which is all that counts of an LSTM."""
        for side in (0, 1):
            arrays, sums = (self._one, self._other)[side], {}
            for name in self._left[side]:
                second = name.replace("bias_ih", "bias_hh")
                if second != name and second in self._left[side]:
                    added = arrays[name].astype(self._kind) + arrays[second].astype(self._kind)
                    sums[fingerprint(added, self._kind)] = [name, second]
            for whole in list(self._left[1 - side]):
                parts = sums.pop(self._hashes[1 - side][whole], None)
                if parts:
                    self._take(*((parts, [whole]) if side == 0 else ([whole], parts)), Added())

    def _groups(self) -> list[tuple[list[str], list[str]]]:
        """Return names of both sides with the same numbers, as far as they are left."""
        found: dict[tuple[int, int], tuple[list[str], list[str]]] = {}
        for side in (0, 1):
            for name in self._left[side]:
                found.setdefault(self._hashes[side][name], ([], []))[side].append(name)
        return [group for group in found.values() if all(group)]

    def _by_owners(self, names: Sequence[str], others: Sequence[str]) -> None:
        """Pair those of a group that are alone in layers of which other weights are paired."""
        for own, facing in self.found.paths().items():
            some, rivals = (
                [name for name in group if owner(name) == path] for group, path in ((names, facing), (others, own))
            )
            if len(some) == len(rivals) == 1:
                self._take_equal(some[0], rivals[0])

    def pair_fused(self) -> None:
        """Pair a weight with several of the other side that hold its numbers together."""
        for whole_side in (0, 1):
            for whole in list(self._left[whole_side]):
                parts = self._parts(whole_side, whole)
                if parts:
                    one, other = ([whole], parts) if whole_side == 0 else (parts, [whole])
                    self._take(one, other, self._joined(one, other))

    def _joined(self, one: Sequence[str], other: Sequence[str]) -> Way:
        return ByValue(
            [self._one[name].astype(self._kind, copy=False) for name in one],
            [self._other[name].astype(self._kind, copy=False) for name in other],
        )

    def _parts(self, side: int, whole: str) -> list[str]:
        size, total = self._hashes[side][whole]
        hashes, names = self._hashes[1 - side], self._left[1 - side]
        small = [name for name in names if hashes[name][0] < size]
        for parts in _candidates(small, {name: hashes[name] for name in small}, (size, total)):
            return parts
        return []

    def pair_names(self) -> None:
        """Pair what is left by name and shape; the values differ."""
        for name in [name for name in self._left[0] if name in self._left[1]]:
            if self._one[name].shape == self._other[name].shape:
                self.found.different.append(self._take([name], [name], Same()))

    def finished(self) -> Match:
        """Return what was found, in the first side's order."""
        place = {name: number for number, name in enumerate(self._one)}
        self.found.pairs.sort(key=lambda pair: place[pair.one[0]])
        # Whole numbers are constants, such as positions or counts: what they do, the outputs tell.
        self.found.only_one, self.found.only_other = (
            [name for name in names if side[name].dtype.kind == "f"]
            for names, side in zip(self._left, (self._one, self._other), strict=True)
        )
        return self.found


_ROLES = (
    ("gamma", "weight", "scale"),
    ("beta", "bias"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
)
"""Last parts of names that mean the same: ones and zeros of a new normalisation are told apart by them."""


def _by_roles(names: Sequence[str], others: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield a group's names by what they mean, if both sides have as many of each; else as they are."""
    sorted_by = [
        [[name for name in group if _role(name) == role] for role in range(-1, 4)] for group in (names, others)
    ]
    if all(len(some) == len(facing) for some, facing in zip(*sorted_by, strict=True)):
        yield from zip(*sorted_by, strict=True)
    else:
        yield list(names), list(others)


def _role(name: str) -> int:
    return next((number for number, ends in enumerate(_ROLES) if name.rpartition(".")[2] in ends), -1)


Hash = tuple[int, int]
"""Number of values, and a sum that is blind to their order."""


def _candidates(names: Sequence[str], hashes: Mapping[str, Hash], whole: Hash) -> Iterator[list[str]]:
    """Yield lists of names whose hashes add up: that follow each other, then any two or three."""
    for count in range(2, MOST_PARTS + 1):
        for first in range(len(names) - count + 1):
            run = list(names[first : first + count])
            if _added([hashes[name] for name in run]) == whole:
                yield run
    by_hash: dict[Hash, list[str]] = {}
    for name in names:
        by_hash.setdefault(hashes[name], []).append(name)
    for count in (1, 2):
        for some in combinations(names, count):
            size, total = _added([hashes[name] for name in some])
            for last in by_hash.get((whole[0] - size, (whole[1] - total) % 2**64), []):
                if last not in some:
                    yield [*some, last]


def _added(hashes: Sequence[Hash]) -> Hash:
    return sum(size for size, _ in hashes), sum(total for _, total in hashes) % 2**64


def fingerprint(array: np.ndarray, kind: np.dtype) -> Hash:
    """Return how many values there are, and the sum of a hash of each: equal for the same values in any order."""
    total, flat = 0, np.ascontiguousarray(array).reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        values = flat[start : start + _BLOCK].astype(kind) + kind.type(0)  # -0 becomes 0
        total += int(_mixed(values.view(_BITS[kind]).astype(np.uint64)).sum(dtype=np.uint64))
    return flat.size, total % 2**64


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Return a hash of each number, as of SplitMix64 (Steele et al. 2014)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))
