"""Looks for inputs that reach the pieces of a side's piecewise functions that wide rows did not reach.

How far a row is from a piece is a number, its margin. The rows that are nearest are moved: along themselves, by scale;
then along the direction in which the margin rises most, by the step that a linear function would need. In front of an
activation that direction is the layer's weights, and one step solves for the value before it. First the model's inputs
are moved; then what its layers with weights give, as in a pass on wide values.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import prod

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.pieces.count import PieceCount, PieceKind, Place, merged, piece_in_words
from twotrack.shared.pieces.recorder import Piece, PieceRun
from twotrack.shared.spec.probe import Probe, Replace, keep
from twotrack.shared.verify import wide
from twotrack.shared.verify.passes import Runner, error_in_short

STARTS, STEPS = 2, 6
"""Rows that a search begins from, and moves of each."""
MOST_RUNS, RUNS_OF_LARGEST = 120, 12
"""Of the model, in all searches together; the second of one whose weights are not even copied."""
MOST_PRODUCTS = 10**9
"""Tokens times weights, of a run that reads all rows of a table."""
MOST_VALUES = 20_000_000
"""In one batch of what is moved."""
NEAR = 1e-4
"""Relative length of the moves that show a direction."""
TARGETS = (0.0, *np.geomspace(1e-9, 1e3, 13))
"""How far inside a piece a step aims, relative to the piece's thresholds."""
SCALES = (1e6, 1e-3)
"""By which a row is multiplied, the largest and the smallest."""


