"""Which weights of a keras.Model are trained."""

from collections.abc import Set

import keras

from twotrack.keras_track import weights


def freeze(model: keras.Model, trained: Set[str]) -> None:
    """Train the weights of these canonical names only, layer by layer; takes effect at the next compile.

    In Keras a frozen batch normalisation is in inference mode, in training too.
    """
    for path, layer in weights.layer_paths(model):  # outer layers first: setting one sets those inside it
        layer.trainable = any(name.startswith(f"{path}." if path else "") for name in trained)
