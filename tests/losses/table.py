"""The table of docs/reference/losses.md, measured: `python -m tests.losses.table` prints it."""

import numpy as np

from tests.losses import tasks
from tests.losses.cases import CASES
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.spec.loss_specs import LOSSES
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

HEAD = f"| loss | targets | a row is | {' | '.join(TRACKS)} |\n|---|---|---|{'---|' * len(TRACKS)}"


def rows() -> list[str]:
    """Return a line for each loss: the largest difference of value and gradient in all its cases, by track."""
    with WorkerPool(threads=1) as pool:
        expected = pool.call("torch", tasks.by_hand, list(CASES))
        found = {
            track: pool.call(track, tasks.on_torch if track == "torch" else tasks.on_keras, False) for track in TRACKS
        }
    return [_row(kind, expected, found) for kind in LOSSES]


def _row(kind: type, expected: tasks.Shown, found: dict[str, tasks.Shown]) -> str:
    names = [name for name, case in CASES.items() if type(case.loss) is kind]
    kinds = dict.fromkeys(CASES[name].loss.target_kind for name in names)
    sizes = [f"{max(_apart(shown, expected, name) for name in names):.0e}" for shown in found.values()]
    term = "one term" if kind.of_rows else "a term for each number"  # type: ignore[attr-defined]
    return f"| `{kind.__name__}` | {' or '.join(kinds)} | {term} | {' | '.join(sizes)} |"


def _apart(found: tasks.Shown, expected: tasks.Shown, name: str) -> float:
    value = abs(found.values[name] - expected.values[name]) / max(1.0, abs(expected.values[name]))
    gradients = np.array(found.gradients[name]) - np.array(expected.gradients[name])
    return max(value, float(np.abs(gradients).max() / max(1.0, np.abs(expected.gradients[name]).max())))


if __name__ == "__main__":
    let_children_import_tests()
    print(HEAD, *rows(), sep="\n")
