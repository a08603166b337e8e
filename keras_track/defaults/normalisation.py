"""Normalisation layers as Keras has them by default."""

import keras
import numpy as np
from keras import layers

from twotrack.keras_track.defaults.common import apply, set_default, to_numpy
from twotrack.keras_track.defaults.registry import DEFAULTS, LAYERS
from twotrack.keras_track.models.churn_transformer import EPSILON
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@DEFAULTS.measures
def layer_norm_epsilon() -> Measured:
    """LayerNormalization on small numbers; aligned: with the epsilon of churn_transformer."""
    layer, aligned = layers.LayerNormalization(), layers.LayerNormalization(epsilon=EPSILON)
    return Measured({"epsilon": layer.epsilon}, apply(layer, samples.SMALL), apply(aligned, samples.SMALL))


@LAYERS.switches(layer_norm_epsilon)
def switch_layer_norm_epsilon(model: keras.Model) -> bool:
    """Normalise layers with Keras' epsilon."""
    return set_default(model, layers.LayerNormalization, "epsilon")


@DEFAULTS.measures
def group_norm_epsilon() -> Measured:
    """GroupNormalization on small numbers."""
    layer, aligned = layers.GroupNormalization(2), layers.GroupNormalization(2, epsilon=1e-5)
    return Measured({"epsilon": layer.epsilon}, apply(layer, samples.SMALL), apply(aligned, samples.SMALL))


@DEFAULTS.measures
def batch_norm_epsilon() -> Measured:
    """BatchNormalization in training on small images."""
    layer, aligned = layers.BatchNormalization(), layers.BatchNormalization(epsilon=1e-5)
    small = samples.IMAGE * np.float32(0.03)
    output, of_aligned = (apply(normalise, small, training=True) for normalise in (layer, aligned))
    return Measured({"epsilon": layer.epsilon}, output, of_aligned)


@LAYERS.switches(batch_norm_epsilon)
def switch_batch_norm_epsilon(model: keras.Model) -> bool:
    """Normalise batches with Keras' epsilon."""
    return set_default(model, layers.BatchNormalization, "epsilon")


@DEFAULTS.measures
def batch_norm_momentum() -> Measured:
    """Moving mean of BatchNormalization after one batch."""
    layer, aligned = layers.BatchNormalization(), layers.BatchNormalization(momentum=0.9)
    for normalise in (layer, aligned):
        apply(normalise, samples.IMAGE, training=True)
    return Measured({"momentum": layer.momentum}, to_numpy(layer.moving_mean), to_numpy(aligned.moving_mean))


@LAYERS.switches(batch_norm_momentum)
def switch_batch_norm_momentum(model: keras.Model) -> bool:
    """Move running statistics at Keras' rate."""
    return set_default(model, layers.BatchNormalization, "momentum")


@DEFAULTS.measures
def batch_norm_variance() -> Measured:
    """Moving variance of BatchNormalization that keeps the last batch's alone."""
    layer = layers.BatchNormalization(momentum=0.0)
    apply(layer, samples.IMAGE, training=True)
    variance = to_numpy(layer.moving_variance)
    ratio = variance / samples.IMAGE.var(axis=(0, 1, 2))
    return Measured({"over the biased variance, 36 values": ratio[0]}, variance)


@DEFAULTS.measures
def frozen_batch_norm() -> Measured:
    """Moving mean of a batch normalisation that is not trainable, after one batch in training mode."""
    layer = layers.BatchNormalization()
    layer.trainable = False
    apply(layer, samples.IMAGE, training=True)
    mean = to_numpy(layer.moving_mean)
    return Measured({"statistics move": bool(mean.any())}, mean)


@DEFAULTS.measures
def spectral_normalization() -> Measured:
    """SpectralNormalization of a Dense layer whose kernel has a norm of 3."""
    layer, x = layers.SpectralNormalization(layers.Dense(2, use_bias=False)), np.ones((1, 2), "float32")
    layer.build((None, 2))
    kernel = 3 * np.eye(2, dtype="float32")
    layer.layer.kernel.assign(kernel)
    divides = not np.allclose(to_numpy(layer(x, training=False)), x @ kernel)
    layer(x, training=True)
    changes = not np.allclose(to_numpy(layer.layer.kernel), kernel)
    return Measured({"divides outside of training": divides, "a pass in training changes the kernel": changes})
