"""The rung pieces: which pieces of piecewise functions inputs reached, and both sides on those that reach the rest."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.pieces.count import PieceCount, PieceKind, merged, missing_in_words, unreached_in_words
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.alignment import Passes
from twotrack.shared.verify.digests import SIZE, differences, digest
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.passes import Pass, Runner
from twotrack.shared.verify.reach import Search, Trial, Trials
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.rungs.range import compare_passes
from twotrack.shared.verify.side import ObservedSide


@with_config(WITH_ARRAYS)
@dataclass
class PiecesEvidence:
    """What one side's model was seen in."""

    counts: list[PieceCount] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    """Those that reached what nothing else did."""
    tables: dict[str, int] = field(default_factory=dict)
    """Rows of tables that are read by a layer alone, by its path."""
    errors: list[str] = field(default_factory=list)
    """Why nothing was counted on some inputs."""


@with_config(WITH_ARRAYS)
@dataclass
class TrialsRun:
    """What one side did on the trials that either side found."""

    passes: dict[str, Pass] = field(default_factory=dict)
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    """Digests of all rows that a layer alone gives, by its path."""


class PiecesRung(ProbeRung[PiecesEvidence]):
    """Counts pieces on the rows of the rung range, looks for inputs that reach the rest, and compares on those."""

    name = "pieces"
    evidence = PiecesEvidence
    answered = TrialsRun

    def observe(self, side: ObservedSide) -> PiecesEvidence:
        """Count, and search."""
        trials = Trials(side.probe, _runner(side))
        counts = trials.run(Trial(dict(side.exercise.inputs()))).counts
        for replaced in (False, True):
            counts = merged([*counts, *(count for run in trials.wide(replaced) for count in run.counts)])
        errors = list(trials.errors)  # of the search none counts: nobody asked the model to take what it makes up
        found = Search(trials, counts).run()
        return PiecesEvidence(found.counts, found.trials, found.tables, errors)

    def asks(self, found: PiecesEvidence) -> bool:
        """Tell whether there are inputs that the rung range did not try."""
        return bool(found.trials or found.tables)

    def answer(self, side: ObservedSide, found: Mapping[str, PiecesEvidence]) -> TrialsRun:
        """Run the trials of both sides."""
        runner = _runner(side)
        passes = {"ordinary": runner.ordinary(side.exercise.inputs())}
        for track, each in found.items():
            for number, trial in enumerate(each.trials, start=1):
                passes[trial_name(trial, number, track)] = runner.given(trial.inputs, trial.replaced)
        tables = {path: rows for each in found.values() for path, rows in each.tables.items()}
        read = {path: _table(side, path, rows) for path, rows in tables.items()}
        return TrialsRun(passes, {path: rows for path, rows in read.items() if rows is not None})

    def compare(
        self, torch: Mapping[Precision, PiecesEvidence], keras: Mapping[Precision, PiecesEvidence]
    ) -> RungResult:
        """Say which pieces neither side's inputs reached."""
        return _passed((torch["float64"], keras["float64"]), ())

    def check(self, torch: Observation, keras: Observation) -> RungResult:
        """Compare on the trials, if there are any, too."""
        ran = [side.answer(self.name, TrialsRun) for side in (torch, keras)]
        sides = [side.probe(self.name, PiecesEvidence)["float64"] for side in (torch, keras)]
        if not all(ran):
            return _passed(sides, ())
        tables = [each["float64"].tables for each in ran]
        result = _compare_tables(*tables) or compare_passes(_as_passes(ran[0]), _as_passes(ran[1]))
        if not result.passed:
            return replace(result, rung=self.name)
        read = tables[0].keys() & tables[1].keys()
        return _passed([_with_tables(side, read) for side in sides], result.gaps)


def trial_name(trial: Trial, number: int, track: str) -> str:
    """Return the name of the pass on a trial, of a number from 1 among those that a track found."""
    return f"inputs that reach {trial.reached} (number {number} of {track})"


def _runner(side: ObservedSide) -> Runner:
    pair = side.exercise.pair
    return Runner(side.probe, pair.specs, pair.batch_size, side.model.shapes())


def _table(side: ObservedSide, path: str, rows: int) -> np.ndarray | None:
    """Return what a layer alone makes of the numbers of all rows; None if it takes no such thing."""
    try:
        given = side.probe.run_layer(path, [np.arange(rows)[None]])
    except Exception:  # of the framework, or of the user's own layer
        return None
    return digest(given[0].reshape(rows, -1), rows) if given and given[0].size % rows == 0 else None


def _compare_tables(torch: Mapping[str, np.ndarray], keras: Mapping[str, np.ndarray]) -> RungResult | None:
    """Compare the rows that layers alone give; None if all are the same."""
    limit = TOLERANCES["pieces"].limit
    for path in [path for path in keras if path in torch]:
        found = differences(torch[path], keras[path])
        wrong = np.flatnonzero(~(found <= limit * np.maximum(torch[path][:, SIZE], keras[path][:, SIZE])))
        if len(wrong):
            detail = f"layer '{path}' gives something else for row {wrong[0]:,}, and {len(wrong) - 1:,} more"
            size = float(found[wrong[0]])
            return RungResult("pieces", False, detail, size, limit=limit, place=FailurePlace.LAYER, where=path)
    return None


def _with_tables(side: PiecesEvidence, read: Set[str]) -> PiecesEvidence:
    """Return what was seen, with the tables that were read by layers alone on both sides."""
    counts = [
        replace(count, counts=np.maximum(count.counts, 1))
        if count.kind is PieceKind.ROW and count.layer in read
        else count
        for count in side.counts
    ]
    return replace(side, counts=counts)


def _as_passes(ran: Mapping[Precision, TrialsRun]) -> Passes:
    return Passes(ran["float64"].passes, ran["float32"].passes if "float32" in ran else {})


def _passed(sides: Sequence[PiecesEvidence], gaps: Sequence[Gap]) -> RungResult:
    counts = [count for side in sides for count in side.counts]
    reached = sum(int((count.counts > 0).sum()) for count in counts)
    missing = sum(len(count.unreached) for count in counts)
    tried = sum(len(side.trials) for side in sides)
    detail = f"{reached:,} of {reached + missing:,} pieces of {len(counts)} piecewise functions reached"
    detail += f", {tried} batches of inputs looked for" if tried else ""
    uncounted = dict.fromkeys(_uncounted(error) for side in sides for error in side.errors)
    limit, all_gaps = TOLERANCES["pieces"].limit, (*gaps, *uncounted, *_gaps(counts))
    return RungResult("pieces", True, detail, limit=limit, counts={"pieces": reached}, gaps=all_gaps)


def _uncounted(error: str) -> Gap:
    return Gap(GapKind.NOT_RUN, "pieces", f"what it runs could not be counted on some inputs ({error})")


def _gaps(counts: Sequence[PieceCount]) -> Iterator[Gap]:
    """Yield one gap for each layer and function that lacks pieces, whichever side has it."""
    named: set[tuple[str, str]] = set()
    for count in counts:
        where = count.layer or count.after
        key = (where, missing_in_words(count))
        if count.unreached and key not in named:
            named.add(key)
            behind = "" if count.layer or not count.after else "behind it, "
            yield Gap(GapKind.PIECE, where or "the model", f"{behind}{unreached_in_words(count)}")
