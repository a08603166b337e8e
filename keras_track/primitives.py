"""What Keras' backends draw random numbers with, at their lowest level, and how it is given other numbers.

Keras' own functions and a user's calls of TensorFlow or JAX end in these. A compiled training step asks for its numbers
anew each time that it runs, by a call from inside the compiled function to Python.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from twotrack.shared.spec import aten
from twotrack.shared.spec.draws import Base

Numbers = Callable[[tuple[int, ...], bytes], np.ndarray]
"""Returns float64 numbers of a shape, given the state of the framework's generator."""


@dataclass(frozen=True)
class Request:
    """A random operation that the backend is about to do, or to compile."""

    operation: str
    base: Base | None
    """What its numbers are made of; None where they cannot be replaced."""
    shape: tuple[int, ...] | None
    """None where it is not known before the compiled function runs."""


Answer = Callable[[Request], Numbers | None]
"""Hears of a request; returns what makes its numbers, or None to leave the backend its own."""


@contextmanager
def answered(answer: Answer) -> Iterator[None]:
    """Ask `answer` for every random operation of the backend; what is compiled meanwhile asks for good."""
    with ExitStack() as stack:
        {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()](answer, stack)
        yield


def replaced(stack: ExitStack, module: Any, name: str, value: object) -> None:
    """Give an attribute another value until the stack is closed."""
    stack.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, value)


# === PyTorch ===


def _torch(answer: Answer, stack: ExitStack) -> None:
    def deliver(request: aten.Request) -> np.ndarray | None:
        numbers = answer(Request(request.operation, request.base, request.shape))
        return None if numbers is None else numbers(request.shape, request.state)

    stack.enter_context(aten.delivered(deliver))


# === TensorFlow ===

_GENERATED = ("gen_stateless_random_ops_v2", "gen_stateless_random_ops", "gen_random_ops", "gen_stateful_random_ops")
_NO_DRAWS = (
    "get_alg", "get_key_counter", "full_int", "rng_", "_grad", "non_deterministic", "eager_fallback", "index_shuffle",
)  # fmt: skip
"""Parts of names of generated functions that draw nothing, or the seeds of further generators only."""


def _tensorflow(answer: Answer, stack: ExitStack) -> None:
    for module_name in _GENERATED:
        module = importlib.import_module(f"tensorflow.python.ops.{module_name}")
        for name in _drawing(module):
            original = getattr(module, name)
            replacement = _TENSORFLOW.get(name, _left_alone)
            replaced(stack, module, name, partial(replacement, answer, name, original))


def _drawing(module: Any) -> list[str]:
    words = ("random", "normal", "uniform", "multinomial", "shuffle")
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and name.islower() and not name.startswith("_") and any(word in name for word in words)
        if not any(part in name for part in _NO_DRAWS)
    ]


def _left_alone(answer: Answer, name: str, original: Callable, *args: Any, **kwargs: Any) -> Any:
    result = original(*args, **kwargs)
    shape = getattr(result, "shape", None)
    answer(Request(name, None, tuple(shape) if shape is not None and None not in tuple(shape) else None))
    return result


def _tensorflow_numbers(
    answer: Answer, name: str, base: Base, shape: Any, dtype: Any, state: Sequence[Any]
) -> Any | None:
    """Return a tensor of numbers that is made anew whenever the graph runs; None if the backend keeps its own."""
    import tensorflow
    from tensorflow.python.framework import tensor_util

    shape = tensorflow.convert_to_tensor(shape, tensorflow.int32)
    static = tensor_util.constant_value_as_shape(shape)
    numbers = answer(Request(name, base, tuple(static) if static.is_fully_defined() else None))
    if numbers is None:
        return None
    kind = tensorflow.as_dtype(dtype)

    def make(shape: np.ndarray, *state: np.ndarray) -> np.ndarray:
        return numbers(tuple(map(int, shape)), b"".join(part.tobytes() for part in state)).astype(kind.as_numpy_dtype)

    made = tensorflow.numpy_function(make, [shape, *state], kind)
    made.set_shape(static)
    return made


def _stateless(base: Base, answer: Answer, name: str, original: Callable, *args: Any, **kwargs: Any) -> Any:
    """(shape, key, counter, alg, dtype)."""
    given = dict(zip(("shape", "key", "counter", "alg", "dtype"), args, strict=False)) | kwargs
    state = (given["key"], given["counter"])
    made = _tensorflow_numbers(answer, name, base, given["shape"], given.get("dtype", "float32"), state)
    return original(*args, **kwargs) if made is None else made


