"""The outcome of the ladder in one line: where two models part, the proved cause, and what to change."""

from collections.abc import Sequence

from twotrack.shared.report.causes import STATUS, shortened
from twotrack.shared.verify.certificate import Verdict
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.ladder import TrackResult


def in_one_line(results: Sequence[TrackResult], strict: bool = False) -> str:
    """Return why the results are no pass; empty for a pass. With `strict`, a pass with exceptions is none.

    Where several tracks fail, the first is told of.
    """
    failed = [result for result in results if not result.passed]
    if failed:
        others = f" (and {', '.join(result.track for result in failed[1:])})" if failed[1:] else ""
        return f"not the same model: {failed[0].track}{others} {_failure(failed[0])}"
    excepted = [result for result in results if result.verdict is Verdict.EXCEPT] if strict else []
    if not excepted:
        return ""
    gaps = excepted[0].certificate.gaps
    more = f", and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    seen = f"{excepted[0].track}: {gaps[0].kind}: {gaps[0].where}: {gaps[0].detail}{more}"
    return shortened(f"the same model, except for what was not seen: {seen}")


def _failure(result: TrackResult) -> str:
    failure, causes = result.rungs[-1], result.diagnosis.causes
    told = [shortened(f"fails at {failure.rung}: {failure.detail}")]
    for number, cause in enumerate(causes, start=1):
        if cause.status is Status.UNKNOWN:
            told.append("the cause of what is left is unknown" if number > 1 else "the cause is unknown")
            continue
        fixes = [f"{line} ({side})" for side, line in (("torch", cause.torch_fix), ("Keras", cause.keras_fix)) if line]
        fix = f"; fix: {' or '.join(fixes)}" if fixes else ""
        told.append(shortened(f"{STATUS[cause.status]} cause at '{cause.where}': {cause.what}{fix}"))
    return " | ".join(told)
