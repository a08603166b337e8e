"""The report opens with one sentence that says how the comparison came out."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.runs import answers, make_run, record_of
from twotrack.shared import __version__
from twotrack.shared.report.caveats import caveats
from twotrack.shared.report.headline import headline
from twotrack.shared.report.tables import comparison_json, comparison_text, difference_rows
from twotrack.shared.runs import plans
from twotrack.shared.runs.comparison import TrainingRequest
from twotrack.shared.runs.run_folder import Run

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


def three_seeds(folder: Path, **changes: dict[str, object]) -> list[Run]:
    """Return runs of two tracks with three seeds; a run's name gives what is other in its record."""
    return [
        make_run(
            folder / f"{track}_{seed}", track=track, seed=seed, **changes.get(f"{track.replace(':', '_')}_{seed}", {})
        )
        for track in ("torch", "keras:jax")
        for seed in range(3)
    ]


def test_runs_that_were_planned_and_are_missing_are_named_in_the_verdict(tmp_path: Path):
    names = [(track, seed) for track in ("torch", "keras:jax") for seed in range(3)]
    jobs = [record_of(tmp_path / f"{track}_{seed}", track, seed).job for track, seed in names]
    with plans.begin(jobs, TrainingRequest("mnist_cnn", ("torch", "keras:jax"), (0, 1, 2))):
        runs = three_seeds(tmp_path)

    assert "but" not in headline(runs, difference_rows(runs))
    found = headline(runs[:-1], difference_rows(runs[:-1]))
    assert "; but 1 of 6 planned runs is missing; not every track has every seed (torch alone has seed 2)." in found
    assert "1 of 6 planned runs is missing" in comparison_text(runs[:-1], {})
    assert comparison_json(runs[:-1], [], {})["caveats"] == caveats(runs[:-1]) != []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"twotrack": "0.0.1"}, f"twotrack 0.0.1 and {__version__}"),
        ({"device": "cuda"}, "device cpu and cuda"),
        ({"environment": {"python": "3.12", "packages": {"torch": "2.13.0"}}}, "Python 3.11 and 3.12, processor a pro"),
        ({"environment": {"packages": {"torch": "2.12.0", "jax": "0.9"}}}, "torch 2.12.0 and 2.13.0, jax 0.9 and none"),
    ],
)
def test_runs_that_were_made_otherwise_are_named_in_the_verdict(
    tmp_path: Path, changes: dict[str, object], expected: str
):
    runs = three_seeds(tmp_path, keras_jax_1=changes)

    found = headline(runs, difference_rows(runs))
    assert "; but the runs were not made alike: " in found
    assert expected in found
