"""Calls of torch's functions that the user's own code makes, outside of torch's own layers: seen, and changed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.spec.changes import ReplaceCall, SetArgument
from twotrack.torch_track.changes.functions import MASKS, compute, compute_both, hidden, is_mask, turned_mask
from twotrack.torch_track.recording import removed
from twotrack.torch_track.structure import tensors_in

CallChange = SetArgument | ReplaceCall


class SeenCall(NamedTuple):
    """One call."""

    function: str
    number: int
    """Among the calls of the function, from 0."""
    arguments: dict[str, Any]
    """By name, or by place as text."""
    shape: tuple[int, ...]
    """Of the first tensor that it was given."""
    keeps_shape: bool
    """What it gives has the shape of the first tensor it was given."""
    first_layer: str
    """Torch path of the layer of torch's own that returned last before."""
    takes_two: bool = False
    """It was given two tensors of one rank, and gives one that is as large as the larger."""
    hides: bool = False
    """A mask hides some of the scores that a softmax was given."""
    mask: tuple[int, ...] = ()
    """Shape of a mask that it was given; empty for none."""


class CallWatcher(TorchFunctionMode):
    """Numbers the calls, notes them, and changes those that are to be changed."""

    def __init__(self, module: nn.Module, changes: Sequence[CallChange] = ()):
        super().__init__()
        self.seen: list[SeenCall] = []
        self._changes: dict[tuple[str, int], list[CallChange]] = {}
        for change in changes:
            self._changes.setdefault((change.function, change.number), []).append(change)
        self._module, self._counts, self._inside, self._last = module, Counter[str](), 0, ""

    @contextmanager
    def watching(self) -> Iterator["CallWatcher"]:
        """Watch inside the block; the count begins anew."""
        self.seen, self._counts, self._inside, self._last = [], Counter(), 0, ""
        layers = [(path, layer) for path, layer in self._module.named_modules() if is_torchs_own(layer)]
        handles = [layer.register_forward_pre_hook(self._enter) for _, layer in layers]
        handles += [layer.register_forward_hook(self._leaver(path), always_call=True) for path, layer in layers]
        with removed(handles), self:
            yield self

    def _enter(self, *_: object) -> None:
        self._inside += 1

    def _leaver(self, path: str) -> Callable[..., None]:
        def leave(*_: object) -> None:
            self._inside, self._last = self._inside - 1, path

        return leave

    def __torch_function__(self, function: Callable, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
        given, name = dict(kwargs or {}), getattr(function, "__name__", "")
        if self._inside or name not in CHANGEABLE:
            return function(*args, **given)
        number = self._counts[name]
        self._counts[name] += 1
        tensors = tensors_in([*args, *given.values()])
        first = next(iter(tensors), None)
        for change in self._changes.get((name, number), ()):
            if isinstance(change, ReplaceCall) and change.by.name in MASKS:
                turned = partial(turned_mask, change.by.name)
                return function(*map(turned, args), **{key: turned(one) for key, one in given.items()})
            if isinstance(change, ReplaceCall) and change.by.name == "both" and len(tensors) > 1:
                return compute_both(change.by, *tensors[:2])
            if isinstance(change, ReplaceCall) and first is not None:
                return compute(change.by, first)
            if isinstance(change, SetArgument):
                args, given = _with_argument(name, args, given, change)
        result = function(*args, **given)
        keeps = isinstance(result, Tensor) and first is not None and result.shape == first.shape
        named = dict(zip(CHANGEABLE[name], args[1:], strict=False)) | given
        shape = tuple(first.shape) if first is not None else ()
        is_scored = name == "softmax" and first is not None and first.is_floating_point()
        hides = is_scored and first is not None and bool(hidden(first).any())
        takes_two = _takes_two(tensors, result)
        mask = next((tuple(one.shape) for one in tensors if is_mask(one)), ())
        self.seen.append(SeenCall(name, number, named, shape, keeps, self._last, takes_two, hides, mask))
        return result


def _takes_two(given: Sequence[Tensor], result: Any) -> bool:
    if len(given) != 2 or not isinstance(result, Tensor) or not all(one.is_floating_point() for one in given):
        return False
    return given[0].ndim == given[1].ndim and result.numel() == max(one.numel() for one in given)


def is_torchs_own(layer: nn.Module) -> bool:
    """Tell whether a layer is one of torch's, or derived from one that computes: its calls are settings of it."""
    own = (base for base in type(layer).__mro__ if base.__module__.startswith("torch.nn.modules"))
    return any(base not in (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict) for base in own)


def _with_argument(name: str, args: Sequence, given: dict[str, Any], change: SetArgument) -> tuple[Sequence, dict]:
    places = CHANGEABLE[name]
    if change.name in places and len(args) > places.index(change.name) + 1:
        args = list(args)
        args[places.index(change.name) + 1] = change.value
        return args, given
    return args, given | {change.name: change.value}


CHANGEABLE: dict[str, tuple[str, ...]] = {
    "gelu": ("approximate",),
    "relu": (),
    "relu_": (),
    "leaky_relu": ("negative_slope",),
    "elu": ("alpha",),
    "silu": (),
    "sigmoid": (),
    "tanh": (),
    "softplus": (),
    "mish": (),
    "hardswish": (),
    "softmax": ("dim",),
    "log_softmax": ("dim",),
    "dropout": ("p", "training"),
    "layer_norm": ("normalized_shape", "weight", "bias", "eps"),
    "normalize": ("p", "dim", "eps"),
    "interpolate": ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias"),
    "scaled_dot_product_attention": ("key", "value", "attn_mask", "dropout_p", "is_causal", "scale"),
    "pad": ("pad", "mode", "value"),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "var": ("dim", "unbiased"),
    "std": ("dim", "unbiased"),
    "flip": ("dims",),
    "clamp": ("min", "max"), "clamp_": ("min", "max"), "clip": ("min", "max"),
    "hardtanh": ("min_val", "max_val"),
    "relu6": (), "hardsigmoid": (), "selu": (), "celu": ("alpha",), "softsign": (), "logsigmoid": (), "exp": (),
    "abs": (), "square": (), "where": (), "threshold": ("threshold", "value"), "minimum": ("other",),
    "maximum": ("other",), "rms_norm": ("normalized_shape", "weight", "eps"), "sqrt": (), "round": (), "floor": (),
    "detach": (), "masked_fill": ("mask", "value"), "masked_fill_": ("mask", "value"),
    "transpose": ("dim0", "dim1"), "permute": ("dims",), "swapaxes": ("axis0", "axis1"),
    "movedim": ("source", "destination"),
    "add": ("other",),
    "sub": ("other",),
    "mul": ("other",),
    "div": ("other",),
    "true_divide": ("other",),
    "__add__": ("other",), "__radd__": ("other",), "__iadd__": ("other",),
    "__mul__": ("other",), "__rmul__": ("other",), "__imul__": ("other",),
    "__sub__": ("other",), "__truediv__": ("other",),
}  # fmt: skip
"""Functions whose calls can be changed, with the names of what comes behind the first argument."""
