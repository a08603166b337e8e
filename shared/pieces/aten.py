"""Counts pieces of what runs on PyTorch, for the torch track and for Keras on PyTorch; imports torch when it is used.

Whatever Python or C++ function is called, it ends in operations of ATen, which a dispatch mode sees.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from twotrack.shared.pieces.choice import Window
from twotrack.shared.pieces.recorder import Recorder
from twotrack.shared.pieces.watch import GIVEN, WEIGHT, Fact, Operand, Watch

if TYPE_CHECKING:
    from torch import Tensor

Given = Mapping[str, Any]
"""Arguments of an operation by the names that ATen gives them."""


@dataclass
class Facts:
    """What is known of tensors, by identity and by the memory that they share with others."""

    by_id: dict[int, tuple[Any, Fact | None]] = field(default_factory=dict)
    varying_memory: set[int] = field(default_factory=set)

    def of(self, tensor: "Tensor") -> Fact | None:
        """Return what is known of a tensor; None of a constant."""
        reference, fact = self.by_id.get(id(tensor), (None, None))
        if fact is not None and reference is not None and reference() is tensor:
            return fact
        return GIVEN if _memory(tensor) in self.varying_memory else None

    def note(self, tensor: "Tensor", fact: Fact | None) -> None:
        """Keep what is known of a tensor as long as there is one."""
        self.by_id[id(tensor)] = (ref(tensor), fact)

    def written(self, tensor: "Tensor", fact: Fact | None) -> None:
        """A tensor was changed in place: others that share its memory vary now if it does."""
        self.note(tensor, fact)
        if fact is not None and fact.varies:
            self.varying_memory.add(_memory(tensor))


def _memory(tensor: "Tensor") -> int:
    return tensor.untyped_storage().data_ptr()


@contextmanager
def counted(recorder: Recorder, weights: Iterable["Tensor"]) -> Iterator[Callable[[Iterable["Tensor"]], None]]:
    """Tell the recorder of every piecewise operation; the function that is given marks tensors as inputs.

    Arrays of numbers that become tensors meanwhile are taken for inputs too.
    """
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    facts, watch = Facts(), Watch(recorder.tell_named)
    for tensor in weights:
        facts.note(tensor, WEIGHT)

    class Counted(TorchDispatchMode):
        def __torch_dispatch__(self, operation: Any, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
            kind = _Kind.of(operation)
            if kind.is_composite:
                with self:
                    return operation.decompose(*args, **(kwargs or {}))
            fact = _see(watch, facts, kind.name, kind.given(args, kwargs or {}))
            result = operation(*args, **(kwargs or {}))
            for tensor in _tensors([result]):
                facts.written(tensor, fact) if kind.writes else facts.note(tensor, fact)
            return result

    class NoFastPath(TorchFunctionMode):
        """Keeps attention and encoder layers from their fused inference kernels, whose inside nothing sees."""

        def __torch_function__(self, function: Callable, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
            return function(*args, **(kwargs or {}))

    def mark(tensors: Iterable["Tensor"]) -> None:
        for tensor in tensors:
            facts.note(tensor, GIVEN)

    with torch.no_grad(), NoFastPath(), Counted():
        yield mark


@dataclass(frozen=True)
class _Kind:
    """What one operation of ATen is."""

    name: str
    """Without the underscore of what works in place."""
    is_composite: bool
    """It is made of other operations."""
    writes: bool
    """It changes its arguments."""
    arguments: tuple[str, ...]
    defaults: Given

    @classmethod
    @cache
    def of(cls, operation: Any) -> "_Kind":
        """Read the schema, once."""
        import torch

        schema, name = operation._schema, operation.overloadpacket.__name__
        return cls(
            name if name.startswith("__") else name.removesuffix("_"),
            torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), "CompositeImplicitAutograd"),
            schema.is_mutable,
            tuple(argument.name for argument in schema.arguments),
            {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()},
        )

    def given(self, args: Sequence, kwargs: Given) -> dict[str, Any]:
        """Return all arguments by name."""
        return {**self.defaults, **dict(zip(self.arguments, args, strict=False)), **kwargs}


def _tensors(values: Iterable[Any]) -> list["Tensor"]:
    import torch

    found: list[Tensor] = []
    for value in values:
        parts = value if isinstance(value, list | tuple) else (value,)
        found += [part for part in parts if isinstance(part, torch.Tensor)]
    return found


def _see(watch: Watch, facts: Facts, name: str, given: Given) -> Fact | None:
    """Show an operation to the watch; return what is known of its results, None if they are constants."""
    if name == "lift_fresh":
        return GIVEN if given["self"].is_floating_point() and given["self"].ndim else None
    known = [fact for fact in map(facts.of, _tensors(given.values())) if fact is not None]
    if not known or name in _NO_VALUES:
        return None
    seen = _OPERATIONS.get(name)
    return seen(watch, partial(_operand, facts), given) if seen else Fact(any(fact.varies for fact in known))


def _operand(facts: Facts, value: Any) -> Operand:
    import torch

    if not isinstance(value, torch.Tensor):
        return Operand(value, None, np.asarray)
    return Operand(value, facts.of(value), _as_array)


def _as_array(tensor: "Tensor") -> np.ndarray:
    import torch

    plain = tensor.detach().cpu()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).resolve_conj().numpy()


# === What operations of ATen are called here ===

Ask = Callable[[Any], Operand]
See = Callable[[Watch, Ask, Given], Fact]


def _plain(operation: str, *names: str, name: str = "") -> See:
    """An operation on the arguments of these names, self alone if none is given."""
    return lambda watch, ask, given: watch.see(
        operation, [ask(given[part]) for part in names or ("self",)], given, name
    )


def _binary(operation: str) -> See:
    """An operation on `self` and `other`, which may be a number; add and sub may have a factor `alpha`."""

    def see(watch: Watch, ask: Ask, given: Given) -> Fact:
        a, b = ask(given["self"]), ask(given["other"])
        if operation == "multiply" and a.given is b.given:
            return watch.see("multiply itself", [a])
        if given.get("alpha", 1) != 1:
            return watch.see("unknown", [a, b])
        return watch.see(operation, [a, b])

    return see


def _power(watch: Watch, ask: Ask, given: Given) -> Fact:
    is_even = isinstance(given.get("exponent"), int | float) and given["exponent"] % 2 == 0
    return watch.see(
        "square" if given.get("exponent") == 2 else "even power" if is_even else "unknown", [ask(given["self"])]
    )


def _clamp(watch: Watch, ask: Ask, given: Given) -> Fact:
    low, high = (given.get(part) for part in ("min", "max"))
    return watch.see("clamp", [ask(given["self"]), ask(low), ask(high)])


def _hardtanh(watch: Watch, ask: Ask, given: Given) -> Fact:
    low, high = given["min_val"], given["max_val"]
    name = "relu6" if (low, high) == (0, 6) else "hardtanh"
    return watch.see("clamp", [ask(given["self"]), ask(low), ask(high)], name=name)


def _softplus(watch: Watch, ask: Ask, given: Given) -> Fact:
    """Linear from a threshold on, as far as ATen is concerned."""
    settings = {"threshold": given["threshold"] / given["beta"]}
    watch.see("threshold", [ask(given["self"])], settings, "softplus")
    return watch.see("softplus", [ask(given["self"])])


def _conditioned(watch: Watch, ask: Ask, given: Given) -> Fact:
    return watch.see("where", [ask(given["condition"]), ask(given["self"]), ask(given["other"])], name="where")


def _filled(watch: Watch, ask: Ask, given: Given) -> Fact:
    return watch.see("where", [ask(given[part]) for part in ("mask", "value", "self")], name="masked_fill")


def _copied(watch: Watch, ask: Ask, given: Given) -> Fact:
    """A copy, which may turn flags into numbers."""
    import torch

    source = given["self"]
    is_cast = source.dtype == torch.bool and given.get("dtype") not in (None, torch.bool)
    return watch.see("cast flags", [ask(source)], name="a mask") if is_cast else watch.see("same", [ask(source)])


def _written(watch: Watch, ask: Ask, given: Given) -> Fact:
    """copy_(self, src): only what is written counts."""
    import torch

    source, target = given["src"], given["self"]
    is_cast = source.dtype == torch.bool and target.dtype != torch.bool
    return watch.see("cast flags", [ask(source)], name="a mask") if is_cast else watch.see("same", [ask(source)])


def _joined(watch: Watch, ask: Ask, given: Given) -> Fact:
    return watch.see("join", [ask(tensor) for tensor in given["tensors"]])


def _max_pool(axes: int) -> See:
    def see(watch: Watch, ask: Ask, given: Given) -> Fact:
        return watch.see("window max", [ask(given["self"])], {"window": _pool_window(given, axes)})

    return see


def _pool_window(given: Given, axes: int) -> Window:
    shape = given["self"].shape
    kernel, padding, dilation = (_each(given[part], axes) for part in ("kernel_size", "padding", "dilation"))
    stride = _each(given["stride"] or given["kernel_size"], axes)
    rest = len(shape) - axes
    after = list(padding)
    if given["ceil_mode"]:
        after = [
            _ceiled(n, *rest_of) for n, *rest_of in zip(shape[rest:], kernel, stride, padding, dilation, strict=True)
        ]
    ones, zeros = (1,) * rest, (0,) * rest
    return Window(ones + kernel, ones + stride, zeros + padding, zeros + tuple(after), ones + dilation)


def _ceiled(length: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return the padding behind with which the last window fits, as long as it begins inside."""
    reach = dilation * (kernel - 1) + 1
    windows = -(-(length + 2 * padding - reach) // stride) + 1
    if (windows - 1) * stride >= length + padding:
        windows -= 1
    return max(padding, (windows - 1) * stride + reach - length - padding)


def _each(setting: Any, axes: int) -> tuple[int, ...]:
    values = [setting] if isinstance(setting, int) else list(setting)
    return tuple(values * axes if len(values) == 1 else values)


def _adaptive_max_pool(watch: Watch, ask: Ask, given: Given) -> Fact:
    """Windows of one size where the output divides the input, else none that could be told apart."""
    shape, outputs = given["self"].shape, list(given["output_size"])
    rest = len(shape) - len(outputs)
    lengths = shape[rest:]
    if any(length % output for length, output in zip(lengths, outputs, strict=True)):
        return watch.see("same", [ask(given["self"])])
    sizes = (1,) * rest + tuple(length // output for length, output in zip(lengths, outputs, strict=True))
    zeros, ones = (0,) * len(shape), (1,) * len(shape)
    return watch.see("window max", [ask(given["self"])], {"window": Window(sizes, sizes, zeros, zeros, ones)})


def _along(operation: str, name: str = "") -> See:
    """A reduction over the setting dim, or over all axes without one."""

    def see(watch: Watch, ask: Ask, given: Given) -> Fact:
        shape, dim = tuple(given["self"].shape), given.get("dim")
        axes = tuple(range(len(shape))) if dim is None or dim == [] else _each(dim, 1)
        settings = {"window": Window.over_axes(shape, axes)}
        return watch.see(operation, [ask(given["self"])], settings, name)

    return see


def _maximum_or_axis(either: str, along: str) -> See:
    """max and min: of two tensors, along an axis, or of all."""

    def see(watch: Watch, ask: Ask, given: Given) -> Fact:
        return (_binary(either) if "other" in given else _along(along))(watch, ask, given)

    return see


def _embedding(watch: Watch, ask: Ask, given: Given) -> Fact:
    settings = {"rows": given["weight"].shape[0]}
    watch.see("rows", [ask(given["indices"])], settings, "embedding")
    return watch.see("unknown", [ask(given["weight"]), ask(given["indices"])])


def _index_select(watch: Watch, ask: Ask, given: Given) -> Fact:
    watch.see("rows", [ask(given["index"])], {"rows": given["self"].shape[given["dim"]]}, "index_select")
    return (
        watch.see("join", [ask(given["self"])])
        if ask(given["self"]).fact
        else watch.see("unknown", [ask(given["index"])])
    )


def _index(watch: Watch, ask: Ask, given: Given) -> Fact:
    """x[places], with flags or numbers for some axes."""
    import torch

    for axis, places in enumerate(given["indices"]):
        if places is not None and places.dtype == torch.bool:
            watch.see("cast flags", [ask(places)], name="an index")
        elif places is not None:
            watch.see("rows", [ask(places)], {"rows": given["self"].shape[axis]}, "an index")
    operands = [ask(given["self"]), *(ask(places) for places in given["indices"] if places is not None)]
    return Fact(any(operand.fact is not None and operand.fact.varies for operand in operands))


def _flags(operation: str) -> See:
    """A combination of flags; of numbers, bit by bit, nothing is known."""

    def see(watch: Watch, ask: Ask, given: Given) -> Fact:
        import torch

        operands = [ask(given[part]) for part in ("self", "other") if part in given]
        is_logic = all(getattr(operand.given, "dtype", torch.bool) == torch.bool for operand in operands)
        return watch.see(operation if is_logic else "unknown", operands)

    return see


_NO_VALUES = {
    "zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_full", "new_empty",
    "rand_like", "randn_like", "_local_scalar_dense",
}  # fmt: skip
"""Operations whose results have nothing of their arguments but the shape, or leave torch."""

_SAME = (
    "alias", "as_strided", "clone", "contiguous", "detach", "diagonal", "expand", "flip", "lift", "mean",
    "avg_pool1d",
    "median", "movedim", "narrow", "permute", "repeat", "roll", "select", "slice", "split", "split_with_sizes",
    "squeeze", "t", "transpose", "tril", "triu", "unbind", "unfold", "unsafe_split", "unsqueeze", "view",
    "_reshape_alias", "_unsafe_view", "reshape", "positive", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d",
    "upsample_nearest2d", "upsample_bilinear2d",
)  # fmt: skip

_OPERATIONS: Mapping[str, See] = {
    **{name: _plain("same") for name in _SAME},
    **{name: _plain("padded") for name in ("constant_pad_nd", "tril", "triu")},
    **{name: _plain(name) for name in ("relu", "relu6", "leaky_relu", "elu", "celu", "abs", "sign", "floor", "ceil")},
    **{name: _plain(name) for name in ("round", "sigmoid", "tanh", "exp", "sqrt", "rsqrt", "hardsigmoid", "hardswish")},
    "_softmax": _plain("softmax"), "_prelu_kernel": _plain("prelu"), "rrelu_with_noise": _plain("leaky_relu"),
    "sgn": _plain("sign"), "trunc": _plain("truncate"), "neg": _plain("negate"), "square": _plain("square"),
    "selu": _plain("selu"), "heaviside": _plain("sign"),
    "isnan": _plain("is finite"), "isinf": _plain("is finite"), "isfinite": _plain("is finite"),
    "pow": _power, "sum": _plain("sum"),
    "threshold": _plain("threshold"), "softplus": _softplus, "_to_copy": _copied, "copy": _written,
    "hardshrink": lambda watch, ask, given: watch.see("hardshrink", [ask(given["self"])], {"width": given["lambd"]}),
    "softshrink": lambda watch, ask, given: watch.see("softshrink", [ask(given["self"])], {"width": given["lambd"]}),
    "clamp": _clamp, "clamp_min": _clamp, "clamp_max": _clamp, "clip": _clamp, "hardtanh": _hardtanh,
    "maximum": _binary("maximum"), "fmax": _binary("maximum"),
    "minimum": _binary("minimum"), "fmin": _binary("minimum"),
    "add": _binary("add"), "sub": _binary("subtract"), "mul": _binary("multiply"), "div": _binary("divide"),
    **{name: _binary(name) for name in ("gt", "ge", "lt", "le", "eq", "ne")},
    "logical_and": _flags("and"), "bitwise_and": _flags("and"), "__and__": _flags("and"),
    "logical_or": _flags("or"), "bitwise_or": _flags("or"), "__or__": _flags("or"),
    "logical_not": _flags("not"), "bitwise_not": _flags("not"),
    "where": _conditioned, "masked_fill": _filled, "cat": _joined, "stack": _joined,
    "max_pool2d_with_indices": _max_pool(2), "max_pool3d_with_indices": _max_pool(3),
    "max_pool1d_with_indices": _max_pool(1), "max_pool1d": _max_pool(1), "max_pool2d": _max_pool(2),
    "max_pool3d": _max_pool(3), "adaptive_max_pool1d": _adaptive_max_pool, "adaptive_max_pool2d": _adaptive_max_pool,
    "adaptive_max_pool3d": _adaptive_max_pool,
    "amax": _along("axis max"), "amin": _along("axis min"),
    "argmax": _along("axis max", "argmax"), "argmin": _along("axis min", "argmin"),
    "topk": _along("axis max", "topk"), "sort": _along("axis max", "sort"),
    "max": _maximum_or_axis("maximum", "axis max"), "min": _maximum_or_axis("minimum", "axis min"),
    "embedding": _embedding, "index_select": _index_select, "index": _index,
}  # fmt: skip
