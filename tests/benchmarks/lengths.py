"""Seconds per epoch by the length of a series, and whether they grow as told: python -m tests.benchmarks.lengths

What the experiment `length` of churn_transformer claims depends on what else the machine does. Takes a track as
argument; exit code 1 if a claim does not hold.
"""

import sys

from tests.support.own_tree import let_children_import_tests
from twotrack.shared.experiments.task import Experiment, measure
from twotrack.shared.workers.pool import WorkerPool


def main() -> None:
    """Print the table and the claims."""
    let_children_import_tests()
    track = sys.argv[1] if len(sys.argv) > 1 else "torch"
    with WorkerPool("cpu") as workers:
        finding = workers.call(track, measure, Experiment(track, "churn_transformer", "length", seed=0))
    for row in finding.tables[0].rows:
        print(*(cell if isinstance(cell, str) else f"{cell:.3g}" for cell in row), sep="\t")
    for claim in finding.claims:
        print(f"{claim.text}: {claim.value:.2f}, {claim.relation} {claim.bound}: {claim.holds}")
    sys.exit(not finding.holds)


if __name__ == "__main__":
    main()
