"""Keras in float64 for verification, and back, in one process.

`floatx` alone leaves many numbers at float32 precision. Measured with Keras 3.15.1, TensorFlow 2.21
and JAX 0.10.2, each of these gave errors of 1e-9 to 1e-6 until replaced here:
- all backends but TensorFlow: type promotion turns float64 into float32 (backend/common/dtypes.py)
- TensorFlow: `tf.cast(0.9, "float64")` goes through float32, and with it optimizer scalars, GELU,
  attention scales, regularizers, Rescaling; so does `ops.convert_to_tensor(0.9)`
- TensorFlow: the LeakyRelu kernel keeps its slope in float32
- TensorFlow: attention without a scale takes the root of the head size in float32
- JAX: `jax.nn.dot_product_attention`, which MultiHeadAttention uses, has a float32 softmax
- PyTorch: operations on integers give the default dtype
- PyTorch: the backward pass of a float64 convolution raises on a kernel of one filter, or transposed of one channel,
  whose strides Keras' transposition has made those of channels last
- PyTorch: the gradients of hard_sigmoid and celu have 1/6 and 1/alpha in float32
- TensorFlow: an array of float32 in a layer, which TensorFlow adds to no float64
- TensorFlow: `tf.image.resize` is float32 but for "nearest"; "bilinear" without antialiasing is replaced
- all backends: whatever asks for float32 or less: a layer, an Input, ops.cast(x, "float32"), a policy for
  mixed precision (widening.py, which keeps who asks)
What remains float32: TensorFlow's other image resizing, and on JAX the quotient or root of an int32
array, unless it is cast before.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from keras.src import backend, dtype_policies
from keras.src.backend.common import dtypes

from twotrack.keras_track.widening import KINDS, WIDER, TypeTable, widened
from twotrack.shared.spec.track import Precision

_replaced = ExitStack()
"""Puts back what float64 replaced."""


def set_precision(precision: Precision, widens: bool = True) -> None:
    """Give all Keras layers, losses and optimizers built from now on this precision.

    In float64 every request for less is answered with float64, unless nothing `widens` it. What was built before keeps
    its own, and must not be used while the other holds. Of mixed_bfloat16 this is float32: layers have the policy.
    Raises RuntimeError if Keras' type promotion does not follow.
    """
    put_back()
    precision = "float32" if precision == "mixed_bfloat16" else precision
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)
    if precision == "float64":
        for wide in {"float64", "complex128"} & dtypes.BIT64_TO_BIT32_DTYPE.keys():
            _replace_item(dtypes.BIT64_TO_BIT32_DTYPE, wide, wide)
        own = dtypes.PYTHON_DTYPES_MAP
        _replace(dtypes, "PYTHON_DTYPES_MAP", TypeTable(own) if widens else own | KINDS)
        if widens:
            _replace(dtype_policies, "get", _wide_policy(dtype_policies.get))
        {"tensorflow": _widen_tensorflow, "jax": _widen_jax, "torch": _widen_torch}[keras.backend.backend()]()
    if precision in ("bfloat16", "float16"):
        _replace(keras.initializers.Orthogonal, "__call__", _orthogonal(keras.initializers.Orthogonal.__call__))
    promoted = keras.backend.result_type(precision, precision)
    if promoted != precision:
        raise RuntimeError(f"Keras promotes {precision} to {promoted}; keras_track/precision.py needs an update")


def _orthogonal(draw: Callable) -> Callable:
    """Return what draws orthogonal matrices, in float32: no backend decomposes one in half precision."""

    def drawn(initializer: Any, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.cast(draw(initializer, shape, "float32"), dtype or keras.config.floatx())

    return drawn


def put_back() -> None:
    """Give Keras and its backend back what float64 replaced; the process's precision stays as it is."""
    _replaced.close()


def _wide_policy(get: Callable) -> Callable:
    """Return `dtype_policies.get` that gives a layer float64 if it asks for less; None asks for nothing."""

    def widened_policy(identifier: Any) -> Any:
        return widened(get(identifier))

    return widened_policy


def _widen_tensorflow() -> None:
    import tensorflow
    from tensorflow.python.ops import math_ops

    for module, name in ((tensorflow, "cast"), (math_ops, "cast"), (tensorflow, "convert_to_tensor")):
        _replace(module, name, _of_float64(getattr(module, name)))
    _replace(backend.numpy, "signbit", _signbit(backend.numpy.signbit))
    _replace(tensorflow.image, "resize", _exact_resize(tensorflow.image.resize))
    _replace(backend.nn, "leaky_relu", _leaky_relu)
    _replace(backend.nn, "dot_product_attention", _with_scale(backend.nn.dot_product_attention))


def _widen_jax() -> None:
    import jax

    from twotrack.keras_track import convolutions_jax

    before = jax.config.jax_enable_x64  # type: ignore[attr-defined]  # JAX adds its options when it is imported
    _replaced.callback(jax.config.update, "jax_enable_x64", before)
    jax.config.update("jax_enable_x64", True)
    _replace(jax.nn, "dot_product_attention", _jax_attention)
    _replaced.callback(convolutions_jax.written_out())


def _widen_torch() -> None:
    import torch

    _replaced.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(torch.float64)
    functional = torch.nn.functional
    for name in ("conv2d", "conv_transpose1d", "conv_transpose2d"):
        _replace(functional, name, _of_contiguous_kernel(getattr(functional, name)))
    _replace(backend.nn, "hard_sigmoid", _hard_sigmoid)
    _replace(backend.nn, "celu", _celu)


