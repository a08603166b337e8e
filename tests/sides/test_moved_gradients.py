"""A Keras side that leads moves its gradients by as much as torch's does, so that rounding is judged alike."""

from pathlib import Path

import numpy as np
import pytest

from tests.sides.moved_tasks import RATE, Asked, stepped
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify import evidence
from twotrack.shared.verify.own_material import Arrays
from twotrack.shared.workers.pool import WorkerPool

SHARE = 1e-3
TRACK = [pytest.param(track, marks=() if track in ("torch", "keras:torch") else pytest.mark.slow) for track in TRACKS]


@pytest.mark.parametrize("track", TRACK)
@pytest.mark.parametrize("draw", [0, 1, 2])
def test_every_gradient_moves_by_a_share_of_the_largest_of_its_layer(
    track: str, draw: int, workers: WorkerPool, tmp_path: Path
) -> None:
    def step(share: float) -> dict[str, np.ndarray]:
        asked = Asked(track, share, draw, tmp_path / f"{share}")
        return evidence.load(Arrays, workers.call(track, stepped, asked)).values

    plain, moved = step(0.0), step(SHARE)
    by = {name: (plain[name] - moved[name]) / RATE for name in plain}
    layers: dict[str, list[str]] = {}
    for name in by:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    for names in layers.values():
        sizes = np.concatenate([np.abs(by[name]).ravel() for name in names])
        np.testing.assert_allclose(sizes, sizes[0], rtol=1e-6)
        assert sizes[0] > 0
    signs = np.concatenate([np.sign(array).ravel() for array in by.values()])
    assert {-1.0, 1.0}.issuperset(signs)
    assert signs.mean() == (1, -1)[draw] if draw < 2 else abs(signs.mean()) < 0.5
