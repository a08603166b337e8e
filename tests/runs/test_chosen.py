"""A command is told which run it means: by its folder, by a comparison and a track, or as the latest of a chapter."""

from pathlib import Path

import pytest

from tests.support.command_line import in_process
from tests.support.runs import make_comparison, make_run, record_of
from twotrack.shared.errors import UserError
from twotrack.shared.runs.chosen import chosen
from twotrack.shared.runs.plans import PLAN


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, the second of which finished first, and a comparison of two tracks and two seeds before both."""
    monkeypatch.chdir(tmp_path)
    for name, track, finished in (("first", "torch", "2026-01-03"), ("second", "keras:torch", "2026-01-02")):
        make_run(tmp_path / "runs" / name, finished=f"{finished}T00:00:00+00:00",
                 job=record_of(tmp_path / "runs" / name, track).job)  # fmt: skip
    make_comparison(tmp_path / "runs" / "compared", "neuron", ["torch", "keras:jax"], seeds=2, epochs=1, steps=4)
    (tmp_path / "runs" / "compared" / PLAN).touch()
    return tmp_path


def test_the_latest_is_the_one_that_finished_last(folder: Path) -> None:
    assert chosen(Path("latest")) == chosen(Path("latest:mnist_cnn")) == Path("runs/first")
    assert chosen(Path("latest:mnist_cnn:keras:torch")) == Path("runs/second")


def test_a_track_chooses_in_a_comparison_and_the_first_seed_stands_for_it(folder: Path) -> None:
    assert chosen(folder / "runs" / "compared", "keras:jax").name == "keras-jax_seed0"
    with pytest.raises(UserError, match=r"is a comparison of keras:jax, torch: .* such as .*keras-jax_seed"):
        chosen(folder / "runs" / "compared")


def test_a_run_folder_is_itself_and_so_is_what_is_nothing(folder: Path) -> None:
    for named in (folder / "runs" / "first", folder / "nowhere"):
        assert chosen(named) == named


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("latest:churn_mlp", "'latest:churn_mlp': expected such a finished run below 'runs', found runs of mnist_cnn"),
        ("latest:mnist_cnn:keras:jax", "found runs of mnist_cnn, neuron only"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(folder: Path, named: str, message: str) -> None:
    done = in_process("predict", named, "--test", folder=folder, check=False)
    assert done.code != 0
    assert message in " ".join(done.stderr.split())


def test_the_latest_run_is_converted_as_the_folder_would_be(folder: Path) -> None:
    """A run needs no --chapter; a run of another chapter than --chapter says so by the folder that was found."""
    done = in_process("convert", "latest:mnist_cnn:torch", "--chapter", "churn_mlp", "--to", "torch",
                      "--out", folder / "a.pt", folder=folder, check=False)  # fmt: skip
    assert done.code == 2
    assert "'runs/first' holds weights of the chapter 'mnist_cnn', not of 'churn_mlp'" in " ".join(done.stderr.split())
