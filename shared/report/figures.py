"""Figures as inline SVG whose colours are CSS variables, so that they follow the page's light or dark theme."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from twotrack.shared.experiments.spec import Curves, Heatmaps

matplotlib.use("svg")

# Matplotlib writes these colours, which nothing else uses, and `themed` puts the variables in their place.
INK, LINE, GOOD, BAD = "#010101", "#020202", "#070707", "#080808"
THEME = {INK: "var(--ink)", LINE: "var(--line)", GOOD: "var(--good)", BAD: "var(--bad)"}
TRACK_COLOURS = {
    "torch": ("#030303", "var(--torch)"),
    "keras:tensorflow": ("#040404", "var(--keras-tensorflow)"),
    "keras:jax": ("#050505", "var(--keras-jax)"),
    "keras:torch": ("#060606", "var(--keras-torch)"),
}
LINE_STYLES = {"torch": "-", "keras:tensorflow": "--", "keras:jax": "-.", "keras:torch": ":"}
LINE_WORDS = {"-": "solid", "--": "dashed", "-.": "dash-dotted", ":": "dotted"}
MARKERS = {"torch": "o", "keras:tensorflow": "s", "keras:jax": "^", "keras:torch": "D"}
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "twotrack",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


LINE_COLOURS = ("#4c8dd6", "#e07b39", "#3aa66b", "#b565c9", "#c29a1c", "#d6506b", "#4aa5a5", "#8a8f98")
"""Of an experiment's lines; middle tones, which a light and a dark page both carry."""


def curves(curves_by_track: Mapping[str, Curves]) -> str:
    """Draw an experiment's lines, one colour per label and one line style per track, as unthemed SVG."""
    first = next(iter(curves_by_track.values()))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        axes = figure.subplots()
        for track, track_curves in curves_by_track.items():
            for colour, (label, (x, y)) in zip(cycle(LINE_COLOURS), track_curves.lines.items(), strict=False):
                shown = label if track_curves is first else None
                axes.plot(x, y, LINE_STYLES[track], color=colour, label=shown, linewidth=1.8)
        scales = {"xscale": first.log_x, "yscale": first.log_y}
        axes.set(xlabel=first.x_label, ylabel=first.y_label)
        axes.set(**{axis: "log" if log else "linear" for axis, log in scales.items()})
        axes.grid(alpha=0.5)
        if len(curves_by_track) > 1:
            for track in curves_by_track:
                label = f"{track}: {LINE_WORDS[LINE_STYLES[track]]}"
                axes.plot([], [], LINE_STYLES[track], color=INK, label=label, linewidth=1.8)
        figure.legend(loc="outside right upper", frameon=False)
        return svg_of(figure)


SHARES = LinearSegmentedColormap.from_list("shares", [to_rgba("#2f8fd0", 0.0), to_rgba("#2f8fd0", 1.0)])
"""From nothing to a middle blue, so that 0 is the page itself, light or dark."""


def heatmaps(picture: Heatmaps) -> str:
    """Draw every matrix, all on one scale, as unthemed SVG."""
    matrices = {label: np.array(rows) for label, rows in picture.maps.items()}
    lines, most = -(-len(matrices) // picture.columns), max(values.max() for values in matrices.values())
    framed: dict[RcKeyType, Any] = {"axes.spines.top": True, "axes.spines.right": True}
    with matplotlib.rc_context(STYLE | framed):
        figure = Figure(figsize=(1.6 * picture.columns + 0.9, 1.75 * lines + 0.4), layout="constrained")
        panels = figure.subplots(lines, picture.columns, squeeze=False, sharex=True, sharey=True)
        for panel, (label, values) in zip(panels.flat, matrices.items(), strict=False):
            height, width = values.shape
            shown = panel.imshow(values, SHARES, vmin=0, vmax=most, interpolation="none",
                                 extent=(0.5, width + 0.5, height + 0.5, 0.5))  # fmt: skip
            panel.set_title(label, fontsize="medium")
            panel.set(xticks=(1, width), yticks=(1, height))
        figure.supxlabel(picture.x_label, fontsize="medium")
        figure.supylabel(picture.y_label, fontsize="medium")
        steps = figure.colorbar(shown, ax=panels, label="share", aspect=30).solids
        if steps is not None:
            steps.set(rasterized=True, edgecolor="face")
        return svg_of(figure)


def in_words(picture: Heatmaps) -> str:
    """Return the largest share of every matrix and where it is, for those who do not see it."""
    matrices = {label: np.array(rows) for label, rows in picture.maps.items()}
    places = {label: np.unravel_index(values.argmax(), values.shape) for label, values in matrices.items()}
    return "; ".join(
        f"{label}: at most {matrices[label][row, column]:.2f}, "
        f"{picture.y_label} {row + 1}, {picture.x_label} {column + 1}"
        for label, (row, column) in places.items()
    )


@dataclass(frozen=True)
class Drawing:
    """A figure of the page."""

    title: str
    words: str
    """What it shows, for those who do not see it."""
    svg: str

    @classmethod
    def of(cls, title: str, words: str, figure: Figure) -> "Drawing":
        """Draw a figure in the page's colours, with its title and words inside."""
        opening, inside = themed(svg_of(figure)).split(">", 1)
        named = f"<title>{escape(title)}</title><desc>{escape(words)}</desc>"
        return cls(title, words, f'{opening} role="img">{named}{inside}')


def svg_of(figure: Figure) -> str:
    """Return a figure as an SVG element, without names that a page of several figures would have twice."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)


def themed(svg: str) -> str:
    """Let a figure take the width and the colours of the page around it."""
    for colour, variable in (*THEME.items(), *TRACK_COLOURS.values()):
        svg = svg.replace(colour, variable)
    without_height = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 width="100%"', without_height, count=1)


def standalone(svg: str) -> str:
    """Give a figure colours that can be read on white and on black, for a file of its own."""
    for colour in THEME:
        svg = svg.replace(colour, "#808890")
    return svg
