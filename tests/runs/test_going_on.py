"""k steps on one track and the rest on others are the training that did not stop, in the middle of an epoch too."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.runs.walks import (
    KERAS_TORCH,
    LIMIT,
    LONG,
    SHORT,
    SMALL,
    TORCH,
    Train,
    apart,
    require_one_training,
    trainer,
    walked,
)
from tests.support.command_line import in_process
from tests.support.jobs import run as run_job
from tests.support.runs import make_run
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.runs import run_content
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import RECORD, Run, read
from twotrack.shared.runs.training_state import STATE, STATE_RECORD
from twotrack.shared.workers.pool import WorkerPool


@pytest.fixture(scope="module")
def train(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train in the track's shared worker."""
    return trainer(workers, lambda: tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize(
    ("chapter", "walk"),
    [
        ("mnist_cnn", SHORT),
        *(pytest.param(chapter, LONG, marks=pytest.mark.slow) for chapter in SMALL),
    ],
    ids=str,
)
def test_a_walk_over_tracks_is_one_training(chapter: str, walk: Sequence[str], train: Train):
    """Adam, a cosine with a warm-up, moving averages."""
    whole = train(chapter, walk[0])

    done = walked(train, chapter, walk, whole.record.steps)

    require_one_training(done, whole, LIMIT)


def test_with_dropout_on_the_masks_of_every_track(train: Train):
    asked = {"exact": False, "same_masks": True}
    whole = train("churn_mlp", TORCH, **asked)

    done = walked(train, "churn_mlp", (TORCH, KERAS_TORCH), whole.record.steps, **asked)

    assert any(draw.rate for draw in whole.record.draws)
    require_one_training(done, whole, LIMIT)


# === A fault in the state is seen ===


@pytest.fixture(scope="module")
def stopped(train: Train) -> Run:
    return train("churn_mlp", KERAS_TORCH, stop_after=11)


@pytest.fixture(scope="module")
def whole(train: Train) -> Run:
    return train("churn_mlp", KERAS_TORCH)


def _forged(run: Run, folder: Path, change: Callable[[dict, dict], None]) -> Path:
    """Copy a run with another state, whose hashes are right."""
    copy = Path(shutil.copytree(run.folder, folder / "forged"))
    tensors, numbers = load_file(copy / STATE), json.loads((copy / STATE_RECORD).read_text())
    change(tensors, numbers)
    save_file(tensors, copy / STATE)
    (copy / STATE_RECORD).write_text(json.dumps(numbers))
    _sign(copy)
    return copy


def _sign(copy: Path) -> None:
    record = json.loads((copy / RECORD).read_text())
    record["files"] |= {name: sha256_of(copy / name) for name in (STATE, STATE_RECORD)}
    record["files"][RECORD] = run_content.seal(record)
    (copy / RECORD).write_text(json.dumps(record))


def _no_velocity(tensors: dict, numbers: dict) -> None:
    tensors |= {name: 0 * array for name, array in tensors.items() if name.startswith("slot/velocity/")}


def _no_averages(tensors: dict, numbers: dict) -> None:
    tensors |= {name: 0 * array for name, array in tensors.items() if name.startswith("slot/average/")}


FAULTS: dict[str, Callable[[dict, dict], None]] = {
    "moments that begin anew": _no_velocity,
    "averages that begin anew": _no_averages,
    "a count one too low": lambda tensors, numbers: numbers.update(updates=numbers["updates"] - 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_state_shows(fault: str, train: Train, stopped: Run, whole: Run, tmp_path: Path):
    """Else the walks would show nothing."""
    forged = _forged(stopped, tmp_path, FAULTS[fault])

    assert apart(train("churn_mlp", KERAS_TORCH, goes_on=forged), whole) > 1e4 * LIMIT


def test_a_place_that_is_not_where_the_batches_are_is_refused(train: Train, stopped: Run, tmp_path: Path):
    forged = _forged(stopped, tmp_path, lambda tensors, numbers: numbers["place"].update(steps=2))

    with pytest.raises(UserError, match="batches up to here are not those"):
        train("churn_mlp", KERAS_TORCH, goes_on=forged)


# === What is refused, in one message ===


def _without_a_slot(tensors: dict, numbers: dict) -> None:
    del tensors["slot/velocity/dense1.kernel"]


def _of_another_shape(tensors: dict, numbers: dict) -> None:
    tensors["slot/velocity/dense1.kernel"] = tensors["slot/velocity/dense1.kernel"][:-1].copy()


def _with_a_foreign_weight(tensors: dict, numbers: dict) -> None:
    tensors["weight/conv9.kernel"] = np.zeros(3)


def _with_something_else(tensors: dict, numbers: dict) -> None:
    tensors["notes"] = np.zeros(3)


FOREIGN: dict[str, tuple[Callable[[dict, dict], None], str]] = {
    "a slot less": (_without_a_slot, r"state is of another optimizer or model: .*velocity/dense1.kernel"),
    "another shape": (_of_another_shape, r"state is of another optimizer or model: .*velocity/dense1.kernel"),
    "a foreign weight": (_with_a_foreign_weight, "it has a weight 'conv9.kernel', which the run has not"),
    "something else": (_with_something_else, "'notes', of type float64, is no weight and no slot"),
    "another optimizer": (lambda _, numbers: numbers.update(optimizer="Lion"), "state of Lion, the run's is Adam"),
    "another version": (lambda _, numbers: numbers.update(version=9), "version"),
    "a field more": (lambda _, numbers: numbers.update(code="rm"), "code"),
    "a negative count": (lambda _, numbers: numbers.update(updates=-1), "updates"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_state_is_refused(kind: str, train: Train, stopped: Run, tmp_path: Path):
    change, message = FOREIGN[kind]
    forged = _forged(stopped, tmp_path, change)

    with pytest.raises(UserError, match=message) as caught:
        train("churn_mlp", KERAS_TORCH, goes_on=forged)

    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", [STATE, STATE_RECORD])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-9]), "was changed after the run"),
        (lambda file: file.unlink(), "is missing"),
        (lambda file: (file.write_bytes(b"\x80\x04pickled"), _sign(file.parent)), "is no training state"),
    ],
)
def test_a_damaged_state_is_refused(name: str, damage: Callable, message: str, stopped: Run, tmp_path: Path):
    copy = Path(shutil.copytree(stopped.folder, tmp_path / "copy"))
    damage(copy / name)
    assert read(copy).record.stopped, "all but going on needs no state"

    with pytest.raises(UserError, match=message) as caught:
        _plan(goes_on=copy)

    assert len(str(caught.value).splitlines()) == 1


def _plan(**asked: Any) -> Job:
    return plan(TrainingRequest("churn_mlp", (TORCH,), **asked), lambda *_: Path("new"))[0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"stop_after": 11}, "expected more than the 11 that '.*' has done, found 11"),
        ({"stop_after": 0}, "--stop-after: expected a positive number of steps, found 0"),
        ({"epochs": 1}, "has done 11 steps, and 1 epochs are 8: nothing is left"),
        ({"epochs": 3}, "was planned for 2 epochs, and its schedule has other learning rates in a training of 3"),
        ({"start": Path("there")}, "--from goes on with a run's training, --warm-start begins a new one"),
    ],
)
def test_what_would_not_be_the_same_training_is_refused(asked: dict, message: str, stopped: Run):
    with pytest.raises(UserError, match=message):
        _plan(goes_on=stopped.folder, **asked)


