"""Worker task: a weight drawn by the line that a cause names for a law."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twotrack.shared.spec.plain import spec
from twotrack.shared.verify.start_lines import keras_line, torch_line
from twotrack.shared.workers.task import task

SHAPE = (40, 160)
"""(inputs, outputs); fans differ, and four blocks of the outputs are square."""


@dataclass(frozen=True)
class Asked:
    track: str
    law: dict[str, Any]


@task
def drawn_by_line(asked: Asked) -> list[list[float]]:
    """Run the line, which says `w` in torch and the initializer in Keras; return the canonical weight."""
    return (_torch if asked.track == "torch" else _keras)(spec(asked.law)).tolist()


def _torch(law: Any) -> np.ndarray:
    import torch
    from torch import nn

    torch.manual_seed(5)
    w = nn.Parameter(torch.empty(SHAPE[::-1], dtype=torch.float64))
    line, names = torch_line(law, "w"), {"nn": nn, "w": w, "fan_in": SHAPE[0], "fan_out": SHAPE[1]}
    before, _, after = line.partition(", s = ")
    if after:
        names["s"] = eval(after, names)
    exec(before, names)
    return w.detach().numpy().T


def _keras(law: Any) -> np.ndarray:
    import keras

    import twotrack.keras_track.initialisers as own
    from twotrack.keras_track.recording import as_array
    from twotrack.shared.spec.initialisers import Blocks, OrthogonalStart

    names = {"keras": keras, "Blocks": Blocks, "OrthogonalStart": OrthogonalStart}
    line = keras_line(law).replace("twotrack.keras_track.initialisers", "own")
    made = keras.initializers.get(eval(line, names | {"own": own}))
    keras.utils.set_random_seed(5)
    return as_array(made(SHAPE, dtype="float32")).astype(float)
