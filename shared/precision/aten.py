"""Every operation of PyTorch, forward and backward, for the torch track and for Keras on PyTorch.

Its result is rounded, or the type that it computes in is noted. torch is imported at first use.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from twotrack.shared.precision import kernels
from twotrack.shared.precision.computing import Computing
from twotrack.shared.precision.rounding import Rounding, Sums

if TYPE_CHECKING:
    from torch import Tensor

At = Callable[[], tuple[str, str]]
"""Returns the layer that is at work, by canonical path, and the place in the user's code."""

_SUMS = {
    "mm", "addmm", "bmm", "baddbmm", "dot", "mv", "addmv", "convolution", "convolution_backward",
    "convolution_overrideable", "sum", "mean", "cumsum",
}  # fmt: skip
"""Operations that add up products of their operands, or the operands themselves, in what sums are added up in."""
_COPIES = {
    "_to_copy", "copy", "clone", "to", "lift_fresh", "detach", "_foreach_copy",
}  # fmt: skip
_MADE = {
    "empty", "zeros", "ones", "full", "arange", "scalar_tensor", "new_empty", "new_zeros", "empty_strided", "fill",
}  # fmt: skip
"""Operations that compute nothing."""
_INSIDE = {
    "native_layer_norm", "native_layer_norm_backward", "native_batch_norm", "native_batch_norm_backward",
    "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "native_group_norm",
    "native_group_norm_backward", "_softmax", "_log_softmax", "_softmax_backward_data",
    "_log_softmax_backward_data", "gelu", "gelu_backward", "elu", "elu_backward", "silu", "silu_backward",
    "softplus", "softplus_backward", "mish", "mish_backward", "log_sigmoid_forward", "log_sigmoid_backward",
    "hardswish", "hardswish_backward", "binary_cross_entropy", "binary_cross_entropy_backward",
    "binary_cross_entropy_with_logits", "mse_loss", "mse_loss_backward", "smooth_l1_loss",
    "smooth_l1_loss_backward", "huber_loss", "huber_loss_backward", "nll_loss_forward", "nll_loss2d_forward",
    "soft_margin_loss", "var", "var_mean", "std", "std_mean", "linalg_vector_norm", "norm", "logit", "logsumexp",
    "_fused_rms_norm", "_fused_rms_norm_backward",
}  # fmt: skip
"""Operations of several steps, of which the outcome alone has the type of the operands."""


