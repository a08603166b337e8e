"""Draws of PyTorch at its lowest level, for the torch track and for Keras on PyTorch. torch is imported at first use.

Every random operation, whatever Python or C++ function it is part of, ends in one of ATen's that carry the tag
`nondeterministic_seeded`. Those that this table knows are done as torch does them, for the state of its generator, and
then once more with the given numbers; the scale of a dropout, say, stays torch's own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from twotrack.shared.spec.draws import Base, keeps


@dataclass(frozen=True)
class Request:
    """A random operation that torch is about to do."""

    operation: str
    """ATen's name: bernoulli_, rand, normal."""
    base: Base | None
    """What its numbers are made of; None where they cannot be replaced."""
    shape: tuple[int, ...]
    """As torch has it."""
    probability: float | None
    """Of a 1, for bernoulli_ with a single one."""
    state: bytes
    """Of the generator."""


Deliver = Callable[[Request], np.ndarray | None]
"""Returns the numbers (shape), or None to leave torch its own."""


@contextmanager
def delivered(deliver: Deliver, wide: bool = False) -> Iterator[None]:
    """Ask `deliver` for the numbers of every random operation of this thread.

    `wide`: in a model of float64, numbers for which no type is asked are float64, whatever torch's default type is.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Delivered(TorchDispatchMode):
        @classmethod
        def ignore_compile_internals(cls) -> bool:
            """Let torch.compile compile as if nobody listened; what is compiled asks for its numbers when it runs."""
            return True

        def __torch_dispatch__(self, operation: Any, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            if torch.Tag.nondeterministic_seeded not in operation.tags or _is_symbolic(args, given):
                return operation(*args, **given)
            name = operation.overloadpacket.__name__
            state = _state(args, given)
            result = operation(*args, **given)
            if name not in _BASES and _state(args, given) == state:  # attention that drops nothing draws nothing
                return result
            numbers = deliver(_request(name, args, given, result, state))
            if numbers is None:
                return result
            if wide and name in _NEW and given.get("dtype") is None and not isinstance(args[0], torch.Tensor):
                result = result.double()
            return _REPLACED[name](operation, args, given, result, numbers)

    with Delivered():
        yield


def _request(name: str, args: Sequence, given: Mapping[str, Any], result: Any, state: bytes) -> Request:
    first = result[0] if isinstance(result, tuple) else result
    stated = args[1] if len(args) > 1 else 0.5  # torch leaves out what is its default
    probability = stated if name == "bernoulli_" and isinstance(stated, float) else None
    if name == "native_dropout":
        probability = 1 - stated
    return Request(name, _BASES.get(name), tuple(first.shape), probability, state)


def _is_symbolic(args: Sequence, given: Mapping[str, Any]) -> bool:
    """Tell whether only shapes are computed."""
    import torch

    device = given.get("device")
    if device is not None:
        return torch.device(device).type == "meta"
    return any(isinstance(value, torch.Tensor) and value.is_meta for value in args)


def _state(args: Sequence, given: Mapping[str, Any]) -> bytes:
    """Return what the generator of an operation is about to draw from."""
    import torch
    import xxhash

    generator = next((value for value in (*args, *given.values()) if isinstance(value, torch.Generator)), None)
    if generator is None:
        device = next((value.device for value in args if isinstance(value, torch.Tensor)), given.get("device"))
        is_cuda = device is not None and torch.device(device).type == "cuda"
        generator = torch.cuda.default_generators[torch.cuda.current_device()] if is_cuda else torch.default_generator
    return xxhash.xxh3_128_digest(generator.get_state().numpy().tobytes())


# === What torch would have made of the numbers ===


def _as(numbers: np.ndarray, like: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(numbers)).to(like.device, like.dtype)


def _array(probability: Any) -> np.ndarray | float:
    return probability if isinstance(probability, float) else probability.detach().cpu().numpy()


def _rand(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    return result.copy_(_as(numbers, result))


def _uniform_(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    low, high = _stated(args[1:], (0.0, 1.0))
    return result.copy_(_as(numbers * (high - low) + low, result))


def _bernoulli(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    """bernoulli(probabilities), bernoulli(like, p), bernoulli_(self, p or probabilities)."""
    stated = next((value for value in args[1:] if not _is_generator(value)), given.get("p"))
    in_place = operation.overloadpacket.__name__ == "bernoulli_"
    probability = args[0] if stated is None and not in_place else 0.5 if stated is None else stated
    return result.copy_(_as(keeps(numbers, _array(probability)), result))


def _stated(args: Sequence, defaults: tuple[float, float]) -> tuple[Any, Any]:
    """Return two parameters of a distribution, numbers or tensors."""
    first, second = defaults
    given = [value for value in args if not _is_generator(value)]
    return (given[0] if given else first), (given[1] if len(given) > 1 else second)


def _is_generator(value: object) -> bool:
    import torch

    return isinstance(value, torch.Generator)


def _normal(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    """normal(mean, std, ...) with numbers or tensors, normal_(self, mean, std)."""
    in_place = operation.overloadpacket.__name__ == "normal_"
    mean, deviation = _stated(args[1 if in_place else 0 :], (0.0, 1.0))
    return result.copy_(_as(numbers, result) * deviation + mean)


def _randint(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    """randint(high, size), randint(low, high, size) and those like a tensor."""
    bounds = [value for value in args if isinstance(value, int)]
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
    return result.copy_(_as(np.floor(numbers * (high - low) + low), result))


def _randperm(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    return result.copy_(_as(np.argsort(numbers, kind="stable"), result))


def _native_dropout(operation: Any, args: Sequence, given: Mapping, result: Any, numbers: np.ndarray) -> Any:
    """(values, mask) of a dropout that a GPU does in one operation."""
    values, rate = args[:2]
    mask = _as(keeps(numbers, 1 - rate), result[1])
    return values * mask / (1 - rate), mask


_UNIFORM: dict[str, Callable] = {
    "rand": _rand,
    "rand_like": _rand,
    "uniform_": _uniform_,
    "bernoulli": _bernoulli,
    "bernoulli_": _bernoulli,
    "randint": _randint,
    "randint_like": _randint,
    "randperm": _randperm,
    "native_dropout": _native_dropout,
}
_NORMAL: dict[str, Callable] = {"randn": _rand, "randn_like": _rand, "normal": _normal, "normal_": _normal}
_REPLACED = _UNIFORM | _NORMAL
_NEW = ("rand", "randn", "normal")
"""Those that make a tensor of torch's default type."""
_BASES: dict[str, Base] = {name: "uniform" if name in _UNIFORM else "normal" for name in _REPLACED}
