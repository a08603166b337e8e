"""Requests of a model's own code for a narrower precision than the proof's: what was asked for, where, by which layer.

In float64 every request for float32, or for less, is answered with float64, so that what is compared is mathematics.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from twotrack.shared.base.code_places import place_in_code
from twotrack.shared.base.records import FrozenRecord

SHARED = Path(__file__).parents[1]
"""Folder of the code that both tracks share, which asks for nobody."""
LADDER = f"{SHARED / 'verify'}/"
"""Folder of the code that lets models run: whoever calls it asks for nothing."""
HALF = {"float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "complex32"}
"""Precisions in which no side is ever run: a model that asks for one of them runs in float32 here at the least."""


class NarrowRequest(FrozenRecord):
    """A line of code that asked for a narrower precision, and was answered with float64."""

    precision: str
    """What it asked for: float32, bfloat16, ..."""
    place: str
    """File and line."""
    rounds: bool = True
    """It would round numbers that are there; False of new numbers, and of whole ones."""
    layers: tuple[str, ...]
    """Canonical paths of the layers whose code was at work, in order; empty for code outside of layers."""

    @property
    def is_half(self) -> bool:
        """It asked for less than float32, which is more than a trained model would notice."""
        return self.precision in HALF


@dataclass
class Requests:
    """Keeps who asks; frameworks' own files ask for nobody."""

    is_frameworks: Callable[[str], bool]
    """Whether a file is the framework's own, by its path."""
    layer_kind: type
    """What every layer is derived from."""
    is_for_itself: Callable[[str], bool] = field(default=lambda file: False)
    """Whether a file of the framework asks for purposes of its own, which nobody reports."""
    _rounding: set[tuple[str, str, int]] = field(default_factory=set)
    _seen: dict[tuple[str, str, int], dict[int, Any]] = field(default_factory=dict)
    """Layers, by id, of each precision, file and line; kept alive, so that no other gets its id."""

    def note(self, precision: str, rounds: Callable[[FrameType], bool]) -> None:
        """Keep what the code that is being run asks for; `rounds` is told the frame of the function that it calls."""
        frames = list(_running())
        own = next((n for n, frame in enumerate(frames) if not self.is_frameworks(frame.f_code.co_filename)), None)
        if own is None or any(self.is_for_itself(frame.f_code.co_filename) for frame in frames[:own]):
            return
        at = frames[own]
        key = precision, at.f_code.co_filename, at.f_lineno
        layers = self._seen.setdefault(key, {})
        if rounds(frames[max(own - 1, 0)]):
            self._rounding.add(key)
        layer = next(filter(None, map(self._layer, frames[own:])), None)
        if layer is not None:
            layers[id(layer)] = layer

    def _layer(self, frame: FrameType) -> Any:
        """Return the layer whose method a frame is; None for another function."""
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        owner = frame.f_locals.get(names[0]) if names else None
        return owner if isinstance(owner, self.layer_kind) else None

    def of(self, paths: Mapping[int, str]) -> list[NarrowRequest]:
        """Return what was asked for; `paths` says by id which layer of the model has which canonical path."""
        return [
            NarrowRequest(
                precision=precision,
                place=place_in_code(file, line),
                rounds=(precision, file, line) in self._rounding,
                layers=tuple(path for own, path in paths.items() if own in layers and path),
            )
            for (precision, file, line), layers in self._seen.items()
        ]


def _running() -> Iterator[FrameType]:
    """Yield the frames of what is being called, without this module's, the innermost first."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename != __file__:
            yield frame
        frame = frame.f_back  # type: ignore[assignment]
