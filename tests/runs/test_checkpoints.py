"""Checkpoints of a training, and early stopping: what stays, how it goes on, and that Keras' callbacks say the same."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.runs import callback_tasks
from tests.runs.callback_tasks import Judged, Losses
from tests.runs.walks import KERAS_TORCH, LIMIT, LONG, TORCH, Train, require_one_training, trainer
from tests.support.command_line import in_process
from tests.support.fake_model import FakeModel
from twotrack.shared.errors import UserError
from twotrack.shared.runs import checkpoints
from twotrack.shared.runs.judging import Best
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.spec.recipes import Checkpoint, EarlyStopping
from twotrack.shared.workers.pool import WorkerPool

SETTINGS = {"optimizer": "adam", "schedule": "warm_cosine", "average": "ema", "patience": "9"}
EPOCHS = 3


@pytest.fixture(scope="module")
def train(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train in the track's shared worker."""
    return trainer(workers, lambda: tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("data"))


def _kept(train: Train, track: str, **more: str) -> Run:
    return train("churn_mlp", track, settings=SETTINGS | {"checkpoint": "1"} | more, epochs=EPOCHS)


@pytest.fixture(scope="module")
def kept(train: Train) -> Run:
    return _kept(train, KERAS_TORCH)


def test_a_training_that_leaves_checkpoints_is_the_one_that_does_not(train: Train, kept: Run):
    """Bit for bit."""
    plain = train("churn_mlp", KERAS_TORCH, settings=SETTINGS, epochs=EPOCHS)

    assert all(np.array_equal(array, kept.weights[name]) for name, array in plain.weights.items())
    assert plain.history == kept.history
    assert np.array_equal(plain.logits, kept.logits)
    assert "checkpoint" not in plain.record.recipe
    assert kept.record.recipe["checkpoint"] == {"name": "Checkpoint", "every": 1, "keep": "all"}


@pytest.mark.parametrize("track", [TORCH, *(pytest.param(track, marks=pytest.mark.slow) for track in LONG[:3])])
def test_another_track_goes_on_from_a_checkpoint(track: str, train: Train, kept: Run):
    """What early stopping has waited for goes along too."""
    done = train("churn_mlp", track, goes_on=checkpoints.find(kept.folder, 2))

    require_one_training(done, kept, LIMIT)
    assert done.record.job.continues
    assert done.record.job.continues.steps == kept.record.steps * 2 // EPOCHS


def test_each_is_a_run_that_was_stopped_there(train: Train, kept: Run):
    stopped = train("churn_mlp", KERAS_TORCH, settings=SETTINGS, epochs=EPOCHS, stop_after=kept.record.steps // EPOCHS)
    found = read(checkpoints.find(kept.folder, 1))

    assert (found.record.stopped, len(found.record.epochs)) == (True, 1)
    assert found.record.job.stop_after == found.record.steps == len(found.history["learning_rate"])
    assert all(np.array_equal(array, found.weights[name]) for name, array in stopped.weights.items())
    assert found.record.files["state.safetensors"] == stopped.record.files["state.safetensors"]
    assert not read(checkpoints.find(kept.folder, EPOCHS)).record.stopped


def test_the_last_alone_stays(train: Train):
    run = _kept(train, TORCH, keep="last")

    assert [path.name for path in (run.folder / checkpoints.INSIDE).iterdir()] == [f"epoch_{EPOCHS:04d}"]
    assert not checkpoints.beside(run.folder).exists()


def test_those_of_a_training_that_was_killed_are_found_beside_it(kept: Run, tmp_path: Path):
    """Its folder never appears."""
    run = tmp_path / "run"
    shutil.copytree(kept.folder / checkpoints.INSIDE, checkpoints.beside(run))

    assert read(checkpoints.find(run, 2)).record.steps == kept.record.steps * 2 // EPOCHS


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--at", "2"), "--at names a checkpoint of a run; expected --from RUN beside it"),
        (("--from", "{run}", "--at", "7"), "has no checkpoint of epoch 7, it has those of the epochs 1, 2, 3"),
        (("--from", "{run}/checkpoints/epoch_0001", "--at", "1"), "it has none; a training leaves them with"),
        (("--set", "keep=last"), "expected checkpoint=EPOCHS beside it"),
        (("--set", "checkpoint=0"), "churn_mlp: checkpoint: "),
        (("--set", "checkpoint=1", "--set", "keep=some"), "some"),
    ],
)
def test_what_is_no_checkpoint_is_refused(words: tuple[str, ...], message: str, kept: Run, tmp_path: Path):
    given = [word.format(run=kept.folder) for word in words]
    done = in_process("run", "churn_mlp", "--track", TORCH, *given, folder=tmp_path, check=False)

    assert (done.code, message in done.stderr) == (2, True), done.stderr
    assert not any(tmp_path.iterdir())


def test_a_checkpoint_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path):
    with pytest.raises(UserError, match="has no checkpoint of epoch 1, it has none"):
        checkpoints.find(tmp_path, 1)


# === Keras' own callbacks ===


class Numbered(FakeModel):
    """A model whose only weight is the number of the epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0.0

    def weights(self) -> dict[str, np.ndarray]:
        return {"epoch": np.array([self.epoch])}

    def load_weights(self, canonical: object, only: object = None) -> None:
        self.epoch = float(canonical["epoch"][0])  # type: ignore[index]


def _ours(asked: Losses) -> Judged:
    model, keep = Numbered(), Checkpoint(1, "best")
    best, epoch, ended, saved = (
        Best(EarlyStopping(asked.patience, asked.min_delta, asked.restore_best), model),
        0,
        False,
        [],
    )
    while epoch < len(asked.losses) and not ended:
        epoch += 1
        model.epoch = float(epoch)
        ended = best.ends_with(asked.losses[epoch - 1])
        saved += [epoch] if keep.is_due(asked.losses[:epoch]) else []
    best.restore()
    return Judged(epoch, int(model.epoch), saved)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_keras_callbacks_judge_alike(seed: int, workers: WorkerPool, tmp_path: Path):
    """Early stopping: when, and with which weights; checkpoints: which epochs are better. Losses tie and rise."""
    drawn = np.random.default_rng(seed)
    losses = [float(loss) for loss in np.round(drawn.uniform(0.5, 1.0, 12) - 0.02 * np.arange(12), 1)]
    for patience in (0, 1, 3):
        for min_delta in (0.0, 0.15):
            for restore in (False, True):
                folder = tmp_path / f"{patience}{min_delta}{restore}"
                asked = Losses(losses, patience, min_delta, restore, folder)
                assert workers.call(KERAS_TORCH, callback_tasks.judge, asked) == _ours(asked), asked


def test_every_second_epoch_is_every_second_epoch():
    losses = [3.0, 2.0, 1.0, 5.0, 4.0, 0.5]

    def left(wanted: Checkpoint) -> list[int]:
        return [epoch for epoch in range(7) if wanted.is_due(losses[:epoch])]

    assert left(Checkpoint(2)) == left(Checkpoint(2, "last")) == [2, 4, 6]
    assert left(Checkpoint(2, "best")) == [2, 6], "of those that are due"
    assert left(Checkpoint(1, "best")) == [1, 2, 3, 6]
