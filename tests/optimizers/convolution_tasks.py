"""Worker tasks that convolve by groups in float64 on JAX, and say what XLA was given."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.optimizers.tasks import keras_float64
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Asked:
    """A convolution of images, channels last, and what its result is multiplied by before all of it is added up."""

    values: list[Any]
    kernel: list[Any]
    """(height, width, inputs of a group, outputs)"""
    by: list[Any]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    lhs_dilation: tuple[int, int]
    rhs_dilation: tuple[int, int]
    groups: int


@dataclass(frozen=True)
class Convolved:
    result: list[Any]
    gradients: list[list[Any]]
    """Of the sum, for values and kernel."""
    convolutions: list[int]
    """In what XLA was given: of the result, of the two gradients, and of the result after float64."""


@task
def convolve(asked: Asked) -> Convolved:
    import jax

    def result(values: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(
            values,
            kernel,
            asked.strides,
            asked.padding,
            asked.lhs_dilation,
            asked.rhs_dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=asked.groups,
        )

    def total(values: Any, kernel: Any) -> Any:
        return (result(values, kernel) * np.array(asked.by)).sum()

    def given(function: Any) -> int:
        return jax.jit(function).lower(values, kernel).as_text().count("stablehlo.convolution")

    values, kernel = np.array(asked.values), np.array(asked.kernel)
    with keras_float64():
        gradients = [jax.jit(jax.grad(total, number)) for number in (0, 1)]
        found = [np.asarray(one(values, kernel)).tolist() for one in (jax.jit(result), *gradients)]
        counts = [given(result), *(given(lambda *both, at=at: jax.grad(total, at)(*both)) for at in (0, 1))]
    with jax.enable_x64(True):
        return Convolved(found[0], found[1:], [*counts, given(partial(result))])  # a new function to trace