@contextmanager
def rounded(rounding: Rounding) -> Iterator[None]:
    """Round the result of every operation inside the block; attention is done in its parts."""
    import torch
    from torch._decomp import decomposition_table
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils._python_dispatch import TorchDispatchMode

    class Rounded(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
            given, name = kwargs or {}, _name(function)
            if _is_view(function) or (not _wide((args, given)) and name not in _MADE):
                return function(*args, **given)
            parts = decomposition_table.get(function) if name in _INSIDE and _wide((args, given)) else None
            result = self.in_parts(name, parts, args, given) if parts else function(*args, **given)
            sums = _sums(rounding, function, args, given) if name in _SUMS else None
            for number, tensor in enumerate(_wide(result)):
                own = _array(tensor)
                tensor.detach().copy_(torch.from_numpy(rounding.of_call(own, sums, number, name)))
            return result

        def in_parts(self, name: str, parts: Callable, args: Sequence, given: Mapping[str, Any]) -> Any:
            """Do an operation step by step, each rounded to what sums are added up in."""
            with rounding.inside(name), self:
                return parts(*args, **given)

    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(Rounded())
        yield


def poor_sums(precision: str) -> frozenset[str]:
    """Return which sums of PyTorch add up in half precision here, by the names of operations."""
    import torch

    kind = getattr(torch, precision)

    def made(add: "Callable[[Tensor], Tensor]") -> kernels.Sum:
        return lambda terms: _array(add(torch.from_numpy(terms).to(kind)).double())

    def product(terms: "Tensor") -> "Tensor":
        return (terms.new_ones(1, len(terms)) @ terms)[0]

    sums: dict[str, Callable[[Tensor], Tensor]] = {
        "sum": lambda terms: terms.sum(0),
        "mm": product,
        "addmm": product,
        "cumsum": lambda terms: terms.cumsum(0)[-1],
    }
    return kernels.poor_sums({name: made(add) for name, add in sums.items()}, precision)


def _sums(rounding: Rounding, function: Any, args: Sequence, given: Mapping[str, Any]) -> Sums | None:
    """Return, for each result of a sum, the sums of squares of terms, and how many there are."""
    import torch
    from torch.utils._pytree import tree_leaves, tree_map

    def again(change: Callable) -> list[np.ndarray]:
        changed = tree_map(lambda one: change(one) if _is_wide(one) else one, (list(args), dict(given)))
        return [_array(one) for one in _wide(function(*changed[0], **changed[1]))]

    if not _wide((args, given)):
        return None
    forms = [tuple(one.shape) if isinstance(one, torch.Tensor) else str(one) for one in tree_leaves((args, given))]
    counts = rounding.counts((str(function), *forms), lambda: again(torch.ones_like))
    squares = again(torch.square)
    if _name(function) == "mean":
        number = _wide(args)[0].numel() / max(counts[0].size, 1)
        return Sums([one / number for one in squares], [one * number for one in counts])
    return Sums(squares, counts)


@contextmanager
def noted(computing: Computing, at: At) -> Iterator[None]:
    """Note the type that every operation inside the block computes in."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Noted(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
            result, name = function(*args, **(kwargs or {})), _name(function)
            if _is_view(function) or name in _MADE:
                return result
            if computing.tries and name in _INSIDE:
                computing.tried(name, _floats(result), _floats(function(*_doubled(args), **_doubled(kwargs or {}))))
            made = [str(one.dtype)[len("torch.") :] for one in tree_leaves(result) if isinstance(one, torch.Tensor)]
            if computing.concerns(made):
                computing.note(name, made, *at(), name in _COPIES, lambda: _largest(result, computing.expected))
            return result

    with Noted():
        yield


def _floats(structure: Any) -> list[np.ndarray]:
    """Return the tensors of real numbers in a nested structure, in float64."""
    from torch.utils._pytree import tree_leaves

    return [_array(one.double()) for one in tree_leaves(structure) if _is_float(one)]


def _doubled(structure: Any) -> Any:
    """Return a nested structure with its tensors of real numbers in float64."""
    from torch.utils._pytree import tree_map

    return tree_map(lambda one: one.detach().double() if _is_float(one) else one, structure)


def _is_float(one: Any) -> bool:
    import torch

    return isinstance(one, torch.Tensor) and one.is_floating_point() and one.layout is torch.strided


def _largest(result: Any, expected: str) -> float:
    """Return the largest size of a finite number in results of another type than `expected`."""
    from torch.utils._pytree import tree_leaves

    tensors = [one for one in tree_leaves(result) if hasattr(one, "dtype") and str(one.dtype) != f"torch.{expected}"]
    sizes = [one.detach().double().abs().nan_to_num(0.0, 0.0).max().item() for one in tensors if one.numel()]
    return max(sizes, default=0.0)


@cache
def _name(function: Any) -> str:
    """Return what an operation is called, whether it writes in place or not."""
    return str(function.overloadpacket.__name__).rstrip("_")


@cache
def _is_view(function: Any) -> bool:
    """Tell whether results are views of operands."""
    return any(one.alias_info is not None and not one.alias_info.is_write for one in function._schema.returns)


def _is_wide(one: Any) -> bool:
    import torch

    return isinstance(one, torch.Tensor) and one.dtype == torch.float64 and one.layout is torch.strided


def _wide(structure: Any) -> "list[Tensor]":
    """Return the tensors of float64 in a nested structure."""
    from torch.utils._pytree import tree_leaves

    return [one for one in tree_leaves(structure) if _is_wide(one)]


def _array(tensor: "Tensor") -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array
