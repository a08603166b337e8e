"""The badge and the next step fit the verdict, and the sentences of the page fit the run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.test_ladder import FAILED, PASSED, record
from tests.support.pages import Page
from tests.support.runs import answers, make_run, record_of
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.report.ladder import LadderRecord
from twotrack.shared.report.next_step import NextStep, next_step
from twotrack.shared.report.plots import curve_difference
from twotrack.shared.report.runs_page import write_report
from twotrack.shared.report.tables import difference_rows
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.runs.training import describe
from twotrack.shared.spec.profiles import switched

LABELS = np.arange(2000, dtype=np.int32) % 10


def runs_of(folder: Path, wrong: dict[str, list[int]], *command: str, **job: object) -> list[Run]:
    """Return runs of which each track's seeds get so many of 2,000 examples wrong."""
    changed = {"command": ["twotrack", "compare", "mnist_cnn", *command], **job}
    return [
        make_run(
            folder / f"{number}_{seed}",
            answers(LABELS, list(range(count))),
            LABELS,
            job=record_of(folder, track, seed).job.model_copy(update=changed),
        )
        for number, (track, counts) in enumerate(wrong.items())
        for seed, count in enumerate(counts)
    ]


def step(runs: list[Run], ladder: LadderRecord | None = None) -> NextStep:
    return next_step(runs, difference_rows(runs), ladder)


EQUAL = {"torch": [4, 5, 4], "keras:jax": [5, 4, 4]}
APART = {"torch": [100, 101, 102], "keras:jax": [1, 2, 3]}


def test_equivalent_tracks_are_chosen_by_their_cost(tmp_path: Path):
    found = step(runs_of(tmp_path, EQUAL))

    assert (found.badge, found.colour, found.command) == ("equivalent", "good", "")
    assert "choose by what each track costs" in found.text


def test_one_seed_is_undecided_and_the_command_has_the_seeds_that_would_decide(tmp_path: Path):
    runs = runs_of(tmp_path, {"torch": [4], "keras:jax": [6]}, "--seeds", "1", "--tracks", "torch,keras:jax")
    needed = difference_rows(runs)[0].verdict.seeds_to_decide

    assert step(runs) == NextStep(
        "undecided",
        f"train more seeds: about {needed} would decide",
        f"twotrack compare mnist_cnn --tracks torch,keras:jax --seeds {needed}",
    )


@pytest.mark.parametrize("command", [("--resume", "runs/one"), ("--resume=runs/one",)])
def test_a_comparison_that_was_continued_cannot_be_repeated_with_more_seeds(tmp_path: Path, command: tuple[str, ...]):
    assert step(runs_of(tmp_path, {"torch": [4], "keras:jax": [6]}, *command)).command == ""


@pytest.mark.parametrize(
    ("job", "ladder", "command"),
    [
        ({}, None, "twotrack verify mnist_cnn"),
        ({}, record(PASSED), "twotrack compare mnist_cnn --exact"),
        ({}, record(FAILED), ""),
        ({"switched": list(switched("native", None))}, None, "twotrack ablate mnist_cnn"),
    ],
)
def test_after_a_difference_the_cause_is_looked_for(
    tmp_path: Path, job: dict[str, object], ladder: LadderRecord | None, command: str
):
    found = step(runs_of(tmp_path, APART, **job), ladder)

    assert (found.badge, found.colour, found.command) == ("different", "bad", command)


def test_what_has_not_learned_is_trained_longer(tmp_path: Path):
    chance = np.random.default_rng(0)
    runs = [
        make_run(tmp_path / f"{track[-3:]}{seed}", chance.normal(size=(2000, 10)), LABELS, track=track, seed=seed)
        for track in ("torch", "keras:jax")
        for seed in range(3)
    ]

    assert step(runs).badge == "neither learned"
    assert "train longer" in step(runs).text


@pytest.mark.parametrize(
    ("wrong", "text"),
    [({"torch": [4]}, "train this seed on another track"), ({"torch": [4], "keras:jax": []}, "train this seed on")],
)
def test_one_track_is_compared_with_another_next(tmp_path: Path, wrong: dict[str, list[int]], text: str):
    found = step(runs_of(tmp_path, wrong))

    assert (found.badge, found.colour) == ("not compared", "open")
    assert found.text.startswith(text)


def test_the_badge_stands_on_the_page(tmp_path: Path):
    page = Page(write_report(runs_of(tmp_path, EQUAL), tmp_path / "report.html", [], {}))

    assert "EQUIVALENT" in page.text
    assert "Next: choose by" in page.text


@pytest.mark.parametrize(("dropout", "said"), [(0.25, True), (0, False), (None, False)])
def test_dropout_is_spoken_of_where_there_is_some(tmp_path: Path, dropout: float | None, said: bool):
    config = {} if dropout is None else {"dropout": dropout}
    runs = [make_run(tmp_path / track[-3:], track=track, config=config) for track in ("torch", "keras:jax")]

    text = Page(write_report(runs, tmp_path / "report.html", [], {})).text

    assert ("Dropout draws its masks" in text, "dropout active" in text) == (said, said)


def test_the_loss_of_one_track_minus_the_other_ends_where_the_shorter_training_does(tmp_path: Path):
    histories = {"torch": [2.0, 1.5, 1.0, 0.5], "keras:jax": [1.0, 1.0, 1.25]}
    runs = [
        make_run(tmp_path / track[-3:], track=track, history={"loss": losses, "learning_rate": [1e-3] * len(losses)})
        for track, losses in histories.items()
    ]

    drawn = curve_difference(runs)

    assert drawn is not None
    assert drawn.title == "Training loss, torch minus keras:jax"
    assert drawn.words.endswith("keras:jax -0.25.")


def test_one_is_singular(tmp_path: Path):
    recipe = describe(replace(CHAPTERS["mnist_cnn"].recipe("fast"), epochs=1))
    runs = [make_run(tmp_path / track[-3:], track=track, recipe=recipe) for track in ("torch", "keras:jax")]

    text = Page(write_report(runs, tmp_path / "report.html", [], {})).text

    assert "1 epoch, 4 steps" in text
    assert "(s)" not in text
