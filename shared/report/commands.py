"""The commands that made runs, as a shell takes them."""

import shlex
from collections.abc import Sequence

from twotrack.shared.runs.run_folder import Run


def reproducing(runs: Sequence[Run]) -> list[str]:
    """Return each command once, in the order of the runs."""
    return list(dict.fromkeys(shlex.join(["twotrack", *run.record.job.command[1:]]) for run in runs))
