"""Which sums of each framework add up in half precision on this machine: python -m tests.benchmarks.poor_sums"""

from tests.precision.tasks import poor_sums
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool


def main() -> None:
    let_children_import_tests()
    with WorkerPool("cpu", threads=1) as pool:
        for track in (name for name in TRACKS if name != "torch"):
            for precision, names in pool.call(track, poor_sums, None).items():
                print(f"{track} {precision}: {', '.join(names) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