def _stateful(base: Base, answer: Answer, name: str, original: Callable, *args: Any, **kwargs: Any) -> Any:
    """(shape, dtype): its generator is TensorFlow's own, and moves on with every call."""
    given = dict(zip(("shape", "dtype"), args, strict=False)) | kwargs
    made = _tensorflow_numbers(answer, name, base, given["shape"], given["dtype"], ())
    return original(*args, **kwargs) if made is None else made


def _integers(order: Sequence[str], answer: Answer, name: str, original: Callable, *args: Any, **kwargs: Any) -> Any:
    """Uniform integers from minval up to, but without, maxval."""
    import tensorflow

    given = dict(zip(order, args, strict=False)) | kwargs
    state = tuple(given[part] for part in ("key", "counter") if part in given)
    made = _tensorflow_numbers(answer, name, "uniform", given["shape"], "float64", state)
    if made is None:
        return original(*args, **kwargs)
    low, high = (tensorflow.convert_to_tensor(given[bound]) for bound in ("minval", "maxval"))
    width = tensorflow.cast(high - low, "float64")
    return low + tensorflow.cast(tensorflow.floor(made * width), low.dtype)


_TENSORFLOW: dict[str, Callable] = {
    "stateless_random_uniform_v2": partial(_stateless, "uniform"),
    "stateless_random_normal_v2": partial(_stateless, "normal"),
    "stateless_random_uniform_int_v2": partial(_integers, ("shape", "key", "counter", "alg", "minval", "maxval")),
    "random_uniform": partial(_stateful, "uniform"),
    "random_standard_normal": partial(_stateful, "normal"),
    "random_uniform_int": partial(_integers, ("shape", "minval", "maxval")),
}


# === JAX ===

_KEYS = {
    "PRNGKey", "clone", "fold_in", "key", "key_data", "key_dtype", "key_impl", "split", "wrap_key_data",
}  # fmt: skip
"""Functions of jax.random that draw nothing but keys."""


def _jax(answer: Answer, stack: ExitStack) -> None:
    from jax import random

    for name, original in list(vars(random).items()):
        if callable(original) and not name.startswith("_") and name not in _KEYS:
            replacement = _JAX.get(name, _left_alone)
            replaced(stack, random, name, partial(replacement, answer, name, original))


def _jax_numbers(answer: Answer, name: str, base: Base, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """Return an array of numbers that is made anew whenever the compiled function runs; None for the backend's own."""
    import jax
    from jax.experimental import io_callback

    numbers = answer(Request(name, base, tuple(shape)))
    if numbers is None:
        return None
    kind = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    bits = jax.random.key_data(key) if jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) else key

    def make(state: Any) -> np.ndarray:
        return numbers(tuple(shape), np.asarray(state).tobytes()).astype(kind)

    if not isinstance(bits, jax.core.Tracer):  # at once: among several devices a callback's array would lie on one
        return jax.numpy.asarray(make(bits))
    return io_callback(make, jax.ShapeDtypeStruct(tuple(shape), kind), bits)


def _jax_uniform(
    answer: Answer,
    name: str,
    original: Callable,
    key: Any,
    shape: Sequence[int] = (),
    dtype: Any = None,
    minval: Any = 0.0,
    maxval: Any = 1.0,
    **options: Any,
) -> Any:
    made = _jax_numbers(answer, name, "uniform", key, shape, dtype)
    return original(key, shape, dtype, minval, maxval, **options) if made is None else made * (maxval - minval) + minval


def _jax_normal(
    answer: Answer,
    name: str,
    original: Callable,
    key: Any,
    shape: Sequence[int] = (),
    dtype: Any = None,
    **options: Any,
) -> Any:
    made = _jax_numbers(answer, name, "normal", key, shape, dtype)
    return original(key, shape, dtype, **options) if made is None else made


def _jax_bernoulli(
    answer: Answer,
    name: str,
    original: Callable,
    key: Any,
    p: Any = 0.5,
    shape: Sequence[int] | None = None,
    **options: Any,
) -> Any:
    made = _jax_numbers(answer, name, "uniform", key, np.shape(p) if shape is None else shape)
    return original(key, p, shape, **options) if made is None else made >= 1 - p


def _jax_integers(
    answer: Answer,
    name: str,
    original: Callable,
    key: Any,
    shape: Sequence[int],
    minval: Any,
    maxval: Any,
    dtype: Any = None,
    **options: Any,
) -> Any:
    import jax

    made = _jax_numbers(answer, name, "uniform", key, shape)
    if made is None:
        return original(key, shape, minval, maxval, dtype, **options)
    kind = jax.dtypes.canonicalize_dtype(int if dtype is None else dtype)
    return (minval + jax.numpy.floor(made * (maxval - minval))).astype(kind)


_JAX: dict[str, Callable] = {
    "uniform": _jax_uniform,
    "normal": _jax_normal,
    "bernoulli": _jax_bernoulli,
    "randint": _jax_integers,
}
