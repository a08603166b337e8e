"""Figures as inline SVG whose colours are CSS variables, so that they follow the page's light or dark theme."""

import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.harness.run_folder import Run
from shared.report.tables import tracks_of

matplotlib.use("svg")

# Matplotlib writes these colours, which nothing else uses, and `_to_svg` puts the variables in their place.
THEME = {"#010101": "var(--ink)", "#020202": "var(--line)"}
TRACK_COLOURS = {
    "torch": ("#030303", "var(--torch)"),
    "keras:tensorflow": ("#040404", "var(--keras-tensorflow)"),
    "keras:jax": ("#050505", "var(--keras-jax)"),
    "keras:torch": ("#060606", "var(--keras-torch)"),
}
LINE_STYLES = {"torch": "-", "keras:tensorflow": "--", "keras:jax": "-.", "keras:torch": ":"}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "twotrack",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": "#010101",
    "axes.labelcolor": "#010101",
    "axes.edgecolor": "#020202",
    "xtick.color": "#010101",
    "ytick.color": "#010101",
    "grid.color": "#020202",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def learning_curves(runs: Sequence[Run]) -> str:
    """Draw the training loss by step and, beyond one epoch, the validation metric by epoch; tracks overlaid."""
    epochs = len(runs[0].record.epochs)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        panels = figure.subplots(1, 2 if epochs > 1 else 1, squeeze=False)[0]
        _draw_losses(panels[0], runs)
        if epochs > 1:
            _draw_validation(panels[1], runs)
        for panel in panels:
            panel.grid(alpha=0.5)
        panels[0].legend(frameon=False)
        return _to_svg(figure)


def _draw_losses(axes: Axes, runs: Sequence[Run]) -> None:
    for track, mine in tracks_of(runs).items():
        for number, run in enumerate(mine):
            steps, losses = _smooth(np.array(run.history["loss"]))
            label = track if number == 0 else None
            axes.plot(steps, losses, LINE_STYLES[track], color=TRACK_COLOURS[track][0], label=label, linewidth=1.8)
    axes.set(yscale="log", xlabel="training step", ylabel="training loss (nats)")


def _smooth(losses: np.ndarray, points: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle steps and mean losses of consecutive windows, so that the curve can be read."""
    window = max(1, len(losses) // points)
    count = len(losses) // window
    means = losses[: count * window].reshape(count, window).mean(axis=1)
    return (np.arange(count) + 0.5) * window, means


def _draw_validation(axes: Axes, runs: Sequence[Run]) -> None:
    for track, mine in tracks_of(runs).items():
        for run in mine:
            epochs = [epoch.epoch for epoch in run.record.epochs]
            values = [epoch.validation_metric for epoch in run.record.epochs]
            axes.plot(epochs, values, LINE_STYLES[track], color=TRACK_COLOURS[track][0], marker="o", markersize=4)
    axes.set(xlabel="epoch", ylabel="validation accuracy", xticks=range(1, len(runs[0].record.epochs) + 1))


def _to_svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in (*THEME.items(), *TRACK_COLOURS.values()):
        svg = svg.replace(colour, variable)
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"',
        r'\1 width="100%"',
        re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1),
        count=1,
    )
