"""The outcome of the ladder as text and as data."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from shared.verify.ladder import RUNGS, Subject, TrackResult
from shared.verify.rungs import Verdict

SHOWN_CAUSES = 3


def ladder_text(subject: Subject, results: Sequence[TrackResult]) -> str:
    """Return a table of rungs per track, and what failed."""
    settings = "".join(f", {key}={value}" for key, value in subject.settings.items())
    lines = [f"{subject.name}{settings}: torch against {', '.join(result.track for result in results)}", ""]
    for result in results:
        lines += [f"{result.track}", *(_row(verdict) for verdict in result.verdicts), *_failure(result), ""]
    passed = sum(result.passed for result in results)
    return "\n".join([*lines, f"{passed} of {len(results)} tracks passed every rung"])


def _row(verdict: Verdict) -> str:
    figures = ""
    if verdict.difference is not None:
        figures = f"{verdict.difference:.1e} of {verdict.limit:.0e}"
        figures += f" (float32 {verdict.difference32:.0e})" if verdict.difference32 is not None else ""
    mark = "pass" if verdict.passed else "FAIL"
    return f"  {mark}  {verdict.rung:<11}{figures:<36}{verdict.detail}"


def _failure(result: TrackResult) -> list[str]:
    if result.passed:
        return []
    climbed = {verdict.rung for verdict in result.verdicts}
    lines = [f"        not reached: {', '.join(rung for rung in RUNGS if rung not in climbed)}"]
    if result.isolated:
        lines.append(f"        {result.isolated}")
    for number, cause in enumerate(result.causes[:SHOWN_CAUSES], start=1):
        lines.append(f"        likely cause {number}: {cause.name} (Keras: {cause.keras}; torch: {cause.torch})")
        lines.append(f"          to make them equal: {cause.fix}")
    return lines


def ladder_json(subject: Subject, results: Sequence[TrackResult]) -> dict[str, Any]:
    """Return the outcome as JSON-ready data."""
    return {
        "subject": subject.name,
        "settings": dict(subject.settings),
        "passed": all(result.passed for result in results),
        "tracks": [
            {
                "track": result.track,
                "passed": result.passed,
                "rungs": [asdict(verdict) for verdict in result.verdicts],
                "isolated": result.isolated,
                "causes": [
                    {"name": cause.name, "keras": cause.keras, "torch": cause.torch, "fix": cause.fix}
                    for cause in result.causes
                ],
            }
            for result in results
        ],
    }
