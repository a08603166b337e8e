"""Print the table of planted faults, the rungs that fail and what they say: python -m tests.mutation.table"""

import tempfile
from pathlib import Path

from tests.mutation.faults import FAULTS
from tests.mutation.observing import Gate
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.workers.pool import WorkerPool


def main() -> None:
    """Plant every fault in turn."""
    let_children_import_tests()
    print("| fault | track | rung | message |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, WorkerPool("cpu", one_per_track=True) as workers:
        gate = Gate(workers, Path(folder))
        for name, fault in FAULTS.items():
            failure = gate.planted(name)[-1]
            print(f"| {name.partition(',')[0]} | {fault.track} | {failure.rung} | {failure.detail} |", flush=True)


if __name__ == "__main__":
    main()
