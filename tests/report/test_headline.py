"""The report opens with one sentence that says how the comparison came out."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.runs import answers, make_run
from twotrack.shared.report.headline import headline
from twotrack.shared.report.tables import difference_rows

LABELS = np.arange(2000, dtype=np.int32) % 10


def sentence(folder: Path, **wrong: int) -> str:
    """Return the headline of runs named track_seed that get so many of 2,000 examples wrong."""
    runs = []
    for name, count in wrong.items():
        track, _, seed = name.rpartition("_")
        logits = answers(LABELS, list(range(count)))
        runs.append(make_run(folder / name, logits, LABELS, track=track.replace("keras_", "keras:"), seed=int(seed)))
    return headline(runs, difference_rows(runs))


def test_two_tracks_with_several_seeds_get_their_verdict(tmp_path: Path):
    found = sentence(tmp_path, torch_0=4, keras_jax_0=5, torch_1=5, keras_jax_1=4, torch_2=4, keras_jax_2=5)

    assert found.startswith("Torch and keras:jax are equivalent: the difference of +0.02 points [")
    assert found.endswith("(90 % interval, 3 seeds) lies within the margin of 0.5 points.")


def test_one_seed_decides_nothing(tmp_path: Path):
    found = sentence(tmp_path, torch_0=4, keras_jax_0=4)

    assert found.startswith("Torch and keras:jax are undecided: the difference is +0.00 points [")
    assert "one seed cannot tell the tracks from its own luck" in found


def test_of_more_tracks_the_pair_furthest_apart_is_named(tmp_path: Path):
    counts = {"torch": 100, "keras_jax": 10, "keras_torch": 0}
    found = sentence(
        tmp_path, **{f"{track}_{seed}": count + seed for track, count in counts.items() for seed in (0, 1)}
    )

    assert found.startswith("Torch and keras:torch are different: the difference of -5.00 points [")
    assert found.endswith("lies beyond the margin of 0.5 points (2 of 3 pairs of tracks are different).")


@pytest.mark.parametrize(
    ("wrong", "start"),
    [
        ({"torch_0": 4}, "One track alone, torch: accuracy 0.9980 ["),
        ({"torch_0": 4, "keras_jax_1": 4}, "No two tracks have a seed in common"),
    ],
)
def test_without_a_pair_it_says_why_nothing_is_compared(tmp_path: Path, wrong: dict[str, int], start: str):
    assert sentence(tmp_path, **wrong).startswith(start)