def test_a_finished_training_has_nothing_left(whole: Run):
    with pytest.raises(UserError, match=r"has done 16 steps, and 2 epochs are 16: nothing is left\. Name more epochs"):
        _plan(goes_on=whole.folder)


def test_a_run_without_a_state_is_refused(tmp_path: Path):
    run = make_run(tmp_path / "old")

    with pytest.raises(UserError, match="holds no state of its training"):
        plan(TrainingRequest("mnist_cnn", (TORCH,), goes_on=run.folder), lambda *_: Path("new"))


# === What the run decides, and what its record says ===


def test_recipe_settings_seed_and_precision_are_those_of_the_run(stopped: Run):
    job = _plan(goes_on=stopped.folder, seeds=(7,), recipe="classic", exact=False)

    fields = ("recipe", "settings", "seed", "examples", "exact", "epochs", "source")
    assert all(getattr(job, name) == getattr(stopped.record.job, name) for name in fields)
    assert job.continues.model_dump() == {
        "folder": stopped.folder,
        "track": KERAS_TORCH,
        "weights": stopped.record.files["weights.safetensors"],
        "state": stopped.record.files[STATE],
        "steps": 11,
    }


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--seed", "4", "was begun with --seed 0, asked for is 4; leave out --seed"),
        ("--set", "schedule=linear", "was begun with --set schedule warm_cosine, asked for is linear"),
        ("--recipe", "classic", "was begun with --recipe fast, asked for is classic"),
        ("--profile", "native", "a training goes on as it was begun; leave out --profile"),
    ],
)
def test_an_option_that_says_otherwise_is_refused(option: str, value: str, message: str, stopped: Run, tmp_path: Path):
    words = ("run", "churn_mlp", "--track", TORCH, "--from", stopped.folder, option, value)
    done = in_process(*words, folder=tmp_path, check=False)

    assert (done.code, message in done.stderr) == (2, True), done.stderr
    assert not any(tmp_path.iterdir())


def test_options_that_say_the_same_are_taken(stopped: Run, workers: WorkerPool, tmp_path: Path):
    words = ("run", "churn_mlp", "--track", KERAS_TORCH, "--from", stopped.folder, "--seed", "0", "--exact", "--json")
    done = in_process(*words, "--stop-after", "12", folder=tmp_path, workers=workers)

    (run,) = done.json()["runs"]
    record = read(Path(run["folder"])).record
    assert (record.steps, record.stopped, record.job.continues.steps) == (12, True, 11)


def test_where_rates_do_not_depend_on_its_length_a_training_grows_longer(train: Train):
    asked = {"settings": {"schedule": "constant", "patience": "5"}}
    whole = train("churn_mlp", KERAS_TORCH, epochs=2, **asked)

    longer = train(
        "churn_mlp", KERAS_TORCH, goes_on=train("churn_mlp", KERAS_TORCH, epochs=1, **asked).folder, epochs=2
    )

    require_one_training(longer, whole, LIMIT)


def test_data_other_than_those_of_the_run_are_refused(stopped: Run, workers: WorkerPool, tmp_path: Path):
    job = _plan(goes_on=stopped.folder).model_copy(update={"folder": tmp_path / "new", "examples": 576})

    with pytest.raises(UserError, match=r"was trained on other data: expected the 512 examples"):
        run_job(workers, job)
    assert not any(tmp_path.iterdir()), "nothing half-written"
