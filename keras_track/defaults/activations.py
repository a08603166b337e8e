"""What follows the product with a kernel, activations and biases, as Keras has them by default."""

import keras
import numpy as np
from keras import layers

from twotrack.keras_track.defaults.common import apply, gradient_of, set_default, to_numpy
from twotrack.keras_track.defaults.registry import DEFAULTS, LAYERS
from twotrack.keras_track.layers import activation
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@DEFAULTS.measures
def leaky_relu_slope() -> Measured:
    """LeakyReLU and its function."""
    x, minus = samples.normal(8), -np.ones(1, np.float32)
    values = {
        "layer": -apply(layers.LeakyReLU(), minus)[0],
        "function": -apply(keras.activations.leaky_relu, minus)[0],
    }
    return Measured(values, apply(layers.LeakyReLU(), x), apply(activation("leaky_relu", "act"), x))


@LAYERS.switches(leaky_relu_slope)
def switch_leaky_relu_slope(model: keras.Model) -> bool:
    """Leak as much as Keras does."""
    return set_default(model, layers.LeakyReLU, "negative_slope")


@DEFAULTS.measures
def prelu_alpha() -> Measured:
    """PReLU on 5 units."""
    x, layer = samples.normal(4, 5), layers.PReLU()
    output = apply(layer, x)
    values = {"alpha at the start": to_numpy(layer.alpha)[0], "alphas for 5 units": layer.alpha.shape[0]}
    return Measured(values, output, apply(activation("prelu", "act"), x))


@DEFAULTS.measures
def gelu() -> Measured:
    """keras.activations.gelu."""
    unit = np.ones(1, np.float32)
    return Measured(
        {"gelu(1)": apply(keras.activations.gelu, unit)[0]}, apply(keras.activations.gelu, samples.normal(8))
    )


@DEFAULTS.measures
def bert_gelu() -> Measured:
    """The activation in the blocks of keras_hub's BertBackbone."""
    from twotrack.keras_track.hub import BertBackbone

    sizes = {"num_layers": 1, "num_heads": 1, "hidden_dim": 4, "intermediate_dim": 4, "max_sequence_length": 4}
    block = BertBackbone(vocabulary_size=5, **sizes).get_layer("transformer_layer_0")
    unit = np.ones(1, np.float32)
    return Measured({"gelu(1)": apply(block.activation, unit)[0]}, apply(block.activation, samples.normal(8)))


@DEFAULTS.measures
def elu_and_hard_sigmoid() -> Measured:
    """The functions elu and hard_sigmoid."""
    x, unit = samples.normal(8), np.ones(1, np.float32)
    elu, hard = keras.activations.elu, keras.activations.hard_sigmoid
    values = {"elu(-1)": apply(elu, -unit)[0], "hard_sigmoid(1)": apply(hard, unit)[0]}
    return Measured(values, [apply(elu, x), apply(hard, x)])


@DEFAULTS.measures
def derivative_at_zero() -> Measured:
    """Derivatives where there is none, PReLU with an alpha of 0.25."""
    zero, prelu = np.zeros((1, 1), np.float32), activation("prelu", "act")
    prelu.build((None, 1))
    values = {"ReLU": gradient_of(layers.ReLU(), zero).item(), "PReLU": gradient_of(prelu, zero).item()}
    return Measured(values)


@DEFAULTS.measures
def leaky_derivative_at_zero() -> Measured:
    """Derivative of a leaky ReLU with a slope of 0.01 at 0."""
    layer = layers.LeakyReLU(negative_slope=0.01)
    return Measured({"leaky ReLU": gradient_of(layer, np.zeros(1, np.float32)).item()})


@DEFAULTS.measures
def biases() -> Measured:
    """Whether layers have a bias."""
    return Measured({"dense": layers.Dense(3).use_bias, "convolution": layers.Conv2D(4, 3).use_bias})
