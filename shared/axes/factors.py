"""What an axis counts, and in which order the canonical form counts it."""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

CHANNEL, PLACE, MIXED, UNKNOWN, BATCH = "channel", "place", "mixed", "unknown", "batch"


class Factor:
    """What an axis, or a part of one, counts: channels, places, examples, or something unknown.

    An axis that a reshape merged has `parts`, the slowest first; one that a concatenation made has `pieces`, one
    after the other. Both are in the framework's order. Two factors that turn out to be the same are united, and a
    factor that is taken apart later is so wherever it stands.
    """

    def __init__(
        self,
        size: int,
        kind: str = UNKNOWN,
        parts: "Sequence[Factor]" = (),
        pieces: "Sequence[Factor]" = (),
        whole: bool = True,
    ):
        self.size, self._kind, self.parts, self.pieces, self.whole = size, kind, tuple(parts), tuple(pieces), whole
        self._same: Factor | None = None

    @property
    def found(self) -> "Factor":
        """The factor that stands for all that are united with this one."""
        factor = self
        while factor._same is not None:
            factor = factor._same
        return factor

    @property
    def is_leaf(self) -> bool:
        """Nothing is known of its inside."""
        return not self.found.parts and not self.found.pieces

    @property
    def kind(self) -> str:
        """What it counts; MIXED if channels and something else."""
        factor = self.found
        if factor.is_leaf:
            return factor._kind
        kinds = {leaf.kind for leaf in factor.leaves()} - {UNKNOWN}
        if len(kinds) > 1:
            return MIXED if CHANNEL in kinds else PLACE
        return kinds.pop() if kinds else UNKNOWN

    def leaves(self) -> "Iterator[Factor]":
        """Yield what it is made of in the end."""
        factor = self.found
        if factor.is_leaf:
            yield factor
        for inner in factor.parts or factor.pieces:
            yield from inner.leaves()

    def mark(self, kind: str) -> None:
        """Say what its leaves count where nothing has said so, and where only a reshape has."""
        for leaf in self.leaves():
            if leaf._kind == UNKNOWN or not leaf.whole:
                leaf._kind = kind

    def order(self) -> np.ndarray | None:
        """Return the framework's index for each canonical one; None if the two count alike."""
        factor = self.found
        if factor.is_leaf:
            return None
        order = factor._order_of_pieces() if factor.pieces else factor._order_of_parts()
        return None if (order == np.arange(factor.size)).all() else order

    def _order_of_parts(self) -> np.ndarray:
        own = np.arange(self.size).reshape([part.size for part in self.parts])
        for axis, part in enumerate(self.parts):
            order = part.order()
            own = own if order is None else own.take(order, axis)
        return own.transpose(channels_last([part.kind for part in self.parts])).ravel()

    def _order_of_pieces(self) -> np.ndarray:
        starts = np.cumsum([0, *(piece.size for piece in self.pieces)])
        orders = [np.arange(piece.size) if piece.order() is None else piece.order() for piece in self.pieces]
        return np.concatenate([start + order for start, order in zip(starts, orders, strict=False)])


def unite(first: Factor, second: Factor) -> Factor:
    """Let two factors be one, unless they count different things; return it, or the first."""
    kept, other = first.found, second.found
    if kept is other or kept.size != other.size:
        return kept
    if kept.is_leaf and not other.is_leaf:
        kept, other = other, kept
    if other.is_leaf and (UNKNOWN in (kept.kind, other.kind) or kept.kind == other.kind or not kept.is_leaf):
        if kept.is_leaf and kept._kind == UNKNOWN:
            kept._kind = other._kind
        kept.whole = kept.whole and other.whole
        other._same = kept
        return kept
    inside, others = kept.parts or kept.pieces, other.parts or other.pieces
    if bool(kept.parts) == bool(other.parts) and [one.size for one in inside] == [one.size for one in others]:
        for one, same in zip(inside, others, strict=True):
            unite(one, same)
    return first.found


def merged(parts: Sequence[Factor]) -> Factor:
    """Return what a reshape makes of several factors, the slowest first."""
    kept = [part for part in parts if part.size != 1] or list(parts[:1])
    return kept[0] if len(kept) == 1 else Factor(prod(part.size for part in kept), parts=kept)


def joined(pieces: Sequence[Factor]) -> Factor:
    """Return what a concatenation makes of several factors."""
    kinds = {piece.kind for piece in pieces}
    size = sum(piece.size for piece in pieces)
    if len(kinds) == 1 and all(piece.is_leaf for piece in pieces):
        return Factor(size, pieces[0].kind)
    return Factor(size, pieces=pieces)


def channels_last(kinds: Sequence[str]) -> list[int]:
    """Return the canonical order of axes, or of the parts of one: examples, places, channels.

    What mixes channels and places counts as channels if nothing is channels alone. An unknown one that stands
    behind channels goes where they go.
    """
    last = CHANNEL if CHANNEL in kinds else MIXED
    moving: list[bool] = []
    for kind in kinds:
        moving.append(kind == last or (kind == UNKNOWN and bool(moving) and moving[-1]))
    ranks = [0 if kind == BATCH else 2 if moves else 1 for kind, moves in zip(kinds, moving, strict=True)]
    return sorted(range(len(kinds)), key=ranks.__getitem__)
