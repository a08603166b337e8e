"""Worker task of the second look: how far rounding moves what a side computes in a training step.

Batch normalisation of few rows, layer behind layer, enlarges rounding by many orders, until float32 is nothing else. So
a side is compared with itself in float64, from weights that are off by a few units of rounding, and with operations
that round at random: sums in another order do no more. Moved weights alone move rows alike, which batch normalisation
takes away again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twotrack.shared.precision.rounding import Rounding
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify import evidence
from twotrack.shared.verify.enlarged import Enlarged, allowance
from twotrack.shared.verify.following import observed, off_by_rounding
from twotrack.shared.verify.keeping import value_difference
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.rungs.gradients import gradient_scales
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import Trace
from twotrack.shared.weights.made import MadeWeights
from twotrack.shared.workers.task import Report, task

DRAWS = 4
"""Of moved weights."""


@dataclass
class _Seen:
    """What a side computes from some weights."""

    outputs: list[np.ndarray]
    layers: list[LayerTrace] = field(default_factory=list)
    loss: float = 0.0
    gradients: dict[str, np.ndarray] = field(default_factory=dict)


@task
def enlarge(request: SideRequest, report: Report) -> Path:
    """Compute from weights that are moved by rounding; return the folder of an Enlarged."""
    side, found = observed(request, report), Enlarged()
    side.describe()
    own = _seen(side)
    for draw in range(DRAWS):
        with side.probe.rounded(Rounding("float64", draw)):
            _note(found, own, _seen(side, np.random.default_rng(draw)))
    return evidence.save(found, request.folder)


def _seen(side: ObservedSide, generator: np.random.Generator | None = None) -> _Seen:
    """Compute a training step's values, from weights that are moved if there is a generator for that."""
    inputs, layers = side.exercise.inputs(), list[LayerTrace]()
    _begin(side, generator)
    outputs = side.probe.drawn_pass(inputs, visit=lambda call: layers.append(side.keep_call(call))).outputs
    found = _Seen(outputs, layers)
    if not (side.has_own_loop or side.is_large):
        _begin(side, generator)
        found.loss, gradients = side.probe.loss_and_gradients(
            inputs, side.exercise.targets([one.shape for one in outputs])
        )
        found.gradients = {name: np.array(array) for name, array in gradients.items()}
    return found


def _begin(side: ObservedSide, generator: np.random.Generator | None) -> None:
    """Give the side its weights, and the first step's random numbers."""
    side.reset()
    if generator:
        own = side.start()
        side.load(MadeWeights(side.shapes, lambda name, _: off_by_rounding(own[name], generator)))


def _note(found: Enlarged, own: _Seen, moved: _Seen) -> None:
    """Keep what is larger than before it."""
    found.outputs = max(found.outputs, _moved(own.outputs, moved.outputs))
    found.loss = max(found.loss, _moved([np.array(own.loss)], [np.array(moved.loss)]))
    for layer, other in zip(own.layers, moved.layers, strict=True):
        pairs = zip(layer.outputs, other.outputs, strict=True)
        off = max((value_difference(*pair, layer.digested) for pair in pairs), default=0.0)
        found.layers[layer.path] = max(found.layers.get(layer.path, 0.0), allowance(off))
    scales = gradient_scales(Trace(gradients=own.gradients))
    for name, gradient in own.gradients.items():
        off = relative(gradient, moved.gradients[name], scales[name])
        found.gradients[name] = max(found.gradients.get(name, 0.0), allowance(off))


def _moved(own: Sequence[np.ndarray], moved: Sequence[np.ndarray]) -> float:
    return max((allowance(relative(*pair)) for pair in zip(own, moved, strict=True)), default=0.0)
