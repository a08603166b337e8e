"""Jobs shared out into units: one track's seeds of one comparison, in as many parts as keep all nodes busy."""

from collections.abc import Sequence
from itertools import groupby, pairwise

from twotrack.shared.runs.records import Job

_ROUNDS = 2
"""Units for each job that can run at a time. A start costs seconds, so not one for each seed; with one round only,
nodes that are done would wait for the slowest."""


def split(jobs: Sequence[Job], width: int, seeds_per_job: int | None = None) -> list[list[Job]]:
    """Return the jobs in units, of so many seeds at most if that is said, for `width` units at a time."""
    groups = [list(group) for _, group in groupby(jobs, lambda job: (job.folder.parent, job.track))]
    if seeds_per_job:
        return [
            group[start : start + seeds_per_job] for group in groups for start in range(0, len(group), seeds_per_job)
        ]
    parts = -(-_ROUNDS * width // len(groups)) if groups else 1
    return [part for group in groups for part in _even(group, min(parts, len(group)))]


def _even(group: Sequence[Job], parts: int) -> list[list[Job]]:
    """Return so many parts, the first of which may be one longer."""
    size, longer = divmod(len(group), parts)
    ends = [number * size + min(number, longer) for number in range(parts + 1)]
    return [list(group[start:end]) for start, end in pairwise(ends)]
