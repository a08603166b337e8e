"""Trainings as a learner writes them from a chapter's description: nothing is aligned, shared or tuned.

They are what `twotrack benchmark` compares with, on every backend.
"""

import time
from collections.abc import Iterator

import keras
import numpy as np
from keras import layers

from twotrack.shared.spec.scripts import Script, ScriptEpoch


def mnist_cnn(
    images: np.ndarray, labels: np.ndarray, seed: int, most_steps: int | None = None
) -> Iterator[ScriptEpoch]:
    """Train on images (examples, 28, 28, 1) and labels, Adam of 1e-3, batches of 64; yield after each epoch.

    An epoch ends after `most_steps`, if that is given.
    """
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    _warm_up(model, images[:64], labels[:64])
    count = len(images) if most_steps is None else min(len(images), 64 * most_steps)
    while True:
        start = time.perf_counter()
        model.fit(images[:count], labels[:count], batch_size=64, verbose=0)
        seconds = time.perf_counter() - start
        yield ScriptEpoch(seconds, -(-count // 64), lambda given: model.predict(given, batch_size=250, verbose=0))


def _warm_up(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    """Let Keras compile the step, which is not counted, and undo what the step did."""
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(keras.ops.convert_to_numpy(one)) for one in variables]
    model.fit(images, labels, batch_size=64, verbose=0)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)


SCRIPTS: dict[str, Script] = {"mnist_cnn": mnist_cnn}
"""By chapter."""
