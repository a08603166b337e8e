"""Counts pieces of what runs on TensorFlow: every operation that is executed eagerly goes through a callback."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import ref

import numpy as np

from twotrack.shared.pieces.choice import Window
from twotrack.shared.pieces.recorder import Recorder
from twotrack.shared.pieces.watch import GIVEN, WEIGHT, Fact, Operand, Watch

Given = Mapping[str, Any]
"""Attributes of an operation."""


@dataclass
class Facts:
    """What is known of tensors, by identity; a tensor that is not in here is a constant."""

    by_id: dict[int, tuple[Any, Fact]] = field(default_factory=dict)

    def of(self, tensor: Any) -> Fact | None:
        """Return what is known of a tensor; None of a constant."""
        reference, fact = self.by_id.get(id(tensor), (None, None))
        return fact if reference is not None and reference() is tensor else None

    def note(self, tensor: Any, fact: Fact | None) -> None:
        """Keep what is known of a tensor as long as there is one."""
        if fact is not None:
            self.by_id[id(tensor)] = (ref(tensor), fact)


@contextmanager
def counted(recorder: Recorder) -> Iterator[Callable[[Iterable[Any]], None]]:
    """Tell the recorder of every piecewise operation; the function that is given marks tensors as inputs."""
    from tensorflow.python.framework import op_callbacks

    facts, watch = Facts(), Watch(recorder.tell_named)

    def see(
        kind: Any, inputs: Sequence, attributes: Sequence, outputs: Sequence, op_name: Any = None, graph: Any = None
    ) -> None:
        if graph is None:
            _see(watch, facts, kind if isinstance(kind, str) else kind.decode(), inputs, attributes, outputs)

    def mark(tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            facts.note(tensor, GIVEN)

    op_callbacks.add_op_callback(see)
    try:
        yield mark
    finally:
        op_callbacks.remove_op_callback(see)


def _see(watch: Watch, facts: Facts, kind: str, inputs: Sequence, attributes: Sequence, outputs: Sequence) -> None:
    """Show an operation to the watch, and keep what is known of its results."""
    if kind in _READS:
        fact: Fact | None = WEIGHT
    elif kind in _NO_VALUES or all(facts.of(tensor) is None for tensor in inputs):
        fact = None
    else:
        settings = dict(zip(attributes[::2], attributes[1::2], strict=True)) if attributes else {}
        settings = {name.decode() if isinstance(name, bytes) else name: value for name, value in settings.items()}
        ask = partial(_operand, facts)
        known = [fact for fact in map(facts.of, inputs) if fact is not None]
        seen = _OPERATIONS.get(kind)
        fact = seen(watch, [ask(tensor) for tensor in inputs], settings, outputs) if seen else _unknown(known)
    for tensor in outputs:
        facts.note(tensor, fact)


def _unknown(known: Sequence[Fact]) -> Fact:
    return Fact(any(fact.varies for fact in known))


def _operand(facts: Facts, tensor: Any) -> Operand:
    return Operand(tensor, facts.of(tensor), np.asarray)


# === What operations of TensorFlow are called here ===

See = Callable[[Watch, Sequence[Operand], Given, Sequence[Any]], Fact]


def _plain(operation: str, operands: int = 1, name: str = "") -> See:
    """An operation on the first inputs."""
    return lambda watch, given, settings, outputs: watch.see(operation, given[:operands], settings, name)


def _multiply(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    a, b = given
    return watch.see("multiply itself", [a]) if a.given is b.given else watch.see("multiply", [a, b])


def _power(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    exponent = given[1].constant
    return watch.see("even power" if exponent is not None and exponent % 2 == 0 else "unknown", given[:1])


def _joined(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    return watch.see("join", [operand for operand in given if operand.fact or not operand.is_whole])


def _cast(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    """Flags may become numbers."""
    is_cast = given[0].given.dtype == bool and outputs[0].dtype != bool
    return watch.see("cast flags" if is_cast else "same", given[:1], name="a mask" if is_cast else "")


def _pool(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    shape, sizes, strides = tuple(given[0].given.shape), tuple(settings["ksize"]), tuple(settings["strides"])
    padding = settings["padding"]
    same = (padding.decode() if isinstance(padding, bytes) else padding) == "SAME"
    lacking = [
        max(0, (-(-length // stride) - 1) * stride + size - length) if same else 0
        for length, size, stride in zip(shape, sizes, strides, strict=True)
    ]
    before = tuple(lack // 2 for lack in lacking)
    after = tuple(lack - lack // 2 for lack in lacking)
    return watch.see("window max", given[:1], {"window": Window(sizes, strides, before, after, (1,) * len(shape))})


def _along(operation: str, name: str = "") -> See:
    """A reduction; the second input has the axes."""

    def see(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
        axes = tuple(np.asarray(given[1].value).reshape(-1).tolist())
        window = Window.over_axes(tuple(given[0].given.shape), axes)
        return watch.see(operation, given[:1], {"window": window}, name)

    return see


def _top(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    return watch.see("axis max", given[:1], {"window": Window.over_axes(tuple(given[0].given.shape), (-1,))}, "top_k")


def _gather(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    """(table, places, axis)."""
    table, places = given[:2]
    axis = int(given[2].value) if len(given) > 2 else 0
    watch.see("rows", [places], {"rows": table.given.shape[axis]}, "take")
    return Fact(any(operand.fact is not None and operand.fact.varies for operand in (table, places)), table.bounds)


def _gather_nd(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    """(table, places (..., axes))."""
    table, places = given
    for axis in range(places.given.shape[-1]):
        place = Operand(places.given[..., axis], places.fact, np.asarray)
        watch.see("rows", [place], {"rows": table.given.shape[axis]}, "take")
    return Fact(any(operand.fact is not None and operand.fact.varies for operand in given), table.bounds)


def _one_hot(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    return watch.see("rows", given[:1], {"rows": int(given[1].value)}, "one_hot")


def _leaky(watch: Watch, given: Sequence[Operand], settings: Given, outputs: Sequence) -> Fact:
    return watch.see("leaky_relu", given[:1])


_READS = {"ReadVariableOp", "VarHandleOp"}
"""Operations whose results are weights."""
_NO_VALUES = {
    "Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "BroadcastGradientArgs", "Const", "VarIsInitializedOp",
}  # fmt: skip
"""Operations whose results have nothing of their inputs but the shape."""

_SAME = (
    "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StridedSlice", "Slice", "BroadcastTo", "Tile",
    "StopGradient", "Split", "SplitV", "Unpack", "ReverseV2", "Mean", "AvgPool", "AvgPool3D", "SpaceToBatchND",
    "BatchToSpaceND", "ResizeBilinear", "ResizeNearestNeighbor", "MirrorPad", "Roll", "EnsureShape", "Snapshot",
    "PreventGradient", "Real",
)  # fmt: skip

_OPERATIONS: Mapping[str, See] = {
    **{name: _plain("same") for name in _SAME},
    **{name: _plain(name.lower()) for name in ("Relu", "Relu6", "Elu", "Selu", "Abs", "Sign", "Floor", "Ceil")},
    **{name: _plain(name.lower()) for name in ("Sigmoid", "Tanh", "Exp", "Sqrt", "Rsqrt", "Square", "Softmax", "Sum")},
    "Softplus": _plain("softplus"), "LeakyRelu": _leaky, "Round": _plain("round"), "Rint": _plain("round"),
    "Neg": _plain("negate"), "AddV2": _plain("add", 2), "Add": _plain("add", 2), "BiasAdd": _plain("unknown", 2),
    "Sub": _plain("subtract", 2), "Mul": _multiply, "RealDiv": _plain("divide", 2), "Div": _plain("divide", 2),
    "Pow": _power, "Maximum": _plain("maximum", 2), "Minimum": _plain("minimum", 2),
    "ClipByValue": _plain("clamp", 3), "Pad": _plain("padded"), "PadV2": _plain("unknown", 3),
    "Greater": _plain("gt", 2), "GreaterEqual": _plain("ge", 2), "Less": _plain("lt", 2),
    "LessEqual": _plain("le", 2), "Equal": _plain("eq", 2), "NotEqual": _plain("ne", 2),
    "LogicalAnd": _plain("and", 2), "LogicalOr": _plain("or", 2), "LogicalNot": _plain("not"),
    "SelectV2": _plain("where", 3, "where"), "Select": _plain("where", 3, "where"),
    "Where": _plain("cast flags", 1, "where"),
    "IsNan": _plain("is finite"), "IsInf": _plain("is finite"), "IsFinite": _plain("is finite"),
    "Cast": _cast, "ConcatV2": _joined, "Pack": _joined,
    "MaxPool": _pool, "MaxPool3D": _pool,
    "Max": _along("axis max"), "Min": _along("axis min"), "ArgMax": _along("axis max", "argmax"),
    "ArgMin": _along("axis min", "argmin"), "TopKV2": _top,
    "GatherV2": _gather, "ResourceGather": _gather, "GatherNd": _gather_nd, "OneHot": _one_hot,
}  # fmt: skip
