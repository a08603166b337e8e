"""Float64 convolutions of JAX by groups on a processor: the same sums, written so that XLA computes them in their size.

XLA's libraries for processors leave out some convolutions by groups in float64, such as one with a kernel larger than
its input, or a gradient. These XLA makes one dense convolution, whose kernel is zero between groups: for the 1,152
channels of a block of EfficientNet 1,152 times the products, all but as many of them with zero. What JAX traces and
derives stays; only what is handed to XLA differs.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.interpreters import mlir

_CONVOLUTION = lax.conv_general_dilated_p
_LOWERINGS = mlir._platform_specific_lowerings["cpu"]


def written_out() -> Callable[[], object]:
    """Let JAX hand such convolutions to XLA as sums from now on; return what ends that."""
    mlir.register_lowering(_CONVOLUTION, _lowered, platform="cpu")
    return partial(_LOWERINGS.pop, _CONVOLUTION)


def _lowered(context: Any, lhs: Any, rhs: Any, **settings: Any) -> Any:
    arrays = *context.avals_in, *context.avals_out
    is_by_groups = max(settings["feature_group_count"], settings["batch_group_count"]) > 1
    if not is_by_groups or any(array.dtype != np.float64 or not array.size for array in arrays):
        return mlir._lowerings[_CONVOLUTION].rule(context, lhs, rhs, **settings)
    written = partial(summed, sizes=context.avals_out[0].shape, **settings)
    return mlir.lower_fun(written, multiple_results=False)(context, lhs, rhs)


def summed(
    lhs: jax.Array,
    rhs: jax.Array,
    *,
    sizes: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: lax.ConvDimensionNumbers,
    feature_group_count: int,
    batch_group_count: int,
    **_: Any,
) -> jax.Array:
    """Return what `lax.conv_general_dilated` gives, of shape `sizes`, by groups of channels or of examples."""
    of_values, of_kernel, of_result = dimension_numbers
    margins = [(0, 0, 0), *((*ends, step - 1) for ends, step in zip(padding, lhs_dilation, strict=True)), (0, 0, 0)]
    values = lax.pad(lhs.transpose(of_values[0], *of_values[2:], of_values[1]), np.float64(0), margins)
    kernel = rhs.transpose(*of_kernel[2:], *of_kernel[1::-1])  # (places..., inputs, outputs)
    extents = [sizes[axis] for axis in of_result[2:]]
    if batch_group_count > 1:
        found = _by_examples(values, kernel, extents, window_strides, rhs_dilation, batch_group_count)
    else:
        found = _by_channels(values, kernel, extents, window_strides, rhs_dilation, feature_group_count)
    return found.transpose(np.argsort((of_result[0], *of_result[2:], of_result[1])))


def _by_channels(
    values: jax.Array,
    kernel: jax.Array,
    extents: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> jax.Array:
    """Convolve each group of channels of values (batch, places..., channels) alone: a term for each kernel's place."""
    inputs, outputs = kernel.shape[-2], kernel.shape[-1] // groups

    def add(total: jax.Array, at: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        start, share = at
        part = _part(values, start, extents, strides)
        grouped = part.reshape(*part.shape[:-1], groups, inputs)
        return total + jnp.einsum("...gi,igo->...go", grouped, share, precision="highest"), None

    nothing = jnp.zeros((values.shape[0], *extents, groups, outputs))
    starts = _starts(kernel.shape[:-2], dilation)
    total, _ = lax.scan(add, nothing, (starts, kernel.reshape(-1, inputs, groups, outputs)))
    return total.reshape(*nothing.shape[:-2], -1)


def _by_examples(
    values: jax.Array,
    kernel: jax.Array,
    extents: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> jax.Array:
    """Convolve each group of examples with its share of the kernel: a product for each place of the result."""
    rows, outputs = values.shape[0] // groups, kernel.shape[-1] // groups
    shares = kernel.reshape(-1, groups, outputs)  # (places and inputs, groups, outputs)

    def product(start: jax.Array) -> jax.Array:
        part = _part(values, start, kernel.shape[:-2], dilation).reshape(groups, rows, -1)
        return jnp.einsum("grk,kgo->rgo", part, shares, precision="highest")

    products = lax.map(product, _starts(extents, strides))  # (places, rows, groups, outputs)
    return products.swapaxes(0, 1).reshape(rows, *extents, -1)


def _starts(extents: Sequence[int], apart: Sequence[int]) -> jax.Array:
    """Return where each of so many parts begins (parts, axes), of examples and channels at the first."""
    return jnp.array(list(np.ndindex(1, *extents, 1))) * jnp.array((0, *apart, 0))


def _part(values: jax.Array, start: jax.Array, extents: Sequence[int], steps: Sequence[int]) -> jax.Array:
    """Return so many places of values (batch, places..., channels), by steps from a start."""
    spans = [(extent - 1) * step + 1 for extent, step in zip(extents, steps, strict=True)]
    span = lax.dynamic_slice(values, start, (values.shape[0], *spans, values.shape[-1]))
    return lax.slice(span, (0,) * span.ndim, span.shape, (1, *steps, 1))
