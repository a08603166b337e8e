"""Other orders of the numbers of one value, by which code behind it may take it apart."""

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.verify.diagnosis.relations import MANY, Place

MOST_SPLITS = 30
BLOCKS = (3, 2, 4)
"""Into which a last axis is cut: queries, keys and values, two halves, four gates."""


def orders_of_value(place: Place, shape: tuple[int, ...]) -> Iterator[Candidate]:
    """Yield the value (batch, *shape) with axes exchanged, reversed, or its last axis taken apart in another order."""
    if np.prod(shape) > MANY:
        return
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    seen = {tuple(numbers.ravel())}
    for order, told in _orders(numbers):
        if (key := tuple(order.ravel().tolist())) not in seen:
            seen.add(key)
            yield Candidate(
                changes=(place.mapped("order", order=key, shape=shape),),
                what=f"{place.told} is taken in another order: {told}",
                torch_fix=f"put {place.told} into Keras' order: {told}",
                keras_fix=f"put {place.told} into torch's order",
            )


def heads(places: Sequence[Place], shape: tuple[int, ...]) -> Iterator[Candidate]:
    """Yield values (batch, steps, features), such as query, key and value, that code behind takes apart into heads."""
    if len(shape) != 2 or np.prod(shape) > MANY:
        return
    told = " and ".join(place.told for place in places)
    for count, size in (factors for factors in _splits(shape[1]) if len(factors) == 2):
        numbers = np.arange(int(np.prod(shape))).reshape(shape[0], count, size).transpose(1, 0, 2)
        order = tuple(numbers.ravel().tolist())
        by_steps, by_heads = f"(batch, steps, {count}, {size})", f"(batch, {count}, steps, {size})"
        yield Candidate(
            changes=tuple(place.mapped("order", order=order, shape=shape) for place in places),
            what=f"{told} is taken apart as {by_steps} in Keras, then transposed, and as {by_heads} in torch",
            torch_fix=f"view{by_steps}.transpose(1, 2) in place of view{by_heads}",
            keras_fix=f"a reshape to {by_heads} at once, which mixes steps and heads",
            entry="flatten_order",
        )


def _orders(numbers: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    size, rank = numbers.shape[-1], numbers.ndim
    for count in (count for count in BLOCKS if size % count == 0 and size > count):
        blocks = numbers.reshape(*numbers.shape[:-1], count, -1)
        for order in permutations(range(count)):
            yield blocks[..., list(order), :], f"the {count} blocks of its last axis as {order}"
    for factors in _splits(size):
        taken = numbers.reshape(*numbers.shape[:-1], *factors)
        for axes in permutations(range(len(factors))):
            lead = tuple(range(rank - 1))
            there = tuple(factors[axis] for axis in axes)
            told = f"its last axis counts as {there} on one side and as {factors} on the other, axes {axes}"
            yield taken.transpose(*lead, *(len(lead) + axis for axis in axes)), told
    for first, second in combinations(range(rank), 2):
        if numbers.shape[first] == numbers.shape[second]:
            yield numbers.swapaxes(first, second), f"its axes {first + 1} and {second + 1} change places"
    for axis in range(rank):
        yield np.flip(numbers, axis), f"its axis {axis + 1} is reversed"


def _splits(size: int) -> list[tuple[int, ...]]:
    """Return factors of a size: three with a 3 among them, as of queries, keys and values, then two."""
    heads = [(n, size // 3 // n) for n in range(2, size // 3) if size % 3 == 0 and size // 3 % n == 0]
    threes = [factors for n, rest in heads for factors in ((3, n, rest), (n, 3, rest), (n, rest, 3))]
    twos = [(n, size // n) for n in range(2, size) if size % n == 0]
    return [*threes, *twos][:MOST_SPLITS]
