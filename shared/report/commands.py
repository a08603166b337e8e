"""The commands that made runs, as a shell takes them, and the same with more seeds."""

import shlex
from collections.abc import Sequence

from twotrack.shared.runs.run_folder import Run


def reproducing(runs: Sequence[Run]) -> list[str]:
    """Return each command once, in the order of the runs."""
    return list(dict.fromkeys(shlex.join(_typed(run)) for run in runs))


def with_seeds(runs: Sequence[Run], count: int) -> str:
    """Return the `compare` that made the runs, with so many seeds; empty if no single one did, or it was continued."""
    typed = _typed(runs[0])
    if len(reproducing(runs)) > 1 or typed[1:2] != ["compare"] or any(word.startswith("--resume") for word in typed):
        return ""
    kept = [
        word
        for before, word in zip(["", *typed], typed, strict=False)
        if "--seeds" not in (before, word) and not word.startswith("--seeds=")
    ]
    return shlex.join([*kept, "--seeds", str(count)])


def _typed(run: Run) -> list[str]:
    return ["twotrack", *run.record.job.command[1:]]
