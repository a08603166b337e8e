"""The comparison of recordings as text and as a record."""

from collections.abc import Sequence

from twotrack.shared.recordings.comparison import RUNGS, Compared
from twotrack.shared.report.causes import cause_lines, fact_lines, suggestion_lines
from twotrack.shared.report.ladder import LadderRecord, ladder_record
from twotrack.shared.report.ladder_text import certificate_lines, rung_line
from twotrack.shared.verify.request import VerifyRequest


def comparison_text(found: Sequence[Compared]) -> str:
    """Return a table of rungs for every two sides, what failed and what could not be climbed."""
    lines: list[str] = []
    for compared in found:
        result = compared.result
        lines += [f"{compared.names[0]} against {compared.names[1]}", *map(rung_line, result.rungs)]
        if not result.passed:
            behind = RUNGS[RUNGS.index(result.rungs[-1].rung) + 1 :]
            lines += [f"        not reached: {', '.join(behind)}"] if behind else []
            told = [
                line for number, cause in enumerate(result.diagnosis.causes, 1) for line in cause_lines(cause, number)
            ]
            told += [*fact_lines(result.facts, result.layers, result.words), *suggestion_lines(result.suggestions)]
            lines += [f"  {line}" for line in told]
        lines += [*certificate_lines(result), ""]
    passed = sum(compared.result.passed for compared in found)
    return "\n".join([*lines, f"{passed} of {len(found)} comparisons passed every rung that could be climbed"])


def comparison_record(found: Sequence[Compared], until: str) -> LadderRecord:
    """Return the outcome as `verify --json` prints it."""
    subject = "; ".join(f"{compared.names[0]} against {compared.names[1]}" for compared in found)
    return ladder_record(VerifyRequest(name=subject, until=until), [compared.result for compared in found])