@with_config(WITH_ARRAYS)
@dataclass
class Trial:
    """Inputs of one batch, and what goes on in place of what some layers give."""

    inputs: dict[str, np.ndarray]
    """(batch, ...) by name."""
    replaced: dict[str, np.ndarray] = field(default_factory=dict)
    """Canonical, by layer."""
    reached: str = ""
    """The first new piece that it reached, in words."""

    def give(self, path: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """Answer as Probe.trace asks."""
        array = self.replaced.get(path)
        return array if array is not None and array.shape == shape else None


class Trials:
    """Makes the trials of one side's model, and counts its pieces in them."""

    def __init__(self, probe: Probe, runner: Runner):
        """Make the rows that a runner makes."""
        self._probe, self._inputs, self.batch, self._points = probe, runner.inputs, runner.batch, runner.points
        self._kinds, self._weights = runner.kinds, runner.weights
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Of what was replaced, by layer: the values are drawn again when they are asked for, as they may be many."""
        self.most_runs = RUNS_OF_LARGEST if runner.is_largest else MOST_RUNS
        self.errors: list[str] = []
        """Of runs that showed nothing."""

    def wide(self, replaced: bool) -> Iterator[PieceRun]:
        """Run on rows of every kind, as the rung range does."""
        for number in range(len(self._kinds)):
            yield self._tried(self._given(number), partial(self._give, number) if replaced else keep)

    def start(self, replaced: bool) -> Trial:
        """Return the first batch of `wide`, which was run before."""
        given = {path: self._rows(0, path, shape) for path, shape in self._shapes.items()} if replaced else {}
        return replace(self._given(0), replaced=given)

    def _given(self, number: int) -> Trial:
        return Trial(wide.inputs(self._inputs, self._kinds[number], draw=number))

    def _give(self, number: int, path: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """Answer as Probe.trace asks; all calls of a layer get the same, if they give as much as the first one."""
        if path not in self._points or shape[0] % self.batch or self._shapes.setdefault(path, shape) != shape:
            return None
        return self._rows(number, path, shape)

    def _rows(self, number: int, path: str, shape: tuple[int, ...]) -> np.ndarray:
        kinds = self._kinds[number]
        return wide.rows(f"{path} {number}", kinds, (prod(shape) // len(kinds),)).reshape(shape)

    def run(self, trial: Trial, watched: Piece | None = None) -> PieceRun:
        """Run on a trial; it shows nothing if the model does not take it."""
        return self._tried(trial, trial.give, watched)

    def _tried(self, trial: Trial, give: Replace, watched: Piece | None = None) -> PieceRun:
        try:
            return self._probe.pieces(trial.inputs, give, watched)
        except Exception as error:  # of a framework, of the user's own code, or of what counts
            self.errors.append(error_in_short(error))
            return PieceRun([], [])

    def numbering(self, count: PieceCount) -> str | None:
        """Return the input whose tokens may number the rows of a table, if that is one."""
        specs = self._inputs.items()
        return next((name for name, spec in specs if spec.kind == "tokens" and spec.size == len(count.counts)), None)

    def can_read(self, rows: int) -> bool:
        """Tell whether the whole model can be run on as many tokens, without its taking too long."""
        return rows * self._weights <= MOST_PRODUCTS

    def is_moved(self, name: str) -> bool:
        """Tell whether an input is made of numbers that can be moved."""
        return self._inputs[name].kind == "real"


@dataclass
class Found:
    """What a side's model was seen in."""

    counts: list[PieceCount]
    trials: list[Trial] = field(default_factory=list)
    """Those that reached what nothing else did."""
    tables: dict[str, int] = field(default_factory=dict)
    """Rows of tables that are read by a layer alone, by its path."""


class Search:
    """Goes on from counts to what they lack."""

    def __init__(self, trials: Trials, counts: list[PieceCount]):
        """Begin with what was counted so far; rows of the first wide batches are moved."""
        self._trials, self.found = trials, Found(counts)
        self._runs = 0

    @cached_property
    def _starts(self) -> list[Trial]:
        return [self._trials.start(replaced) for replaced in (False, True)]

    def run(self) -> Found:
        """Look for every piece that was not reached."""
        self._read_tables()
        for piece in self._missing():
            if piece in self._missing():  # another search may have met it on its way
                self._look_for(piece)
        return self.found

    def _read_tables(self) -> None:
        """Give the model the tokens of all rows that were not read; of a large model the table is read alone."""
        base = self._trials.start(replaced=False).inputs
        for count in [count for count in self.found.counts if count.kind is PieceKind.ROW and count.unreached]:
            name, missing = self._trials.numbering(count), count.unreached
            if name is not None and self._trials.can_read(len(missing)):
                length = base[name][0].size
                rows = -(-len(missing) // length)
                inputs = {other: np.repeat(array[:1], rows, axis=0) for other, array in base.items()}
                tokens = np.resize(missing, (rows, *base[name].shape[1:]))
                trial = Trial(inputs | {name: tokens}, reached=f"every row of {count.function}")
                self._see(self._trials.run(trial), trial)
            elif name is not None and count.layer:
                self.found.tables[count.layer] = len(count.counts)

    def _missing(self) -> list[Piece]:
        can_be_moved = (PieceKind.INTERVAL, PieceKind.CONDITION, PieceKind.WINNER)
        return [
            Piece(count.place, number)
            for count in self.found.counts
            if count.kind in can_be_moved
            for number in count.unreached
        ]

    def _look_for(self, piece: Piece) -> None:
        size = _size(next(count for count in self.found.counts if count.place == piece.place), piece.number)
        for start in self._starts:
            for row in self._nearest(start, piece):
                if self._move(_Rows(start, row, self._trials), piece, size):
                    return

    def _nearest(self, start: Trial, piece: Piece) -> list[int]:
        """Return the rows of a trial that come nearest to a piece."""
        margins = self._margins(start, piece)
        if margins is None:
            return []
        return np.argsort(-margins.max(axis=1), kind="stable")[:STARTS].tolist()

    def _move(self, rows: "_Rows", piece: Piece, size: float) -> bool:
        """Move a row until it is in the piece; tell whether it came there."""
        if rows.count == 0 or rows.count * self._trials.batch > MOST_VALUES:
            return False
        for move in (self._by_scale, *(self._along_slope,) * STEPS):
            best = move(rows, piece, size)
            if best is None or best > 0:
                return best is not None
        return False

    def _by_scale(self, rows: "_Rows", piece: Piece, size: float) -> float | None:
        """Go along the row itself, in both directions, and stay where it is nearest; None if that changes nothing."""
        scales = np.geomspace(*SCALES, self._trials.batch // 2)
        factors = np.concatenate([[1.0], np.column_stack([scales, -scales]).ravel()])[: self._trials.batch, None]
        is_all_moved = bool(rows.at.all())
        margins = self._go(rows, factors * rows.at, piece)
        if margins is None or (is_all_moved and margins.max() <= 0 and (margins == margins[0]).all()):
            return None  # what decides, such as a mask, is not made of what is moved
        return float(margins.max())

    def _along_slope(self, rows: "_Rows", piece: Piece, size: float) -> float | None:
        """Find the direction in which the nearest margin rises most, and go along it by several lengths."""
        directions = rows.directions(self._trials.batch - 1)
        seen = self._margins(rows.batch(np.vstack([rows.at, rows.at + directions])), piece)
        if seen is None or seen.max() > 0:
            return None if seen is None else float(seen.max())
        slopes = seen[1:] - seen[0]
        steepness = (slopes**2).sum(axis=0)
        if not (steepness > 0).any():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            distances = np.where(steepness > 0, -seen[0] / np.sqrt(steepness), np.inf)
        nearest = int(np.argmin(distances))
        goals = size * np.resize(TARGETS, self._trials.batch) - seen[0, nearest]
        step = np.outer(goals / steepness[nearest], slopes[:, nearest] @ directions)
        margins = self._go(rows, rows.at + step, piece)
        return None if margins is None else float(margins.max())

    def _go(self, rows: "_Rows", candidates: np.ndarray, piece: Piece) -> np.ndarray | None:
        """Move to the candidate (batch, numbers) that is nearest; return the margins of all (batch, ...)."""
        margins = self._margins(rows.batch(candidates), piece)
        if margins is None:
            return None
        rows.at = candidates[int(np.argmax(margins.max(axis=1)))]
        return margins

    def _margins(self, trial: Trial, piece: Piece) -> np.ndarray | None:
        """Run a trial, keep it if it reaches anything new; return margins (batch, ...), None if they tell nothing."""
        if self._runs >= self._trials.most_runs:
            return None
        self._runs += 1
        run = self._trials.run(trial, piece)
        self._see(run, trial)
        rows = [
            margins.reshape(self._trials.batch, -1) for margins in run.margins if _has_rows(margins, self._trials.batch)
        ]
        if not rows:
            return None
        joined = np.concatenate(rows, axis=1)
        return np.where(np.isnan(joined), -np.inf, joined)

    def _see(self, run: PieceRun, trial: Trial) -> None:
        """Add what a trial showed, and keep it if anything of that is new."""
        before = set(self._missing_anywhere())
        self.found.counts = merged([*self.found.counts, *run.counts])
        new = before - set(self._missing_anywhere())
        for count in self.found.counts if new else []:
            number = next((number for place, number in sorted(new) if place == count.place), None)
            if number is not None:
                self.found.trials.append(replace(trial, reached=trial.reached or piece_in_words(count, number)))
                return

    def _missing_anywhere(self) -> list[tuple[Place, int]]:
        return [(count.place, number) for count in self.found.counts for number in count.unreached]


def _has_rows(margins: np.ndarray, batch: int) -> bool:
    return margins.ndim > 0 and margins.size > 0 and margins.shape[0] % batch == 0


def _size(count: PieceCount, piece: int) -> float:
    """Return the size of the numbers that decide, from the thresholds around a piece."""
    if count.kind is not PieceKind.INTERVAL:
        return 1.0
    around = count.thresholds[max(0, piece - 1) : piece + 1]
    return max(1e-6, *(abs(threshold) for threshold in around)) if any(around) else 1.0


class _Rows:
    """One row of a trial, as one vector of all that can be moved, and batches of rows like it."""

    def __init__(self, trial: Trial, row: int, trials: Trials):
        self._trial, self._row, self._batch = trial, row, trials.batch
        moved = {name: array for name, array in trial.inputs.items() if trials.is_moved(name)}
        self._arrays = [*moved.items()] if not trial.replaced else [*trial.replaced.items()]
        parts = [array.reshape(self._batch, -1)[row] for _, array in self._arrays]
        self.at = np.concatenate(parts) if parts else np.zeros(0)
        self._generator = np.random.default_rng(row)

    @property
    def count(self) -> int:
        """How many numbers can be moved."""
        return len(self.at)

    def directions(self, count: int) -> np.ndarray:
        """Draw short moves (count, numbers)."""
        length = NEAR * np.maximum(np.abs(self.at), max(1e-3, float(np.abs(self.at).mean())))
        return self._generator.normal(size=(count, self.count)) * length

    def batch(self, vectors: np.ndarray) -> Trial:
        """Return a trial with these vectors (batch, numbers) as its rows; what is not moved is the row's own."""
        inputs = {
            name: np.repeat(array[self._row][None], self._batch, axis=0) for name, array in self._trial.inputs.items()
        }
        replaced: dict[str, np.ndarray] = {}
        target = replaced if self._trial.replaced else inputs
        begin = 0
        for name, array in self._arrays:
            width = array.size // self._batch
            target[name] = vectors[:, begin : begin + width].reshape(array.shape)
            begin += width
        return Trial(inputs, replaced)
