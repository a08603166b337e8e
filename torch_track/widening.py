"""In float64 nothing that a module asks for is narrower: every request for float32, or for less, is one for float64.

A TorchFunctionMode sees every call of a torch function. What a constant holds stays what it is, such as
torch.finfo(torch.float32).min, which hides a place from a softmax in either precision; so do bits that are read as
numbers, whole numbers and booleans. TorchScript and compiled code are not seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.base.code_places import is_pythons
from twotrack.shared.spec import widening
from twotrack.shared.spec.widening import Requests

WIDER: Mapping[Any, torch.dtype] = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
_METHODS = {
    "float": torch.float32,
    "half": torch.float16,
    "bfloat16": torch.bfloat16,
    "cfloat": torch.complex64,
    "chalf": torch.complex32,
}
"""Methods of tensors that say the type by their name."""
_TYPES = {"FloatTensor": torch.float32, "HalfTensor": torch.float16, "BFloat16Tensor": torch.bfloat16}
"""Names that Tensor.type takes beside types."""
_BITS = {"view", "frombuffer", "from_file"}
"""Functions that read bits as numbers: no request, but what the bits are."""
_DRAWN = {"rand", "randn"}
"""Functions whose numbers depend on the type that they are drawn in."""
_SPECIAL = {*_METHODS, "type", *_BITS, *_DRAWN}
_DTYPE = torch.dtype


class Widening(TorchFunctionMode):
    """Rewrites requests, and keeps who made them."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = Requests(is_torchs, nn.Module)
        self._is_building = False

    @contextmanager
    def building(self) -> Iterator[None]:
        """Let constants of a module be drawn as they are in float32: there their values are the model's."""
        self._is_building = True
        try:
            yield
        finally:
            self._is_building = False

    def __torch_function__(
        self, function: Callable, types: Any, args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given, name = kwargs or {}, getattr(function, "__name__", "")
        if name in _SPECIAL:
            return self._by_name(function, name, args, given)
        if _DTYPE in map(type, args) or (given and _DTYPE in map(type, given.values())):
            args, given = self._widened(args, given)
        return function(*args, **given)

    def _widened(self, args: Sequence, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        first = args[0] if args else given.get("input")
        rounds = isinstance(first, Tensor) and first.is_floating_point()
        return [self._wider(one, rounds) for one in args], {key: self._wider(one, rounds) for key, one in given.items()}

    def _by_name(self, function: Callable, name: str, args: Sequence, given: Mapping[str, Any]) -> Any:
        """Call a function that says by its name, or by that of a type, what it makes."""
        dtype = _METHODS.get(name) or (_type_named(args[1]) if name == "type" and len(args) > 1 else None)
        if dtype is not None and isinstance(args[0], Tensor):
            return args[0].to(self._wider(dtype, args[0].is_floating_point()), **given)
        if name in _DRAWN and self._is_building and given.get("dtype") in (None, torch.float32):
            return function(*args, **{**given, "dtype": torch.float32}).double()
        if name not in _BITS:
            args, given = self._widened(args, given)
        return function(*args, **given)

    def _wider(self, value: Any, rounds: bool) -> Any:
        """Return the type to take for a type that was asked for; everything else as it is."""
        if type(value) is not torch.dtype or value not in WIDER:
            return value
        self.requests.note(str(value).removeprefix("torch."), lambda _: rounds)
        return WIDER[value]


def _type_named(given: Any) -> torch.dtype | None:
    """Return the type that "torch.FloatTensor" or torch.FloatTensor means; None for anything else."""
    name = given if isinstance(given, str) else getattr(given, "__name__", "")
    return _TYPES.get(name.rpartition(".")[2])


_OWN = tuple(f"{folder}/" for folder in (Path(torch.__file__).parent, Path(__file__).parent, widening.SHARED))
"""Folders of torch and of twotrack, whose files ask for nobody."""


def is_torchs(file: str) -> bool:
    """Tell whether code is torch's or twotrack's own, by the path of its file."""
    return file.startswith(_OWN) or is_pythons(file)
