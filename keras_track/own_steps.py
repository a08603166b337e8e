"""Methods of a training step that a user's class has in the place of keras.Model's."""

from typing import Any

import keras

from twotrack.shared.spec.changes import OWN_METHODS


def own_methods(model: keras.Model) -> list[str]:
    """Return those that the model's class has."""
    return [name for name in OWN_METHODS if getattr(type(model), name) is not getattr(keras.Model, name)]


def fed_as_by_fit(model: keras.Model) -> None:
    """Let a train_step of the model's own get what `fit` gives it from now on: no weights where there are none.

    `train_on_batch` gives it weights that are None, over which the usual `x, y = data` stumbles.
    """
    if "train_step" not in own_methods(model):
        return
    own = model.train_step

    def train_step(*given: Any) -> Any:
        *state, data = given  # of JAX
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        return own(*state, keras.utils.pack_x_y_sample_weight(x, y, weights))

    object.__setattr__(model, "train_step", train_step)
