"""The rung pieces: which pieces of piecewise functions inputs reached, and both sides on those that reach the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.pieces.count import PieceCount, merged, missing_in_words, unreached_in_words
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.alignment import Passes
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.passes import Pass, Runner, rows_at_once
from twotrack.shared.verify.reach import Search, Trial, Trials
from twotrack.shared.verify.result import Gap, GapKind, RungResult
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


@with_config(WITH_ARRAYS)
@dataclass
class TrialsRun:
    """What one side did on the trials that either side found."""

    passes: dict[str, Pass] = field(default_factory=dict)


class PiecesRung(ProbeRung[PiecesEvidence]):
    """Counts pieces on the rows of the rung range, looks for inputs that reach the rest, and compares on those."""

    name = "pieces"
    evidence = PiecesEvidence
    answered = TrialsRun

    def observe(self, side: ObservedSide) -> PiecesEvidence:
        """Count, and search."""
        trials, inputs = _trials(side), side.exercise.inputs()
        counts, starts = side.probe.pieces(inputs).counts, []
        for replaced in (False, True):
            runs = list(trials.wide(replaced))
            counts = merged([*counts, *(count for _, run in runs for count in run.counts)])
            starts.append(runs[0][0])
        found = Search(trials, counts, starts).run()
        return PiecesEvidence(found.counts, found.trials)

    def asks(self, found: PiecesEvidence) -> bool:
        """Tell whether there are inputs that the rung range did not try."""
        return bool(found.trials)

    def answer(self, side: ObservedSide, found: Mapping[str, PiecesEvidence]) -> TrialsRun:
        """Run the trials of both sides."""
        pair = side.exercise.pair
        shapes = {name: array.shape for name, array in side.model.weights().items()}
        runner = Runner(side.probe, pair.inputs, pair.batch_size, shapes)
        passes = {"ordinary": runner.on(side.exercise.inputs())}
        for track, each in found.items():
            for number, trial in enumerate(each.trials, start=1):
                passes[f"{track} {number}"] = runner.given(trial.inputs, trial.replaced)
        return TrialsRun(passes)

    def compare(
        self, torch: Mapping[Precision, PiecesEvidence], keras: Mapping[Precision, PiecesEvidence]
    ) -> RungResult:
        """Say which pieces neither side's inputs reached."""
        return _passed((torch["float64"], keras["float64"]), ())

    def check(self, torch: Observation, keras: Observation) -> RungResult:
        """Compare on the trials, if there are any, too."""
        ran = [side.answer(self.name, TrialsRun) for side in (torch, keras)]
        result = compare_passes(_as_passes(ran[0]), _as_passes(ran[1])) if all(ran) else None
        if result and not result.passed:
            return replace(result, rung=self.name)
        sides = [side.probe(self.name, PiecesEvidence)["float64"] for side in (torch, keras)]
        return _passed(sides, result.gaps if result else ())


def _as_passes(ran: Mapping[Precision, TrialsRun]) -> Passes:
    return Passes(ran["float64"].passes, ran["float32"].passes)


def _trials(side: ObservedSide) -> Trials:
    pair = side.exercise.pair
    return Trials(side.probe, pair.inputs, rows_at_once(pair.batch_size), list(side.model.weights()))


def _passed(sides: Sequence[PiecesEvidence], gaps: Sequence[Gap]) -> RungResult:
    counts = [count for side in sides for count in side.counts]
    reached = sum(int((count.counts > 0).sum()) for count in counts)
    missing = sum(len(count.unreached) for count in counts)
    tried = sum(len(side.trials) for side in sides)
    detail = f"{reached:,} of {reached + missing:,} pieces of {len(counts)} piecewise functions reached"
    detail += f", {tried} batches of inputs looked for" if tried else ""
    limit, all_gaps = TOLERANCES["pieces"].limit, (*gaps, *_gaps(counts))
    return RungResult("pieces", True, detail, limit=limit, counts={"pieces": reached}, gaps=all_gaps)


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
