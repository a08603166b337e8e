"""Layers without memory as Keras has them by default."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from twotrack.keras_track.layers import activation
from twotrack.keras_track.models.churn_transformer import EPSILON
from twotrack.shared.differences import samples
from twotrack.shared.differences.measured import Measured


def _array(tensor: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(tensor))


def _apply(layer: Callable, array: np.ndarray, **options: Any) -> np.ndarray:
    return _array(layer(ops.convert_to_tensor(array), **options))


def _with_kernel(layer: layers.Layer, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    layer.build(image.shape)
    layer.set_weights([kernel])
    return _apply(layer, image)


def _gradient(function: Callable, at: np.ndarray) -> np.ndarray:
    """Return the gradient of the sum of a function's outputs, on whichever backend."""
    x = ops.convert_to_tensor(at)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(x)
            total = ops.sum(function(x))
        return _array(tensorflow.convert_to_tensor(tape.gradient(total, x)))
    if keras.backend.backend() == "jax":
        import jax

        return _array(jax.grad(lambda x: ops.sum(function(x)))(x))
    x.requires_grad_()
    ops.sum(function(x)).backward()
    return _array(x.grad)


def layer_norm_epsilon() -> Measured:
    """LayerNormalization on small numbers; aligned: with the epsilon of churn_transformer."""
    layer, aligned = layers.LayerNormalization(), layers.LayerNormalization(epsilon=EPSILON)
    return Measured({"epsilon": layer.epsilon}, _apply(layer, samples.SMALL), _apply(aligned, samples.SMALL))


def group_norm_epsilon() -> Measured:
    """GroupNormalization on small numbers."""
    layer, aligned = layers.GroupNormalization(2), layers.GroupNormalization(2, epsilon=1e-5)
    return Measured({"epsilon": layer.epsilon}, _apply(layer, samples.SMALL), _apply(aligned, samples.SMALL))


def batch_norm_epsilon() -> Measured:
    """BatchNormalization in training on small images."""
    layer, aligned = layers.BatchNormalization(), layers.BatchNormalization(epsilon=1e-5)
    outputs = [_apply(one, samples.IMAGE * np.float32(0.03), training=True) for one in (layer, aligned)]
    return Measured({"epsilon": layer.epsilon}, *outputs)


def batch_norm_momentum() -> Measured:
    """Moving mean of BatchNormalization after one batch."""
    both = [layers.BatchNormalization(), layers.BatchNormalization(momentum=0.9)]
    for layer in both:
        _apply(layer, samples.IMAGE, training=True)
    return Measured({"momentum": both[0].momentum}, *(_array(layer.moving_mean) for layer in both))


def batch_norm_variance() -> Measured:
    """Moving variance of BatchNormalization that keeps the last batch's alone."""
    layer = layers.BatchNormalization(momentum=0.0)
    _apply(layer, samples.IMAGE, training=True)
    variance = _array(layer.moving_variance)
    ratio = variance / samples.IMAGE.var(axis=(0, 1, 2))
    return Measured({"over the biased variance, 36 values": ratio[0]}, variance)


def frozen_batch_norm() -> Measured:
    """Moving mean of a batch normalisation that is not trainable, after one batch in training mode."""
    layer = layers.BatchNormalization()
    layer.trainable = False
    _apply(layer, samples.IMAGE, training=True)
    mean = _array(layer.moving_mean)
    return Measured({"statistics move": bool(mean.any())}, mean)


def same_padding() -> Measured:
    """Conv2D with a stride of 2 and padding "same"; aligned: zeros on every side, then "valid"."""

    def convolve(image: np.ndarray, kernel: np.ndarray, padding: str = "same") -> np.ndarray:
        layer = layers.Conv2D(1, 3, strides=2, padding=padding, use_bias=False)
        return _with_kernel(layer, image, kernel)

    ones = np.ones((3, 3, 1, 1), np.float32)
    front = {size: 3 - convolve(np.ones((1, size, size, 1), np.float32), ones)[0, 0, 0, 0] ** 0.5 for size in (6, 7)}
    values = {"rows in front, even input": front[6], "rows in front, odd input": front[7]}
    padded = _apply(layers.ZeroPadding2D(1), samples.IMAGE)
    outputs = convolve(samples.IMAGE, samples.KERNEL), convolve(padded, samples.KERNEL, "valid")
    return Measured(values | {"takes 'same' with a stride": True}, *outputs)


