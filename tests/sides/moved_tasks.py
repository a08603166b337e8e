"""Worker task: one step of gradient descent, with and without moved gradients."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.sides import own_pairs
from twotrack import SGD
from twotrack.shared.verify import evidence
from twotrack.shared.verify.material import draw_targets, draw_weights
from twotrack.shared.verify.own_material import Arrays, batch_of, checked_inputs
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

RATE = 0.5


@dataclass(frozen=True)
class Asked:
    """A track, what its gradients are moved by, and a new folder."""

    track: str
    share: float
    draw: int
    folder: Path


@task
def stepped(asked: Asked) -> Path:
    """Return the folder with the weights after one step."""
    pair, track = own_pairs.MIXED, open_track(asked.track, "cpu")
    model = track.build(pair, 0, "float64")
    model.load_weights(draw_weights({name: array.shape for name, array in model.weights().items()}))
    if asked.share:
        track.move_gradients(model, asked.share, asked.draw)
    model.compile(SGD(learning_rate=RATE), [RATE])
    inputs = {name: np.sign(array) for name, array in checked_inputs(own_pairs.batches(), pair, "own").items()}
    model.train_step(batch_of(inputs, 4, 0), draw_targets(pair, [(4, 2)], 0))
    return evidence.save(Arrays(model.weights()), asked.folder)
