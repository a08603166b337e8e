"""keras.Model <-> canonical weights. Keras' own layout is the canonical one."""

from collections.abc import Mapping

import keras
import numpy as np

from shared.bridge.names import require_same


def name_table(model: keras.Model) -> dict[str, keras.Variable]:
    """Map canonical names, `layer.parameter`, to the model's weights in the model's order."""
    return {f"{layer.name}.{weight.name}": weight for layer in model.layers for weight in layer.weights}


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Return copies of the model's weights in canonical form."""
    return {name: np.array(keras.ops.convert_to_numpy(weight)) for name, weight in name_table(model).items()}


def load_weights(model: keras.Model, canonical: Mapping[str, np.ndarray]) -> None:
    """Copy canonical weights into the model; BridgeError if a name is missing, left over or misshapen."""
    table = name_table(model)
    expected = {name: tuple(weight.shape) for name, weight in table.items()}
    require_same(expected, {name: array.shape for name, array in canonical.items()}, "the Keras model")
    for name, weight in table.items():
        weight.assign(canonical[name])
