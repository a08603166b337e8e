"""Loops over time on JAX, where a model runs layer by layer and is not compiled."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from twotrack.keras_track.primitives import replaced

STEPS = 24
"""Up to which a loop takes less time step by step than JAX takes to compile it."""


@contextmanager
def stepwise() -> Iterator[None]:
    """Let JAX do the steps of short loops one by one: it would compile them anew in every call of a layer."""
    with ExitStack() as stack:
        if keras.backend.backend() == "jax":
            import jax

            replaced(stack, jax.lax, "scan", _stepping(jax))
        yield


def _stepping(jax: Any) -> Any:
    original = jax.lax.scan

    def scan(f: Any, init: Any, xs: Any = None, *args: Any, **kwargs: Any) -> Any:
        steps = jax.tree.leaves(xs)
        is_short = bool(steps) and len(steps[0]) <= STEPS
        with jax.disable_jit(is_short or jax.config.jax_disable_jit):
            return original(f, init, xs, *args, **kwargs)

    return scan
