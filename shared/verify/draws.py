"""What both sides draw in a training step: each side's own words, and which draw of one is which of the other.

Both sides draw from one source, so that their masks are the same wherever kind, rate, shape and place are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.draws import ConstantDraws, Counterpart, Draw, DrawnPass, SharedDraws
from twotrack.shared.spec.probe import LayerTrace, Probe, Visit, unseen
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.verify.trace import KeepCall, Trace

DROPOUT = "dropout"
"""The rung that looks at draws."""
NO_REPEAT = 1e-12
"""Two runs of one side on the same numbers are equal but for the order of sums; beyond this they are random."""


@with_config(WITH_ARRAYS)
@dataclass
class SideDraws:
    """What one side draws in a forward pass in training mode, and computes with the numbers of the first step.

    Empty where nothing is drawn.
    """

    draws: list[Draw] = field(default_factory=list)
    values: list[np.ndarray | None] = field(default_factory=list)
    """What each draw is applied to, of the first examples, where all draws are one constant; None: not known."""
    trace: Trace = field(default_factory=Trace)
    """Layers and outputs in training mode."""
    apart: float = 0.0
    """How far two passes with the same numbers are apart, relative to the largest output."""
    again: dict[int, str] = field(default_factory=dict)
    """By number of a draw that does not draw anew: which numbers it gets."""
    inference: list[Draw] = field(default_factory=list)
    """What is drawn in inference mode."""

    @property
    def is_random(self) -> bool:
        """It draws what cannot be replaced."""
        return not self.apart <= NO_REPEAT

    def without(self, layers: Collection[str]) -> "SideDraws":
        """Return what is left where these layers, by their paths, draw nothing."""
        kept = [place for place, draw in enumerate(self.draws) if draw.layer not in layers]
        return replace(self, draws=[self.draws[n] for n in kept], values=[self.values[n] for n in kept])


def observe(model: TrackModel, inputs: Mapping[str, np.ndarray], source: SharedDraws, kept: KeepCall) -> SideDraws:
    """Show what a model draws, and what is `kept` of its layers' calls.

    Its state and the source's place stay as they are, the framework's generators move.
    """
    probe = model.probe()
    layers: list[LayerTrace] = []
    first = _pass(probe, inputs, source, visit=lambda call: layers.append(kept(call)))
    second = _pass(probe, inputs, source)
    apart = max(map(_relative, first.outputs, second.outputs), default=0.0)
    inference = _pass(probe, inputs, source, training=False).draws
    if not (first.draws or inference) and apart <= NO_REPEAT:
        return SideDraws()
    model.draw_from(ConstantDraws())
    values = probe.drawn_pass(inputs).values
    model.draw_from(source)
    trace, again = Trace(layers=layers, outputs=first.outputs), _drawn_again(probe, inputs, source)
    return SideDraws(first.draws, values, trace, apart, again, inference)


def _drawn_again(probe: Probe, inputs: Mapping[str, np.ndarray], source: SharedDraws) -> dict[int, str]:
    """Return, by number, the draws of two steps in a row that start from a seed which was drawn from before."""
    mark = source.mark()
    probe.drawn_pass(inputs)
    found = {number: f"the numbers of draw {first + 1} once more" for number, (_, first) in source.repeats.items()}
    source.advance()
    probe.drawn_pass(inputs)
    in_every_step = [number for number in source.repeats if number not in found]
    source.go_back(mark)
    return dict.fromkeys(in_every_step, "the same numbers in every step") | found


def _pass(
    probe: Probe, inputs: Mapping[str, np.ndarray], source: SharedDraws, training: bool = True, visit: Visit = unseen
) -> DrawnPass:
    mark = source.mark()
    try:
        return probe.drawn_pass(inputs, training, visit)
    finally:
        source.go_back(mark)


def _relative(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape:
        return float("inf")
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    largest, difference = np.abs(one).max(initial=0.0), np.abs(one - other).max(initial=0.0)
    return float(difference / largest) if largest else float(difference)


# === Which draw is which ===


class Matched(NamedTuple):
    """A draw of either side that is one and the same."""

    torch: Draw
    keras: Draw
    axes: tuple[int, ...] | None
    """Of Keras' mask, in torch's order; None where it is the same."""


def match(torch: SideDraws, keras: SideDraws) -> list[Matched] | None:
    """Pair the draws one to one, by what they are applied to and then by their order; None if that cannot be."""
    free = list(range(len(torch.draws)))
    found: dict[int, Matched] = {}
    for by_value in (True, False):
        for number in range(len(keras.draws)):
            if number in found:
                continue
            for other in sorted(free, key=lambda other: abs(other - number)):
                candidate = _matched(torch, other, keras, number, by_value)
                if candidate:
                    found[number] = candidate
                    free.remove(other)
                    break
    if free or len(found) < len(keras.draws):
        return None
    return [found[number] for number in range(len(keras.draws))]


def _matched(torch: SideDraws, other: int, keras: SideDraws, number: int, by_value: bool) -> Matched | None:
    """Return the two draws as one, if they can be; `by_value` asks that they are applied to the same."""
    ours, theirs = torch.draws[other], keras.draws[number]
    if (ours.base, ours.size) != (theirs.base, theirs.size):
        return None
    if not by_value:
        return Matched(ours, theirs, _axes_by_shape(theirs.shape, ours.shape))
    axes = _axes_between(keras.values[number], torch.values[other])
    if axes is None:
        return None
    if len(axes) != len(theirs.shape) or tuple(theirs.shape[axis] for axis in axes) != ours.shape:
        return Matched(ours, theirs, None) if axes == tuple(range(len(axes))) else None
    return Matched(ours, theirs, None if axes == tuple(range(len(axes))) else axes)


def _axes_between(keras: np.ndarray | None, torch: np.ndarray | None) -> tuple[int, ...] | None:
    """Return the order of Keras' axes in which its value is torch's; None if there is none."""
    if keras is None or torch is None or keras.ndim != torch.ndim:
        return None
    for rest in permutations(range(1, keras.ndim)):
        axes = (0, *rest)
        moved = keras.transpose(axes)
        if moved.shape == torch.shape and _relative(torch, moved) <= TOLERANCES["training"].limit:
            return axes
    return None


def _axes_by_shape(keras: tuple[int, ...], torch: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return Keras' axes in torch's order, where lengths that are all different leave no doubt; None for the same."""
    if keras == torch or sorted(keras) != sorted(torch) or len(set(keras)) < len(keras):
        return None
    return tuple(keras.index(length) for length in torch)


