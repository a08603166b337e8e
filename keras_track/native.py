"""Models and optimizers that are aligned but for what a run leaves to Keras."""

from collections.abc import Sequence

import keras

from twotrack.keras_track import optimizers
from twotrack.keras_track.defaults import LAYERS, OPTIMIZERS
from twotrack.keras_track.update_options import Names
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.profiles import Switches


def switch_layers(model: keras.Model, switches: Switches) -> None:
    """Give the layers of an aligned model Keras' defaults."""
    switches.apply(LAYERS, model)


def optimizer(
    spec: Optimizer, learning_rates: Sequence[float], model: keras.Model, switches: Switches, names: Names | None = None
) -> keras.optimizers.Optimizer:
    """Return the optimizer for `spec`, which trains `model`, aligned but for the switches."""
    keras_optimizer = optimizers.build(spec, learning_rates, names)
    switches.apply(OPTIMIZERS, keras_optimizer, model)
    return keras_optimizer