def max_pool_padding() -> Measured:
    """MaxPooling2D with a stride of 2 and padding "same", on numbers below 0; aligned: -inf on every side."""
    layer, negative = layers.MaxPooling2D(3, strides=2, padding="same"), -np.abs(samples.IMAGE)
    rows = np.tile(np.arange(6, dtype=np.float32)[None, :, None, None], (1, 1, 6, 1))
    front = 2 - _apply(layer, rows)[0, 0, 0, 0]
    edge = _apply(layer, -np.ones((1, 6, 6, 1), np.float32))[0, 0, 0, 0]
    values = {"rows in front, even input": front, "corner of an image of -1": edge}
    padded = np.pad(negative, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    return Measured(values, _apply(layer, negative), _apply(layers.MaxPooling2D(3, strides=2), padded))


def average_pool_padding() -> Measured:
    """AveragePooling2D with padding "same"."""
    layer, ones = layers.AveragePooling2D(3, strides=1, padding="same"), np.ones((1, 6, 6, 1), np.float32)
    return Measured({"corner of an image of 1": _apply(layer, ones)[0, 0, 0, 0]}, _apply(layer, samples.IMAGE))


def flatten_order() -> Measured:
    """Flatten, and a dense kernel behind it."""
    counted = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    second = {1.0: "the next channel", 3.0: "the next column"}[float(_apply(layers.Flatten(), counted)[0, 1])]
    product = _apply(layers.Flatten(), samples.IMAGE) @ samples.normal(72, 4)
    return Measured({"second number": second}, product)


def data_format() -> Measured:
    """Conv2D with 4 filters."""
    shape = _apply(layers.Conv2D(4, 3), np.zeros((1, 9, 9, 2), np.float32)).shape
    return Measured({"axis of the channels": shape.index(4)})


def kernel_layout() -> Measured:
    """Shapes of kernels: dense 2 to 3, convolution 3 x 3 of 2 to 4, query of attention 8 to 2 heads of 4."""
    dense, convolution, attention = layers.Dense(3), layers.Conv2D(4, 3), layers.MultiHeadAttention(2, 4)
    dense.build((None, 2))
    convolution.build((None, 9, 9, 2))
    attention.build((None, 5, 8), (None, 5, 8))
    shapes = {"dense": dense.kernel, "convolution": convolution.kernel, "query": attention.query_dense.kernel}
    return Measured({name: samples.name_of(kernel.shape) for name, kernel in shapes.items()})


def leaky_relu_slope() -> Measured:
    """LeakyReLU and its function."""
    x, one = samples.normal(8), -np.ones(1, np.float32)
    values = {
        "layer": -_apply(layers.LeakyReLU(), one)[0],
        "function": -_apply(keras.activations.leaky_relu, one)[0],
    }
    return Measured(values, _apply(layers.LeakyReLU(), x), _apply(activation("leaky_relu", "act"), x))


def prelu_alpha() -> Measured:
    """PReLU on 5 units."""
    x, layer = samples.normal(4, 5), layers.PReLU()
    output = _apply(layer, x)
    values = {"alpha at the start": _array(layer.alpha)[0], "alphas for 5 units": layer.alpha.shape[0]}
    return Measured(values, output, _apply(activation("prelu", "act"), x))


def gelu() -> Measured:
    """keras.activations.gelu."""
    one = np.ones(1, np.float32)
    return Measured(
        {"gelu(1)": _apply(keras.activations.gelu, one)[0]}, _apply(keras.activations.gelu, samples.normal(8))
    )


def bert_gelu() -> Measured:
    """The activation in the blocks of keras_hub's BertBackbone."""
    from keras_hub.models import BertBackbone

    sizes = {"num_layers": 1, "num_heads": 1, "hidden_dim": 4, "intermediate_dim": 4, "max_sequence_length": 4}
    block = BertBackbone(vocabulary_size=5, **sizes).get_layer("transformer_layer_0")
    one = np.ones(1, np.float32)
    return Measured({"gelu(1)": _apply(block.activation, one)[0]}, _apply(block.activation, samples.normal(8)))


def elu_and_hard_sigmoid() -> Measured:
    """The functions elu and hard_sigmoid."""
    x, one = samples.normal(8), np.ones(1, np.float32)
    elu, hard = keras.activations.elu, keras.activations.hard_sigmoid
    values = {"elu(-1)": _apply(elu, -one)[0], "hard_sigmoid(1)": _apply(hard, one)[0]}
    return Measured(values, [_apply(elu, x), _apply(hard, x)])


def derivative_at_zero() -> Measured:
    """Derivatives where there is none, PReLU with an alpha of 0.25."""
    zero, prelu = np.zeros((1, 1), np.float32), activation("prelu", "act")
    prelu.build((None, 1))
    values = {"ReLU": _gradient(layers.ReLU(), zero).item(), "PReLU": _gradient(prelu, zero).item()}
    return Measured(values)


def leaky_derivative_at_zero() -> Measured:
    """Derivative of a leaky ReLU with a slope of 0.01 at 0."""
    layer = layers.LeakyReLU(negative_slope=0.01)
    return Measured({"leaky ReLU": _gradient(layer, np.zeros(1, np.float32)).item()})


def biases() -> Measured:
    """Whether layers have a bias."""
    return Measured({"dense": layers.Dense(3).use_bias, "convolution": layers.Conv2D(4, 3).use_bias})


def fused_activation() -> Measured:
    """Dense takes one."""
    return Measured({"dense layer takes an activation": hasattr(layers.Dense(1), "activation")})


def attention_mask() -> Measured:
    """MultiHeadAttention with identities for kernels."""
    layer, x = layers.MultiHeadAttention(1, 4, use_bias=False), samples.normal(1, 4, 4)
    layer.build(x.shape, x.shape)
    identity = np.eye(4, dtype=np.float32)
    layer.set_weights([identity[:, None]] * 3 + [identity[None]])

    def attend(x: np.ndarray) -> np.ndarray:
        mask = ops.convert_to_tensor(samples.MASK[:, None])
        return _array(layer(ops.convert_to_tensor(x), ops.convert_to_tensor(x), attention_mask=mask))

    other = x.copy()
    other[0, 0] += 1
    attends = not np.allclose(attend(x)[0, 3], attend(other)[0, 3])
    return Measured({"a place with True is attended to": attends}, attend(x))


def dropout_rate() -> Measured:
    """Dropout must be told its rate."""
    default = inspect.signature(layers.Dropout).parameters["rate"].default
    return Measured({"default": "none" if default is inspect.Parameter.empty else default})


def dropout_masks() -> Measured:
    """Dropout on ones, with seed 0."""
    kept = _apply(layers.Dropout(0.5, seed=0), np.ones(64, np.float32), training=True)
    return Measured({"what is kept, rate 0.5": kept.max()}, kept)


def embedding_padding() -> Measured:
    """Row 0 of Embedding with mask_zero: at the start, and its gradient."""
    layer, ids = layers.Embedding(4, 2, mask_zero=True), ops.convert_to_tensor(np.array([[0, 1]]))
    layer.build()
    gradient = _gradient(lambda table: layer.stateless_call([table], [], ids)[0], _array(layer.embeddings))[0]
    zero = not _array(layer.embeddings)[0].any()
    return Measured({"row 0 starts at zero": zero, "row 0 is trained": bool(gradient.any())}, gradient)


def resizing() -> Measured:
    """Resizing from 6 x 6 to 3 x 3, bilinear."""
    layer = layers.Resizing(3, 3)
    return Measured({"smooths before it shrinks": layer.antialias}, _apply(layer, samples.IMAGE))


def encoder_block() -> Measured:
    """keras_hub's TransformerEncoder."""
    from keras_hub.layers import TransformerEncoder

    layer = TransformerEncoder(16, 2)
    return Measured(
        {
            "dropout": layer.dropout,
            "layer-norm epsilon": layer.layer_norm_epsilon,
            "activation": layer.activation.__name__,
            "norm first": layer.normalize_first,
        }
    )


def vit_epsilon() -> Measured:
    """Layer normalisation of keras_hub's ViTBackbone."""
    from keras_hub.models import ViTBackbone

    return Measured({"epsilon": inspect.signature(ViTBackbone).parameters["layer_norm_epsilon"].default})
