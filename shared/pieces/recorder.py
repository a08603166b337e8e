"""Keeps what is counted, by place: which layer is at work, and which has returned before."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from twotrack.shared.pieces import frames
from twotrack.shared.pieces.choice import Choice, count, margins
from twotrack.shared.pieces.count import PieceCount, Place, merged


@dataclass(frozen=True)
class Piece:
    """One piece of one piecewise function."""

    place: Place
    number: int


@dataclass
class PieceRun:
    """What one run of a model, or of a layer, showed."""

    counts: list[PieceCount]
    margins: list[np.ndarray]
    """Of the piece that was watched, one array for each time that it was met; positive where a value is in it."""


@dataclass
class _Scope:
    """A layer at work."""

    path: str
    after: str = ""
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)


class Recorder:
    """Counts choices under the place where they are met."""

    def __init__(self, watched: Piece | None = None):
        """Keep the margins of one piece, if it is given."""
        self._scopes = [_Scope("")]
        self._watched = watched
        self._counts: list[PieceCount] = []
        self._margins: list[np.ndarray] = []

    @contextmanager
    def inside(self, path: str) -> Iterator[None]:
        """Name what is met inside after a layer."""
        self.enter(path)
        try:
            yield
        finally:
            self.leave()

    def enter(self, path: str) -> None:
        """A layer begins."""
        self._scopes.append(_Scope(path))

    def leave(self) -> None:
        """The layer that began last returns."""
        path = self._scopes.pop().path
        self._scopes[-1].after = path

    def next_place(self, function: str) -> Place:
        """Return the place of a piecewise function that is met now."""
        scope = self._scopes[-1]
        scope.numbers[scope.after, function] += 1
        return Place(scope.path, scope.after, function, scope.numbers[scope.after, function])

    def tell(self, choice: Choice) -> None:
        """Count a choice that is met now."""
        self.add(self.next_place(choice.function), choice)

    def tell_named(self, choice: Choice) -> None:
        """Count a choice under the framework's function that it is part of, unless that is smooth as a whole."""
        named = frames.part_of(frames.running()).named(choice)
        if named:
            self.tell(named)

    def add(self, place: Place, choice: Choice) -> None:
        """Count a choice, and keep its margins if it is the one that is watched."""
        counted = count(choice)
        size = choice.window.places if choice.window else choice.rows
        self._counts.append(
            PieceCount(
                *place,
                choice.kind,
                list(choice.thresholds),
                counted.counts,
                counted.smallest,
                counted.largest,
                *choice.bounds,
                size,
            )
        )
        if self._watched and place == self._watched.place:
            self._margins.append(margins(choice, self._watched.number))

    @property
    def run(self) -> PieceRun:
        """What was seen so far, one count for each place."""
        return PieceRun(merged(self._counts), self._margins)
