"""Pictures of where in a tensor two sides differ."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twotrack.shared.report.figures import SHARES, STYLE, Drawing
from twotrack.shared.report.plots import WIDTH
from twotrack.shared.verify.diagnosis.picture import Picture

STRIP = 0.9
"""Inches that a strip takes, with its labels."""
TALLEST = 4.0
LABELS = {"places": ("row", "column"), "steps": ("step", "feature"), "vector": ("", "feature")}


def drawn(picture: Picture, track: str) -> Drawing:
    """Draw the absolute difference: a map of places or steps, and a strip of channels or of a vector."""
    rows, channels = np.array(picture.rows), np.array(picture.channels)
    tall = STRIP if len(rows) == 1 else min(TALLEST, max(1.2, WIDTH * len(rows) / max(8, rows.shape[1])))
    heights = [tall if len(rows) > 1 else tall + 0.5, *([STRIP] if len(channels) else [])]
    with matplotlib.rc_context({**STYLE, "axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.3), layout="constrained")
        panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        y, x = LABELS[picture.form]
        _show(panels[0], rows, picture.largest, (picture.shape or (1,))[-3:][: 2 if len(channels) else None], x, y)
        if len(channels):
            _show(panels[1], channels[None], picture.largest, picture.shape[-1:], "channel", "")
        steps = figure.colorbar(
            panels[0].images[0],
            ax=list(panels),
            label="absolute difference",
            aspect=25,
            location="right" if len(channels) or len(rows) > 1 else "bottom",
        ).solids
        if steps is not None:
            steps.set(rasterized=True, edgecolor="face")
        told = f"{picture.where[0].upper()}{picture.where[1:]}: {picture.words}"
        words = f"{told}. The largest difference is {picture.largest:.1e}, over the batch."
        return Drawing.of(f"{track}: absolute difference in {picture.where}", words, figure)


def _show(panel: Axes, values: np.ndarray, largest: float, sizes: tuple[int, ...], x: str, y: str) -> None:
    """Draw one map, its axes counted from 0 in the tensor's own places, however many are drawn as one."""
    height, width = (sizes if len(sizes) > 1 else (1, sizes[0]))[-2:]
    panel.imshow(values, SHARES, vmin=0, vmax=largest or 1.0, interpolation="none", aspect="auto",
                 extent=(-0.5, width - 0.5, height - 0.5, -0.5))  # fmt: skip
    panel.set(xlabel=x, ylabel=y, xticks=sorted({0, width // 2, width - 1}))
    panel.set_yticks(sorted({0, height - 1}) if height > 1 else [])
