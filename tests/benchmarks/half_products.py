"""Whether products of matrices in bfloat16 are rounded or cut off: python -m tests.benchmarks.half_products

TensorFlow takes oneDNN's kernel, or Eigen's where oneDNN has none: on a processor without AVX-512, or when it is
switched off, as the second line does.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

HALF = ml_dtypes.bfloat16
KINDS = {"tensorflow": {}, "tensorflow without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"}, "jax": {}, "torch": {}}
"""With what each is started."""


def _tensorflow() -> Callable[[np.ndarray, np.ndarray], Any]:
    import tensorflow

    return lambda left, right: tensorflow.matmul(left, right).numpy()


def _jax() -> Callable[[np.ndarray, np.ndarray], Any]:
    import jax

    return lambda left, right: np.asarray(jax.numpy.matmul(left, right))


def _torch() -> Callable[[np.ndarray, np.ndarray], Any]:
    import torch

    def half(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32)).bfloat16()

    return lambda left, right: (half(left) @ half(right)).float().numpy()


def measure(framework: str) -> None:
    """Print a line for a product (64, 64) by (64, 32) of normal numbers, seed 0, beside the exact one."""
    random = np.random.default_rng(0)
    left, right = random.normal(size=(64, 64)).astype(HALF), random.normal(size=(64, 32)).astype(HALF)
    exact = left.astype(np.float64) @ right.astype(np.float64)
    product = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[framework]()
    found = np.asarray(product(left, right)).astype(np.float64)
    rounded = float(np.mean(found == exact.astype(np.float32).astype(HALF).astype(np.float64)))
    towards_zero = float(np.mean(np.abs(found) < np.abs(exact)))
    print(f"{rounded:.0%} are the nearest number, {towards_zero:.0%} nearer to zero than the exact one", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        for kind, settings in KINDS.items():
            print(f"{kind}: ", end="", flush=True)
            command = [sys.executable, "-m", "tests.benchmarks.half_products", kind.split()[0]]
            subprocess.run(command, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | settings, check=True)
