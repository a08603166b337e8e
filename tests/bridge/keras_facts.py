"""Single facts about the Keras side of the bridge."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.bridge.keras_models import Subclassed
from twotrack.keras_track import weights
from twotrack.keras_track.precision import set_precision
from twotrack.shared.weights.bridge import BridgeError


def refusals() -> dict[str, str | None]:
    """Return the message of every call that must be refused."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, name="dense")], name="model")
    good = weights.weights(model)
    return {
        name: _message(call)
        for name, call in {
            "not built": lambda: weights.name_table(keras.Sequential([layers.Dense(3)], name="model")),
            "subclass not built": lambda: weights.name_table(Subclassed()),
            "same name": lambda: weights.name_table(_same_name()),
            "missing": lambda: weights.load_weights(model, {"dense.kernel": good["dense.kernel"]}),
            "left over": lambda: weights.load_weights(model, good | {"tail.bias": np.zeros(5)}),
            "misshapen": lambda: weights.load_weights(model, good | {"dense.kernel": np.zeros((3, 6))}),
            "misshapen depthwise": lambda: weights.load_weights(_depthwise(), {"conv.kernel": np.zeros((2, 3, 4, 5))}),
        }.items()
    }


class SameName(keras.Model):
    def __init__(self):
        super().__init__(name="model")
        self.first, self.second = layers.Dense(2, name="dense"), layers.Dense(2, name="dense")

    def call(self, x):
        return self.second(self.first(x))


def _same_name() -> keras.Model:
    model = SameName()
    model(np.zeros((1, 2), np.float32))
    return model


def _depthwise() -> keras.Model:
    convolution = layers.DepthwiseConv2D((2, 3), depth_multiplier=5, use_bias=False, name="conv")
    return keras.Sequential([keras.Input((7, 8, 4)), convolution], name="model")


def _message(call: Callable[[], object]) -> str | None:
    try:
        call()
    except BridgeError as error:
        return str(error)
    return None


def paths() -> list[list[str]]:
    """Return path and type of every layer of a model with layers inside layers."""
    inputs = keras.Input((5, 4))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(inputs)
    x = layers.TimeDistributed(layers.Dense(4), name="each")(x)
    shared = layers.Dense(4, name="shared")
    block = keras.Sequential([keras.Input((5, 4)), shared, layers.Dropout(0.5, name="dropout")], name="block")
    model = keras.Model(inputs, shared(block(x)), name="model")
    found = weights.layer_paths(model)
    return [[path, type(layer).__name__] for path, layer in found if not isinstance(layer, layers.InputLayer)]


def names() -> dict[str, list[str]]:
    """Return the canonical names of models, and which are trainable."""
    shared = layers.Dense(4, name="shared")
    twice = keras.Sequential([keras.Input((4,)), shared, layers.Dropout(0.5), shared], name="model")
    norm = layers.BatchNormalization(name="norm")
    frozen = layers.Dense(2, name="frozen", trainable=False)
    part = keras.Sequential([keras.Input((4,)), norm, frozen, layers.Dense(2, name="live")], name="model")
    inputs = keras.Input((5, 4), batch_size=2)
    state = keras.Model(inputs, layers.LSTM(3, stateful=True, name="lstm")(inputs), name="model")
    return {
        "shared": list(weights.name_table(twice)),
        "stateful": list(weights.name_table(state)),
        "trainable": sorted(weights.trainable_names(part)),
    }


def types() -> dict[str, Any]:
    """Return the types of canonical weights, and a float64 value after loading it into float32."""
    set_precision("float32")  # another test of this process may have left float64, in which no layer is float32
    found = {}
    for policy in ("float16", "bfloat16", "float32", "float64"):
        dense = layers.Dense(2, dtype=policy, name="dense")
        model = keras.Sequential([keras.Input((2,)), dense], name="model")
        found[policy] = str(weights.weights(model)["dense.kernel"].dtype)
    single = keras.Sequential([keras.Input((1,)), layers.Dense(1, dtype="float32", name="dense")], name="model")
    weights.load_weights(single, {"dense.kernel": np.full((1, 1), 1 / 3), "dense.bias": np.full(1, 1 / 3)})
    kernel = weights.weights(single)["dense.kernel"]
    return found | {"loaded": kernel.item(), "loaded type": str(kernel.dtype)}


FACTS: dict[str, Callable[[], Any]] = {"refusals": refusals, "paths": paths, "names": names, "types": types}
