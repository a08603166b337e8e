"""Every operation of JAX, forward and backward: its result rounded, or the type that it computes in noted.

Where nothing is compiled, each operation on numbers goes through one function.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from jax._src.core import EvalTrace

from twotrack.shared.precision import kernels
from twotrack.shared.precision.aten import At
from twotrack.shared.precision.computing import Computing, largest
from twotrack.shared.precision.rounding import Rounding, Sums

_SUMS = {
    "dot_general", "conv_general_dilated", "reduce_sum", "reduce_window_sum", "cumsum", "add_any",
}  # fmt: skip
"""Operations that add up products of their operands, or the operands themselves, in what sums are added up in."""
_COPIES = {
    "convert_element_type", "copy", "copy_p", "device_put", "reshape", "broadcast_in_dim", "squeeze", "transpose",
    "slice", "stage", "iota", "random_bits", "random_wrap", "random_unwrap",
}  # fmt: skip
"""Operations that compute nothing."""


@contextmanager
def rounded(rounding: Rounding) -> Iterator[None]:
    """Round the result of every operation inside the block."""

    def change(primitive: Any, given: Sequence[Any], made: list[Any], again: Callable) -> list[Any]:
        if not any(_is_wide(one) for one in made):
            return made
        sums = _sums(given, again) if primitive.name in _SUMS else None
        found = list(made)
        for number, own in enumerate(made):
            if _is_wide(own):
                found[number] = jnp.asarray(rounding.of_call(np.asarray(own), sums, number, primitive.name))
        return found

    with _evaluated(change):
        yield


def poor_sums(precision: str) -> frozenset[str]:
    """Return which sums of JAX add up in half precision here, by the names of operations."""

    def made(add: Callable[[Any], Any]) -> kernels.Sum:
        return lambda terms: np.asarray(add(jnp.asarray(terms, precision)), np.float64)

    sums = {
        "reduce_sum": jax.jit(lambda terms: jax.lax.reduce_sum_p.bind(terms, axes=(0,), out_sharding=None)),
        "dot_general": jax.jit(lambda terms: jnp.ones(len(terms), terms.dtype) @ terms),
    }
    return kernels.poor_sums({name: made(add) for name, add in sums.items()}, precision)


def _sums(given: Sequence[Any], again: Callable) -> Sums:
    """Return, for each result of a sum, the sums of squares of terms, and how many there are."""

    def repeated(change: Callable) -> list[np.ndarray]:
        return [np.asarray(one) for one in again([change(one) if _is_wide(one) else one for one in given])]

    return Sums(repeated(jnp.square), repeated(jnp.ones_like))


@contextmanager
def noted(computing: Computing, at: At) -> Iterator[None]:
    """Note the type that every operation inside the block computes in."""

    def note(primitive: Any, given: Sequence[Any], made: list[Any], again: Callable) -> list[Any]:
        types = [str(one.dtype) for one in made if hasattr(one, "dtype")]
        if computing.concerns(types):
            others = [np.asarray(one, np.float64) for one in made if str(one.dtype) != computing.expected]
            computing.note(primitive.name, types, *at(), primitive.name in _COPIES, lambda: largest(others))
        return made

    with _evaluated(note):
        yield


@contextmanager
def _evaluated(change: Callable[[Any, Sequence[Any], list[Any], Callable], list[Any]]) -> Iterator[None]:
    """Evaluate every operation inside the block by itself, and go on with what `change` makes of its results."""
    original, is_busy = EvalTrace.process_primitive, False

    def process(trace: Any, primitive: Any, args: Sequence[Any], params: Any, /) -> Any:
        nonlocal is_busy
        result = original(trace, primitive, args, params)
        if is_busy:
            return result
        is_busy = True

        def again(given: Sequence[Any]) -> list[Any]:
            return _listed(primitive, original(trace, primitive, given, params))

        try:
            changed = change(primitive, args, _listed(primitive, result), again)
        finally:
            is_busy = False
        return changed if primitive.multiple_results else changed[0]

    with ExitStack() as stack:
        stack.enter_context(jax.disable_jit())
        stack.callback(setattr, EvalTrace, "process_primitive", original)
        EvalTrace.process_primitive = process  # type: ignore[method-assign]
        yield


def _listed(primitive: Any, result: Any) -> list[Any]:
    return list(result) if primitive.multiple_results else [result]


def _is_wide(one: Any) -> bool:
    return getattr(one, "dtype", None) == np.float64
