"""Worker tasks that draw weights by every law, as each framework does."""

from typing import Any

import numpy as np

from twotrack.shared.spec.initialisers import INITIALISERS, Blocks, OrthogonalStart
from twotrack.shared.workers.task import task

SHAPES = ((300, 200), (3, 3, 64, 80))
"""Of a dense kernel and one of a convolution, canonical: fan in and fan out differ."""
GATES = {"orthogonal gates": OrthogonalStart(1.5, 4), "forget gate": Blocks((0.0, 1.0, 0.0, 0.0))}
OF_GATES = (50, 200)
Drawn = dict[str, list[float]]
KEPT = 40_000


@task
def torch(_: int) -> Drawn:
    """Return the numbers of each weight, by law and shape."""
    import torch as framework

    from twotrack.torch_track.initialisers import fill

    generator = framework.Generator().manual_seed(3)

    def drawn(spec: Any, shape: tuple[int, ...]) -> np.ndarray:
        weight = framework.empty(shape[-1], shape[-2], *shape[:-2], dtype=framework.float64)
        return np.moveaxis(fill(spec, weight, generator).numpy(), (0, 1), (-1, -2))

    return _all(drawn)


@task
def keras(_: int) -> Drawn:
    """Do the same."""
    from twotrack.keras_track.initialisers import build
    from twotrack.keras_track.recording import as_array

    return _all(lambda spec, shape: as_array(build(spec, seed=3)(shape, dtype="float32")))


def _all(draw: Any) -> Drawn:
    found = {}
    for name, spec in INITIALISERS.items():
        for shape in SHAPES:
            weight = np.asarray(draw(spec, shape), float)
            assert weight.shape == shape
            found[key(name, shape)] = kept(weight) if name != "orthogonal" else product(weight)
    return found | {name: draw(spec, OF_GATES).reshape(-1).tolist() for name, spec in GATES.items()}


def key(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} {len(shape)}"


def kept(weight: np.ndarray) -> list[float]:
    return weight.reshape(-1)[:KEPT].tolist()


def product(weight: np.ndarray) -> list[float]:
    """Return the largest distance of K'K or KK' from 1, then numbers of the weight."""
    matrix = weight.reshape(-1, weight.shape[-1])
    square = matrix.T @ matrix if len(matrix) >= matrix.shape[1] else matrix @ matrix.T
    return [float(np.abs(square - np.eye(len(square))).max()), *kept(weight)]
