"""Worker tasks that ask Keras' own callbacks what they make of validation losses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Losses:
    """Validation losses of epochs, and the settings of early stopping."""

    losses: list[float]
    patience: int
    min_delta: float
    restore_best: bool
    folder: Path


@dataclass(frozen=True)
class Judged:
    """What callbacks have done: epochs from 1."""

    stopped: int
    weights: int
    """Of this epoch are those that are left."""
    best_saved: list[int]


@task
def judge(asked: Losses) -> Judged:
    """Feed the losses to EarlyStopping and to ModelCheckpoint; the weights are the number of the epoch."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    asked.folder.mkdir()
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", asked.min_delta, asked.patience, restore_best_weights=asked.restore_best
    )
    files = asked.folder / "{epoch}.weights.h5"
    saving = keras.callbacks.ModelCheckpoint(files, "val_loss", save_best_only=True, save_weights_only=True)
    for callback in (stopping, saving):
        callback.set_model(model)
        callback.on_train_begin()
    epoch, model.stop_training = 0, False
    while epoch < len(asked.losses) and not model.stop_training:
        model.set_weights([np.array([[epoch + 1.0]])])
        saving.on_epoch_begin(epoch)
        for callback in (stopping, saving):
            callback.on_epoch_end(epoch, {"val_loss": asked.losses[epoch]})
        epoch += 1
    stopping.on_train_end()
    saved = sorted(int(path.name.partition(".")[0]) for path in asked.folder.iterdir())
    return Judged(epoch, int(model.get_weights()[0].item()), saved)
