"""What a reader of a comparison does next: the badge of the verdict, one sentence, and the command for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twotrack.shared.evaluation import statistics
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.evaluation.statistics import Verdict
from twotrack.shared.evaluation.statistics.power import MOST_SEEDS
from twotrack.shared.evaluation.statistics.verdict import Kind
from twotrack.shared.report.commands import with_seeds
from twotrack.shared.report.ladder import LadderRecord
from twotrack.shared.report.tables import DifferenceRow, tracks_of
from twotrack.shared.runs.run_folder import Run

UNCOMPARED = "not compared"
COLOURS: Mapping[str, str] = {"equivalent": "good", "different": "bad"}
"""Class of a badge in the page's style; the others are neither good nor bad."""


@dataclass(frozen=True)
class NextStep:
    """What stands beside the verdict."""

    badge: Kind | str
    text: str
    """A clause that says what to do."""
    command: str = ""
    """With which; empty if no command does it."""

    @property
    def colour(self) -> str:
        """Return the badge's class in the page's style."""
        return COLOURS.get(self.badge, "open")


def next_step(runs: Sequence[Run], rows: Sequence[DifferenceRow], ladder: LadderRecord | None) -> NextStep:
    """Return what to do after a comparison with these differences, and with this verification if there was one."""
    chapter = runs[0].record.job.chapter
    if not rows:
        missing = "this seed on another track" if len(tracks_of(runs)) == 1 else "the same seeds on every track"
        return NextStep(UNCOMPARED, f"train {missing}", f"twotrack compare {chapter}")
    verdicts = [row.verdict for row in rows]
    verdict = statistics.furthest(verdicts)
    if verdict.kind == "different":
        return _after_different(runs, verdict, ladder)
    if verdict.kind == "undecided":
        return _after_undecided(runs, verdicts)
    if verdict.kind == "neither learned":
        return NextStep(verdict.kind, "train longer, or on more examples, before you compare")
    margin, label = statistics.margin_in_words(verdict), METRICS[verdict.metric].label
    unit = margin if label in margin else f"{margin} of {label}"
    return NextStep(verdict.kind, f"choose by what each track costs, below; in the score they are one within {unit}")


def _after_different(runs: Sequence[Run], verdict: Verdict, ladder: LadderRecord | None) -> NextStep:
    job = runs[0].record.job
    if job.switched:
        return NextStep(verdict.kind, "see which default makes the difference", f"twotrack ablate {job.chapter}")
    if ladder and not ladder.passed:
        return NextStep(verdict.kind, "mend what 'The same model?' names below, and compare again")
    if ladder:
        exact = f"twotrack compare {job.chapter} --exact"
        return NextStep(verdict.kind, "the models are one: see whether it is what they draw or rounding", exact)
    return NextStep(
        verdict.kind, "find out whether the models are one, or what differs", f"twotrack verify {job.chapter}"
    )


def _after_undecided(runs: Sequence[Run], verdicts: Sequence[Verdict]) -> NextStep:
    needed = [verdict.seeds_to_decide for verdict in verdicts if verdict.kind == "undecided"]
    known = [seeds for seeds in needed if seeds is not None]
    if len(known) < len(needed):
        margin = statistics.margin_in_words(verdicts[0])
        never = f"{MOST_SEEDS:,} seeds would not decide, for a difference is about as large as the margin"
        return NextStep("undecided", f"{never}: ask whether {margin} is the margin that you need")
    most = max(known)
    return NextStep("undecided", f"train more seeds: about {most} would decide", with_seeds(runs, most))
