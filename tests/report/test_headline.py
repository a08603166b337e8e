"""The report opens with one sentence that says how the comparison came out."""

from pathlib import Path

import numpy as np
import pytest

from shared.report.headline import headline
from shared.report.tables import difference_rows
from tests.support.runs import answers, make_run

LABELS = np.arange(2000, dtype=np.int32) % 10


def sentence(folder: Path, **wrong: int) -> str:
    """Return the headline of runs named track_seed that get so many of 2,000 examples wrong."""
    runs = []
    for name, count in wrong.items():
        track, _, seed = name.rpartition("_")
        logits = answers(LABELS, list(range(count)))
        runs.append(make_run(folder / name, logits, LABELS, track=track.replace("keras_", "keras:"), seed=int(seed)))
    return headline(runs, difference_rows(runs))


def test_two_tracks_within_the_margin(tmp_path: Path):
    found = sentence(tmp_path, torch_0=4, keras_jax_0=4)

    assert found.startswith("Both tracks score the same within the margin of 0.5 points in accuracy: ")
    assert "torch minus keras:jax is +0.00 points [" in found
    assert found.endswith("] over 1 seed.")


def test_of_more_tracks_the_pair_furthest_apart_is_named(tmp_path: Path):
    counts = {"torch": 100, "keras_jax": 10, "keras_torch": 0}
    found = sentence(
        tmp_path, **{f"{track}_{seed}": count + seed for track, count in counts.items() for seed in (0, 1)}
    )

    assert found == (
        "It is not shown that all 3 tracks score the same within the margin of 0.5 points in accuracy: the widest of 3 "
        "pairs, torch minus keras:torch, is -5.00 points [-5.00, -5.00] over 2 seeds."
    )


@pytest.mark.parametrize(
    ("wrong", "start"),
    [
        ({"torch_0": 4}, "One track alone, torch: accuracy 0.9980 ["),
        ({"torch_0": 4, "keras_jax_1": 4}, "No two tracks have a seed in common"),
    ],
)
def test_without_a_pair_it_says_why_nothing_is_compared(tmp_path: Path, wrong: dict[str, int], start: str):
    assert sentence(tmp_path, **wrong).startswith(start)