def _hard_sigmoid(x: Any) -> Any:
    """Return min(max(x + 3, 0), 6) / 6."""
    return backend.nn.relu6(backend.convert_to_tensor(x) + 3) / 6


def _celu(x: Any, alpha: float = 1.0) -> Any:
    """Return x above 0 and alpha * (exp(x / alpha) - 1) below."""
    return backend.nn.elu(backend.convert_to_tensor(x) / alpha) * alpha


def _of_contiguous_kernel(convolve: Callable) -> Callable:
    """Return a convolution of PyTorch that lays out its kernel anew."""

    def laid_out(values: Any, kernel: Any, *arguments: Any, **options: Any) -> Any:
        return convolve(values, kernel.contiguous(), *arguments, **options)

    return laid_out


def _replace(module: Any, name: str, value: object) -> None:
    _replaced.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, value)


def _replace_item(table: dict, key: str, value: object) -> None:
    _replaced.callback(table.__setitem__, key, table[key])
    table[key] = value


def _of_float64(convert: Callable) -> Callable:
    """Return `convert` for which a Python float, a list of them, or an array of a narrower type is float64."""

    def widened(value: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic) and value.dtype.name in WIDER:
            value = value.astype(WIDER[value.dtype.name])
        values = value if isinstance(value, list | tuple) else [value]
        if values and all(isinstance(each, float) for each in values):
            value = np.asarray(value, np.float64)
        return convert(value, *arguments, **options)

    return widened


def _signbit(signbit: Callable) -> Callable:
    """Return a function of Keras that reads the sign from the bits of a float64, where it casts to float32 before."""
    import tensorflow

    def of_any_width(x: Any) -> Any:
        x = backend.convert_to_tensor(x)
        return tensorflow.bitcast(x, tensorflow.int64) < 0 if x.dtype == tensorflow.float64 else signbit(x)

    return of_any_width


def _leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x above 0 and negative_slope * x below."""
    x = backend.convert_to_tensor(x)
    return backend.numpy.where(x > 0, x, negative_slope * x)


def _exact_resize(resize: Callable) -> Callable:
    """Return `tf.image.resize` that is bilinear in float64, where its kernel does the same up to float32's rounding."""

    def resized(images: Any, size: Any, method: Any = "bilinear", **options: Any) -> Any:
        own = (*images.shape[-3:-1], *size)
        is_plain = str(method).lower() == "bilinear" and not any(options.values())
        if not is_plain or images.dtype != "float64" or not all(isinstance(extent, int) for extent in own):
            return resize(images, size, method, **options)
        rows, columns = (_bilinear(resize, given, wanted) for given, wanted in zip(own[:2], own[2:], strict=True))
        if rows is None or columns is None:
            return resize(images, size, method, **options)
        taller = backend.numpy.einsum("oh,...hwc->...owc", rows, images)
        return backend.numpy.einsum("ow,...hwc->...hoc", columns, taller)

    return resized


@lru_cache
def _bilinear(resize: Callable, given: int, wanted: int) -> np.ndarray | None:
    """Return the matrix (wanted, given) of resizing one axis; None if it is not what the kernel does.

    Pixels are centred at halves. The kernel is linear, so that what it makes of every unit vector is all of it; it
    computes the places between 0 and `given` in float32.
    """
    import tensorflow

    places = (np.arange(wanted) + 0.5) * (given / wanted) - 0.5
    lower = np.floor(places)
    matrix, share = np.zeros((wanted, given)), places - lower
    np.add.at(matrix, (np.arange(wanted), np.clip(lower, 0, given - 1).astype(int)), 1 - share)
    np.add.at(matrix, (np.arange(wanted), np.clip(lower + 1, 0, given - 1).astype(int)), share)
    with tensorflow.init_scope():  # outside of a graph that is being traced
        units = resize(np.eye(given, dtype=np.float32)[:, None], (wanted, 1)).numpy()[:, 0]
    return matrix if np.abs(matrix - units).max() <= 4 * given * 2.0**-24 else None


def _with_scale(attention: Callable) -> Callable:
    """Return attention whose default scale is exact."""

    def scaled(
        query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None, **options: Any
    ) -> Any:
        scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        return attention(query, key, value, bias=bias, mask=mask, scale=scale, **options)

    return scaled


def _jax_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    implementation: str | None = None,
) -> Any:
    """softmax(query key^T * scale + bias) value, as jax.nn.dot_product_attention but for the float32 softmax.

    query (batch, T, heads, size), key and value (batch, S, heads or a divisor, size); bias and
    mask, True to attend, broadcast to (batch, heads, T, S). Returns (batch, T, heads, size).
    """
    import jax
    from jax import numpy as jnp

    groups = query.shape[2] // key.shape[2]
    key, value = (jnp.repeat(array, groups, axis=2) for array in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = jnp.einsum("BTNH,BSNH->BNTS", query, key) * scale + (0 if bias is None else bias)  # (B, N, T, S)
    attend = jnp.ones(logits.shape, bool) if mask is None else jnp.broadcast_to(mask, logits.shape)
    if is_causal:
        attend = jnp.tril(attend)
    logits = jnp.where(attend, logits, -0.7 * jnp.finfo(logits.dtype).max)  # finite: a row may attend to nothing
    return jnp.einsum("BNTS,BSNH->BTNH", jax.nn.softmax(logits), value)
