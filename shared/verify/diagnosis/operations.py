"""The first operation by which two sides part: found by values that one side alone has, placed in both sides' code."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.operations import COUNT, LARGEST, SIZE, SQUARES, Operation, OperationsTrace, same_elements

LIMIT = TOLERANCES["forward"].limit
Partners = dict[int, list[int]]
"""Of a value's number: the numbers of the other side's values that have the same elements."""


class Parting(FrozenRecord):
    """Two operations that are given the same and give something else."""

    torch: str
    """Function, where it is called, and the layer that does."""
    keras: str
    """Empty where no operation of Keras' is given the same and leads elsewhere."""
    inputs: float | None = None
    """By how much what both are given differs at most; None if they are given nothing in common."""
    outputs: float | None = None
    """By how much what they give differs, whatever the order of elements; None for functions of other names, of which
    one may be a part of the other, and for other numbers of elements.
    """

    @property
    def words(self) -> str:
        """In one sentence, without its full stop."""
        if not self.keras:
            return f"the first operation that differs is torch's {self.torch}: Keras has nowhere what it gives"
        given = "" if self.inputs is None else f"what they are given agrees ({self.inputs:.1e}), "
        differ = "are not the same" if self.outputs is None else f"differ by {self.outputs:.1e}"
        both = f"Keras' {self.keras}, torch's {self.torch}"
        return f"the first operation that differs is {both}; {given}their values {differ}"


def parting(torch: OperationsTrace, keras: OperationsTrace) -> Parting | None:
    """Return where two passes on the same inputs part; None where no single operation shows it."""
    to_keras = _partners(torch, keras)
    to_torch: Partners = {}
    for number, equal in to_keras.items():
        for one in equal:
            to_torch.setdefault(one, []).append(number)
    ours, theirs = _Side(torch, to_keras), _Side(keras, to_torch)
    first, other = _paired(list(ours.leaving()), list(theirs.leaving()), ours, to_keras)
    if first is None:
        return None
    return Parting(
        torch=_told(first),
        keras=_told(other) if other else "",
        inputs=_agreement(torch, keras, first, other, to_keras) if other else None,
        outputs=_apart(torch, keras, first.made[0], other.made[0]) if other and _are_alike(first, other) else None,
    )


def _are_alike(one: Operation, other: Operation) -> bool:
    """Tell whether the name of one function is in that of the other: conv and conv2d, div and true_divide."""
    names = sorted((operation.function.strip("_") for operation in (one, other)), key=len)
    return names[0] in names[1]


def _paired(
    ours: Sequence[Operation], theirs: Sequence[Operation], torch: "_Side", to_keras: Partners
) -> tuple[Operation | None, Operation | None]:
    """Return the first operation of torch that Keras has one beside, given the same value, with that; else the first.

    What is made of masks and weights alone may leave as well, but tells less.
    """
    for first in ours:
        shared = {other for number in first.given if torch.tells(number) for other in to_keras.get(number, ())}
        for beside in theirs:
            if shared & set(beside.given):
                return first, beside
    return (ours[0] if ours else None), None


def _told(operation: Operation) -> str:
    place = f" at {operation.place}" if operation.place else ""
    return f"{operation.function.strip('_')}{place}{f' (in {operation.layer})' if operation.layer else ''}"


class _Side:
    """One side's operations, as a graph of values."""

    def __init__(self, trace: OperationsTrace, partners: Partners):
        self._trace, self._partners = trace, partners

    def leaving(self) -> Iterator[Operation]:
        """Yield operations that leave what both sides have, in order.

        What they are given the other side has, or no operation made it; of what comes of them it has nothing, and the
        outputs come of them.
        """
        for operation in self._trace.operations:
            if (
                all(number in self._partners or number not in self._made for number in operation.given)
                and not any(number in self._partners for number in operation.made)
                and any(self._leads_away[number] for number in operation.made)
            ):
                yield operation

    @cached_property
    def _made(self) -> set[int]:
        return {number for operation in self._trace.operations for number in operation.made}

    @cached_property
    def _leads_away(self) -> list[bool]:
        """Tell of every value whether an output comes of it, and nothing that the other side has."""
        reaches, meets = (np.zeros(len(self._trace.signatures), bool) for _ in range(2))
        reaches[[number for number in self._trace.outputs if number not in self._partners]] = True
        reaches[self._unseen] = True
        meets[[number for number in self._partners if self.tells(number)]] = True
        for operation in reversed(self._trace.operations):
            of_outputs, of_common = reaches[operation.made].any(), meets[operation.made].any()
            reaches[operation.given] |= of_outputs
            behind = [number for number in operation.given if number not in self._partners]
            meets[behind] |= of_common
        return list(reaches & ~meets)

    @cached_property
    def _unseen(self) -> list[int]:
        """Return values that no operation takes, where others come from nowhere: code that is not seen leads there."""
        taken = {number for operation in self._trace.operations for number in operation.given}
        alone = {number for number in (*taken, *self._trace.outputs) if number not in self._made}
        is_seen = alone.issubset(self._partners)
        return [] if is_seen else [number for number in self._made if number not in taken | self._partners.keys()]

    def tells(self, number: int) -> bool:
        """Tell whether a value says where it comes from; masks and constants do not."""
        own = self._trace.signatures[number]
        return own[LARGEST] > 0 and own[SIZE] < own[COUNT] and not np.isclose(own[SIZE], own[SQUARES], rtol=1e-12)


def _partners(torch: OperationsTrace, keras: OperationsTrace) -> Partners:
    by_count: dict[float, list[int]] = {}
    for number, own in enumerate(keras.signatures):
        by_count.setdefault(own[COUNT], []).append(number)
    found: Partners = {}
    for number, own in enumerate(torch.signatures):
        for other in by_count.get(own[COUNT], ()):
            if same_elements(own, keras.signatures[other]) and (_apart(torch, keras, number, other) or 0.0) <= LIMIT:
                found.setdefault(number, []).append(other)
    return found


def _agreement(
    torch: OperationsTrace, keras: OperationsTrace, first: Operation, other: Operation, partners: Partners
) -> float | None:
    """Return by how much the values differ that two operations are both given."""
    common = [(number, one) for number in first.given for one in partners.get(number, ()) if one in other.given]
    return max((_apart(torch, keras, *pair) or 0.0 for pair in common), default=None)


def _apart(torch: OperationsTrace, keras: OperationsTrace, number: int, other: int) -> float | None:
    """Return how far two values are apart, relative to the largest, whatever the order of their elements.

    None where they have other numbers of elements, or were not kept.
    """
    a, b = torch.values.get(str(number)), keras.values.get(str(other))
    if a is None or b is None or a.size != b.size:
        return None
    one, another = _sorted(a), _sorted(b)
    if a.size == 0 or np.array_equal(one, another, equal_nan=True):
        return 0.0
    is_finite = np.isfinite(one) & np.isfinite(another)
    if not np.array_equal(one[~is_finite], another[~is_finite], equal_nan=True):
        return float("inf")
    largest = float(np.abs(one[is_finite]).max(initial=0.0)) or 1.0
    return float(np.abs(one - another)[is_finite].max(initial=0.0) / largest)


def _sorted(values: np.ndarray) -> np.ndarray:
    return np.sort(values.reshape(-1).astype(np.float64))
