"""A request is checked whole before any worker starts, and becomes one job per track and seed."""

from pathlib import Path

import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_name


def name_folder(track: str, seed: int) -> Path:
    return Path("out") / run_name(track, seed)


def test_jobs_are_planned_track_by_track():
    jobs = plan(TrainingRequest("mnist_cnn", ("torch", "keras:jax"), (0, 1), "classic", {"filters": "8"}), name_folder)

    assert [(job.track, job.seed) for job in jobs] == [
        ("torch", 0), ("torch", 1), ("keras:jax", 0), ("keras:jax", 1),
    ]  # fmt: skip
    assert [job.folder.name for job in jobs] == [
        "torch_seed0", "torch_seed1", "keras-jax_seed0", "keras-jax_seed1",
    ]  # fmt: skip
    assert {(job.epochs, job.recipe, job.settings["filters"]) for job in jobs} == {(5, "classic", "8")}
    assert all(job.folder.is_absolute() for job in jobs)


def test_epochs_of_the_request_replace_the_recipes():
    (job,) = plan(TrainingRequest("mnist_cnn", ("torch",), epochs=3), name_folder)

    assert job.epochs == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chapter": "mnist"}, "unknown chapter 'mnist'"),
        ({"recipe": "slow"}, "unknown recipe 'slow'"),
        ({"settings": {"filter": "8"}}, "unknown setting of mnist_cnn 'filter': did you mean 'filters'?"),
        ({"tracks": ("torch", "keras:tensorflo")}, "unknown track 'keras:tensorflo': did you mean 'keras:tensorflow'?"),
        ({"seeds": ()}, "--seeds: expected at least 1 seed."),
        ({"seeds": (1, -2)}, "--seed: expected 0 or a positive whole number, found -2."),
        ({"epochs": 0}, "--epochs: expected a positive number, found 0."),
        ({"examples": 31}, "--examples: expected at least one batch of 32, found 31."),
        ({"examples": 0}, "--examples: expected at least one batch of 32, found 0."),
        ({"device": "gpu"}, "--device: expected auto, cpu or cuda, found 'gpu'."),
        ({"source": "web"}, "unknown source 'web': expected 'embedded', 'cdnow', 'stamps', 'tfds' or 'tfds:NAME'."),
    ],
)
def test_a_request_that_cannot_be_done_is_refused(changes: dict, message: str):
    with pytest.raises(UserError) as caught:
        plan(TrainingRequest(**{"chapter": "mnist_cnn", "tracks": ("torch",), **changes}), name_folder)

    assert message in str(caught.value)
