"""The first operation by which two sides part: found by values that one side alone has, placed in both sides' code."""

from collections.abc import Iterator
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

    layer: str
    """Canonical path of the layer that does it; empty for the model itself."""
    torch: str
    """Function, and where it is called."""
    keras: str
    """Empty where no operation of Keras' is given the same and leads elsewhere."""
    inputs: float | None = None
    """By how much what both are given differs at most; None if they are given nothing in common."""
    outputs: float | None = None
    """By how much what they give differs, whatever the order of elements; None for other numbers of elements."""

    @property
    def words(self) -> str:
        """In one sentence, without its full stop."""
        inside = f" in '{self.layer}'" if self.layer else ""
        first = f"the first operation that differs{inside} is "
        if not self.keras:
            return f"{first}{self.torch} in torch: Keras has what it is given, and nowhere what it gives"
        given = "" if self.inputs is None else f"; what they are given agrees ({self.inputs:.1e})"
        differ = "have other sizes" if self.outputs is None else f"differ by {self.outputs:.1e}"
        return f"{first}{self.keras} in Keras, {self.torch} in torch{given}, their values {differ}"


def parting(torch: OperationsTrace, keras: OperationsTrace) -> Parting | None:
    """Return where two passes on the same inputs part; None where no single operation shows it."""
    to_keras = _partners(torch, keras)
    to_torch: Partners = {}
    for number, others in to_keras.items():
        for other in others:
            to_torch.setdefault(other, []).append(number)
    ours, theirs = _Side(torch, to_keras), _Side(keras, to_torch)
    first = next(ours.leaving(), None)
    if first is None:
        return None
    shared = {other for number in first.given for other in to_keras.get(number, ())}
    others = sorted(theirs.leaving(), key=lambda one: not shared & set(one.given))
    other = others[0] if others else None
    return Parting(
        layer=first.layer,
        torch=_told(first),
        keras=_told(other) if other else "",
        inputs=_agreement(torch, keras, first, other, to_keras) if other else None,
        outputs=_apart(torch, keras, first.made[0], other.made[0]) if other else None,
    )


def _told(operation: Operation) -> str:
    place = f" at {operation.place}" if operation.place else ""
    return f"{operation.function.strip('_')}{place}"


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
        meets[[number for number in self._partners if self._tells(number)]] = True
        for operation in reversed(self._trace.operations):
            of_outputs, of_common = reaches[operation.made].any(), meets[operation.made].any()
            reaches[operation.given] |= of_outputs
            behind = [number for number in operation.given if number not in self._partners]
            meets[behind] |= of_common
        return list(reaches & ~meets)

    def _tells(self, number: int) -> bool:
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