def alignment(torch: SideDraws, keras: SideDraws, mirrored: bool = False) -> dict[int, Counterpart]:
    """Return which numbers Keras' draws must get to have those of torch's; empty if they have them already."""
    pairs = match(torch, keras) or []
    return {
        keras_draw.number: Counterpart(torch_draw.number, axes, mirrored and _is_raw(torch_draw, keras_draw))
        for torch_draw, keras_draw, axes in pairs
        if torch_draw.number != keras_draw.number or axes or (mirrored and _is_raw(torch_draw, keras_draw))
    }


def _is_raw(torch: Draw, keras: Draw) -> bool:
    """Tell whether a side writes by hand what it does with its numbers: u < 1 - rate keeps as many as u >= rate."""
    return torch.rate is None or keras.rate is None


def agree(torch: SideDraws, keras: SideDraws) -> bool:
    """Tell whether both sides made the same of the same numbers."""
    outputs = torch.trace.outputs, keras.trace.outputs
    if len(outputs[0]) != len(outputs[1]):
        return False
    return max(map(_relative, *outputs), default=0.0) <= TOLERANCES["forward"].limit


# === In words ===


def beyond_control(torch: SideDraws, keras: SideDraws) -> str:
    """Say which side is random although its draws are given; empty if neither is."""
    return "; ".join(
        f"{name} is random beyond control, {_uncontrolled(side)}: two runs of it differ by {side.apart:.1e}"
        for name, side in (("torch", torch), ("Keras", keras))
        if side.is_random
    )


def _uncontrolled(side: SideDraws) -> str:
    names = list(dict.fromkeys(f"{draw.function} {draw.place}" for draw in side.draws if not draw.controlled))
    return f"by {', '.join(names)}" if names else "by a draw that is none of the framework's"


def said_at(path: str, torch: SideDraws, keras: SideDraws) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what torch and Keras say of the draw at a place, as hyperparameters; rate 0 where a side draws nothing."""
    for pair in match(torch, keras) or []:
        if path in (pair.keras.layer, pair.keras.after):
            return _said(pair.torch), _said(pair.keras)
    return _said_alone(path, torch), _said_alone(path, keras)


def _said_alone(path: str, side: SideDraws) -> dict[str, Any]:
    if not side.draws:
        return {"kind": "Dropout", "rate": 0.0}
    return _said(next((draw for draw in side.draws if draw.layer == path), side.draws[0]))


def _said(draw: Draw) -> dict[str, Any]:
    return {"kind": draw.kind} | ({} if draw.rate is None else {"rate": draw.rate})
