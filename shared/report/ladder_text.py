"""The outcome of the ladder as text."""

from collections.abc import Sequence

from twotrack.shared.report.causes import Side, cause_lines, fact_lines, left_line, suggestion_lines
from twotrack.shared.spec.sides import TORCH
from twotrack.shared.verify.certificate import Verdict
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import RUNGS, VerifyRequest
from twotrack.shared.verify.result import RungResult

SHOWN_NOTES = 6
"""Lines on how was compared; --json has all."""


def ladder_text(request: VerifyRequest, results: Sequence[TrackResult], fix: Side | None = None) -> str:
    """Return a table of rungs per track, and what failed; of what to change, only the line for `fix` if given."""
    settings = "".join(f", {key}={value}" for key, value in request.settings.items())
    reference = results[0].words.reference if results else TORCH
    lines = [f"{request.name}{settings}: {reference} against {', '.join(result.track for result in results)}", ""]
    for result in results:
        lines += [result.track, *(f"  {note}" for note in result.notes)]
        lines += [*(rung_line(verdict) for verdict in result.rungs), *_failure(result, fix)]
        lines += [*certificate_lines(result), ""]
    passed, excepted = sum(result.passed for result in results), sum(map(_is_excepted, results))
    exceptions = f", {excepted} of them with exceptions" if excepted else ""
    return "\n".join([*lines, f"{passed} of {len(results)} {_counted(results)} passed every rung{exceptions}"])


def _cause(result: TrackResult, cause: Cause, number: int, fix: Side | None) -> list[str]:
    return cause_lines(cause, number, fix if result.words.is_mixed else None, result.words)


def _counted(results: Sequence[TrackResult]) -> str:
    return "tracks" if all(result.words.is_mixed for result in results) else "comparisons"


def _is_excepted(result: TrackResult) -> bool:
    return result.verdict is Verdict.EXCEPT


def rung_line(verdict: RungResult) -> str:
    """Return the line of a table on one rung."""
    figures = ""
    if verdict.difference is not None:
        figures = f"{verdict.difference:.1e} of {verdict.limit:.0e}"
        figures += f" (float32 {verdict.difference32:.0e})" if verdict.difference32 is not None else ""
    mark = "pass" if verdict.passed else "FAIL"
    return f"  {mark}  {verdict.rung:<11}{figures:<36}{verdict.detail}"


def _failure(result: TrackResult, fix: Side | None) -> list[str]:
    """Return what failed, why, and what is left."""
    if result.passed:
        return []
    climbed = [verdict.rung for verdict in result.rungs]
    is_behind_all = climbed[-1] not in RUNGS  # precision, replicas
    left = [rung for rung in RUNGS if rung not in climbed and not is_behind_all]
    lines = [f"not reached: {', '.join(left)}"] if left else []
    lines += [f"{result.picture.where}: {result.picture.words}"] if result.picture else []
    lines += [result.isolated] if result.isolated else []
    lines += [result.parting] if result.parting else []
    causes = result.diagnosis.causes
    told = [line for number, cause in enumerate(causes, start=1) for line in _cause(result, cause, number, fix)]
    if causes and causes[-1].status is not Status.PROVED:
        told += fact_lines(
            [place for place in result.facts if place.is_changed] or result.facts, result.layers, result.words
        )
    told += [left_line(result.diagnosis)] if result.diagnosis.proved else []
    told += suggestion_lines(result.suggestions)
    return [*(f"        {line}" for line in lines), *(f"  {line}" for line in told)]


def certificate_lines(result: TrackResult) -> list[str]:
    """Return the verdict, what was compared, and every exception."""
    if not result.passed:
        return []
    certificate = result.certificate
    compared = ", ".join(f"{count:,} {name}" for name, count in certificate.counts.items())
    own = f"  on {certificate.own}, and on drawn values" if certificate.own else ""
    lines = [f"  {result.verdict}{':' if certificate.gaps else ''}"]
    lines += [f"    {gap.kind}: {gap.where}: {gap.detail}" for gap in certificate.gaps]
    more = len(certificate.notes) - SHOWN_NOTES
    noted = [*certificate.notes[:SHOWN_NOTES], *([f"and {more} more, see --json"] if more > 0 else [])]
    lines += [*(f"  note: {note}" for note in noted), *([own] if own else [])]
    return [*lines, f"  compared: {compared}"]
