"""Float64 convolutions of JAX by groups on a processor: the same sums, written so that XLA computes them in their size.

XLA's libraries for processors leave out some convolutions by groups in float64, such as one with a kernel larger than
its input, or a gradient. These XLA makes one dense convolution, whose kernel is zero between groups: for the 1,152
channels of a block of EfficientNet 1,152 times the products, all but as many of them with zero. What JAX traces and
derives stays; only what is handed to XLA differs.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.interpreters import mlir

MOST_PLACES = 64
"""Terms of a sum that are written out: of the kernel, or of its gradient. More would take longer to compile."""
_CONVOLUTION = lax.conv_general_dilated_p
_LOWERINGS = mlir._platform_specific_lowerings["cpu"]


def written_out() -> Callable[[], object]:
    """Let JAX hand such convolutions to XLA as sums from now on; return what ends that."""
    mlir.register_lowering(_CONVOLUTION, _lowered, platform="cpu")
    return partial(_LOWERINGS.pop, _CONVOLUTION)


def _lowered(context: Any, lhs: Any, rhs: Any, **settings: Any) -> Any:
    values, kernel = context.avals_in
    (result,) = context.avals_out
    if values.dtype == kernel.dtype == result.dtype == np.float64:
        numbers = settings["dimension_numbers"]
        places = [kernel.shape[axis] for axis in numbers.rhs_spec[2:]]
        if settings["batch_group_count"] > 1:
            places = [result.shape[axis] for axis in numbers.out_spec[2:]]
        is_by_groups = max(settings["feature_group_count"], settings["batch_group_count"]) > 1
        if is_by_groups and 0 < prod(places) <= MOST_PLACES:
            return mlir.lower_fun(partial(summed, sizes=result.shape, **settings), multiple_results=False)(
                context, lhs, rhs
            )
    return mlir._lowerings[_CONVOLUTION].rule(context, lhs, rhs, **settings)


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
    """Return what `lax.conv_general_dilated` gives, of shape `sizes`, for groups of one channel or of examples."""
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
    shares = kernel.reshape(*kernel.shape[:-1], groups, outputs)

    def term(place: tuple[int, ...]) -> jax.Array:
        part = _part(values, np.multiply(place, dilation), extents, strides)
        grouped = part.reshape(*part.shape[:-1], groups, inputs)
        return jnp.einsum("...gi,igo->...go", grouped, shares[place], precision="highest")

    total = sum(map(term, np.ndindex(*kernel.shape[:-2])), jnp.zeros((), np.float64))
    return total.reshape(*total.shape[:-2], -1)


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

    def product(place: tuple[int, ...]) -> jax.Array:
        part = _part(values, np.multiply(place, strides), kernel.shape[:-2], dilation).reshape(groups, rows, -1)
        return jnp.einsum("grk,kgo->rgo", part, shares, precision="highest").reshape(rows, -1)

    return jnp.stack([product(place) for place in np.ndindex(*extents)], 1).reshape(rows, *extents, -1)


def _part(values: jax.Array, start: np.ndarray, extents: Sequence[int], steps: Sequence[int]) -> jax.Array:
    """Return so many places of values (batch, places..., channels), by steps from a start."""
    ends = start + (np.asarray(extents) - 1) * steps + 1
    first, last = (0, *start.tolist(), 0), (values.shape[0], *ends.tolist(), values.shape[-1])
    return lax.slice(values, first, last, (1, *steps, 1))
