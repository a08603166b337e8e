"""The matcher's table: of each architecture of the atlas what is found, and whether it is what a person wrote.

    python -m tests.benchmarks.maps [NAME]...

Every architecture is searched without a name looked at and with them, as its libraries name it and with a random word
in the place of every name.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.matching.comparing import OF_TRIALS, Outcome, outcome
from tests.matching.hand_maps import HAND
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.workers.pool import WorkerPool

COLUMNS = (
    "architecture",
    "weights",
    "found",
    "equal",
    "outputs",
    "CPU",
    "by order",
    "words",
    "equal",
    "CPU",
    "by name",
)
"""`outputs` is the largest difference with either map; `by order`: weights that values do not tell apart."""


def main(names: Sequence[str]) -> None:
    """Print the table, the nineteen of the trials first."""
    let_children_import_tests()
    chosen = [*OF_TRIALS, *(name for name in HAND if name not in OF_TRIALS)]
    print("| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS), sep="\n")
    with WorkerPool("cpu", one_per_track=True) as workers:
        for name in [name for name in chosen if name in names or not names]:
            print("| " + " | ".join(row(name, workers)) + " |", flush=True)


def row(name: str, workers: WorkerPool) -> Iterator[str]:
    """Yield one architecture's cells; where a map is not the one written by hand, the weights that differ."""
    plain, named, words, words_named = (
        _outcome(name, workers, in_words, by_name) for in_words in (False, True) for by_name in (False, True)
    )
    yield name
    yield str(len(plain.match.weights) + len(plain.match.live_left))
    yield str(len(plain.match.weights))
    yield _equal(plain)
    yield f"{max(plain.compared.found_difference, plain.compared.hand_difference):.1e}"
    yield f"{plain.match.seconds:.1f} s"
    yield str(sum(weight.how == "names" for weight in plain.match.weights.values()))
    yield str(len(words.match.weights))
    yield _equal(words)
    yield f"{words.match.seconds:.1f} s"
    by_name = ((named, "names"), (words_named, "words"))
    yield "; ".join(f"{what} {_equal(one)}, {one.match.seconds:.1f} s" for one, what in by_name)


def _outcome(name: str, workers: WorkerPool, in_words: bool, by_name: bool) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="twotrack-") as folder:
        return outcome(name, workers, Path(folder), in_words, by_name)


def _equal(found: Outcome) -> str:
    others = found.compared.others
    if not others:
        return "all"
    return f"{found.compared.equal}, {'equivalent' if found.compared.is_equivalent else 'NOT EQUIVALENT'}: {others[0]}"


if __name__ == "__main__":
    main(sys.argv[1:])
