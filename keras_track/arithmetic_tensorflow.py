"""Every operation of TensorFlow, forward and backward: its result rounded, or the type that it computes in noted.

Where its fast path is closed, TensorFlow executes each operation through one function of Python.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import core, execute

from twotrack.keras_track.arithmetic_parts import PARTS
from twotrack.keras_track.primitives import replaced
from twotrack.shared.precision import kernels
from twotrack.shared.precision.aten import At
from twotrack.shared.precision.computing import Computing, largest
from twotrack.shared.precision.rounding import Rounding, Sums


@dataclass(frozen=True)
class Call:
    """One operation that was executed."""

    name: str
    given: Sequence[Any]
    attributes: str
    made: list[Any]
    again: Callable[[Sequence[Any]], list[Any]]
    """Executes it on other tensors."""
    apart: Callable[[], AbstractContextManager[None]]
    """A block whose operations are changed too."""

    @property
    def key(self) -> tuple[object, ...]:
        """What it adds up depends on: shapes, attributes, and whole numbers that it is given, such as axes."""
        forms = [_wide_form(one) if one.dtype.is_floating else str(one.numpy()) for one in self.given]
        return self.name, self.attributes, *forms


def _wide_form(tensor: Any) -> str:
    return f"{tensor.dtype.name} {tuple(tensor.shape)}"


_SUMS = {
    "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D", "Conv2DBackpropInput",
    "Conv2DBackpropFilter", "Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2", "DepthwiseConv2dNative",
    "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter", "Sum", "Mean", "BiasAddGrad",
    "Cumsum",
}  # fmt: skip
"""Operations that add up products of their operands, or the operands themselves, in what sums are added up in."""
_COPIES = {
    "Cast", "Identity", "ReadVariableOp", "AssignVariableOp", "Reshape", "ExpandDims", "Squeeze", "Pack",
    "StopGradient",
}  # fmt: skip
_MADE = {
    "Fill", "ZerosLike", "OnesLike", "Range", "EagerConst", "Const", "VarHandleOp", "Placeholder",
}  # fmt: skip
"""Operations that compute nothing."""


@contextmanager
def rounded(rounding: Rounding) -> Iterator[None]:
    """Round the result of every operation inside the block; one of several steps is done in these."""

    def change(call: Call) -> list[Any]:
        made = call.made
        if not any(one.dtype == tf.float64 for one in made):
            return made
        if call.name in PARTS:
            with rounding.inside(call.name), call.apart():
                made = PARTS[call.name](call.given)
        sums = _sums(rounding, call) if call.name in _SUMS else None
        found, number = [], 0
        for tensor in made:
            if tensor.dtype != tf.float64:
                found.append(tensor)
                continue
            found.append(tf.convert_to_tensor(rounding.of_call(tensor.numpy(), sums, number, call.name)))
            number += 1
        return found

    with _executed(change):
        yield


def _sums(rounding: Rounding, call: Call) -> Sums | None:
    """Return, for each result of a sum, the sums of squares of terms, and how many there are."""

    def repeated(change: Callable) -> list[np.ndarray]:
        changed = [change(one) if one.dtype == tf.float64 else one for one in call.given]
        return _wide(call.again(changed))

    if not _wide(call.given):
        return None
    counts, squares = rounding.counts(call.key, lambda: repeated(tf.ones_like)), repeated(tf.square)
    if call.name == "Mean":
        number = _wide(call.given)[0].size / max(counts[0].size, 1)
        return Sums([one / number for one in squares], [one * number for one in counts])
    return Sums(squares, counts)


def poor_sums(precision: str) -> frozenset[str]:
    """Return which sums of TensorFlow add up in half precision here, by the names of operations."""

    def made(add: Callable[[Any], Any]) -> kernels.Sum:
        return lambda terms: np.asarray(tf.cast(add(tf.cast(terms, precision)), tf.float64))

    sums = {
        "Sum": lambda terms: tf.reduce_sum(terms, 0),
        "BiasAddGrad": lambda terms: tf.raw_ops.BiasAddGrad(out_backprop=terms),
        "MatMul": lambda terms: tf.matmul(tf.ones((1, len(terms)), terms.dtype), terms)[0],
    }
    return kernels.poor_sums({name: made(add) for name, add in sums.items()}, precision)


def _floats(tensors: Sequence[Any]) -> list[np.ndarray]:
    return [np.asarray(one.numpy(), np.float64) for one in tensors if one.dtype.is_floating]


def _wide(tensors: Sequence[Any]) -> list[np.ndarray]:
    return [one.numpy() for one in tensors if one.dtype == tf.float64]


@contextmanager
def noted(computing: Computing, at: At) -> Iterator[None]:
    """Note the type that every operation inside the block computes in."""

    def note(call: Call) -> list[Any]:
        if computing.tries and call.name in PARTS:
            exact = PARTS[call.name]([tf.cast(one, tf.float64) if one.dtype.is_floating else one for one in call.given])
            computing.tried(call.name, _floats(call.made), _floats(exact))
        types = [one.dtype.name for one in call.made]
        if call.name not in _MADE and computing.concerns(types):
            others = [one for one in call.made if one.dtype.is_floating and one.dtype.name != computing.expected]
            sizes = [one.numpy().astype(np.float64) for one in others]
            computing.note(call.name, types, *at(), call.name in _COPIES, lambda: largest(sizes))
        return call.made

    with _executed(note):
        yield


@contextmanager
def _executed(change: Callable[[Call], list[Any]]) -> Iterator[None]:
    """Execute every operation inside the block by itself, and go on with what `change` makes of its results.

    Operations of `change` itself are left as they are, but for those inside of a block `apart`.
    """
    is_busy = False

    @contextmanager
    def apart() -> Iterator[None]:
        nonlocal is_busy
        is_busy = False
        try:
            yield
        finally:
            is_busy = True

    def run(
        op_name: str | bytes, num_outputs: int, inputs: Sequence[Any], attrs: Any, ctx: Any, name: Any = None
    ) -> list[Any]:
        nonlocal is_busy

        def again(given: Sequence[Any]) -> list[Any]:
            return execute.quick_execute(op_name, num_outputs, given, attrs, ctx)

        made = execute.quick_execute(op_name, num_outputs, inputs, attrs, ctx, name)
        if is_busy or not made:
            return made
        is_busy = True
        try:
            return change(Call(_text(op_name), inputs, repr(attrs), made, again, apart))
        finally:
            is_busy = False

    with ExitStack() as stack:
        before = tf.config.functions_run_eagerly()
        stack.callback(tf.config.run_functions_eagerly, before)
        tf.config.run_functions_eagerly(True)
        replaced(stack, pywrap_tfe, "TFE_Py_FastPathExecute", _closed)
        replaced(stack, execute, "execute", run)
        yield


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _closed(*_: Any) -> None:
    """Send an operation the way through Python."""
    raise core._FallbackException
