"""Figures as inline SVG whose colours are CSS variables, so that they follow the page's light or dark theme."""

import io
import re
from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from shared.experiments.spec import Curves, Heatmaps
from shared.export.latency import Latency
from shared.harness.run_folder import Run
from shared.metrics import METRICS, probabilities
from shared.metrics import calibration as calibration_bins
from shared.report.tables import metric_of, tracks_of

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
        return themed(_svg(figure))


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
    axes.set(
        xlabel="epoch",
        ylabel=f"validation {METRICS[metric_of(runs)].label}",
        xticks=range(1, len(runs[0].record.epochs) + 1),
    )


def calibration(runs: Sequence[Run]) -> str:
    """Draw the share of the second class against its predicted probability, all seeds of a track together."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#020202", linewidth=1)
        for track, mine in tracks_of(runs).items():
            _, predicted, observed = calibration_bins(
                np.concatenate([probabilities(run.logits)[:, 1] for run in mine]),
                np.concatenate([run.labels for run in mine]),
            )
            colour, style = TRACK_COLOURS[track][0], LINE_STYLES[track]
            axes.plot(predicted, observed, style, color=colour, label=track, marker="o", markersize=4)
        axes.set(xlabel="predicted probability", ylabel="observed share", aspect="equal")
        axes.grid(alpha=0.5)
        axes.legend(frameon=False)
        return themed(_svg(figure))


def latencies(measured: Latency) -> str:
    """Draw the seconds of a call by runtime, a panel per batch size: a dot at the median, a line to the 99th of 100."""
    names = [one.name for one in measured.runtimes]
    by_size = list(zip(*(one.calls for one in measured.runtimes), strict=True))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 0.8 + 0.4 * len(names)), layout="constrained")
        panels = figure.subplots(1, len(by_size), squeeze=False, sharey=True)[0]
        for panel, calls in zip(panels, by_size, strict=True):
            p50, p99 = ([1e3 * getattr(one, what) for one in calls] for what in ("p50", "p99"))
            panel.hlines(names, p50, p99, color=LINE_COLOURS[0], linewidth=2)
            panel.plot(p50, names, "o", color=LINE_COLOURS[0])
            panel.plot(p99, names, "|", color=LINE_COLOURS[0], markersize=10)
            panel.set(xscale="log", xlabel="ms per call", title=f"batch of {calls[0].batch_size}")
            panel.grid(alpha=0.5, axis="x")
        panels[0].invert_yaxis()
        return themed(_svg(figure))


LINE_COLOURS = ("#4c8dd6", "#e07b39", "#3aa66b", "#b565c9", "#c29a1c", "#d6506b", "#4aa5a5", "#8a8f98")
"""Of an experiment's lines; middle tones, which a light and a dark page both carry."""


def curves(of_tracks: Mapping[str, Curves]) -> str:
    """Draw an experiment's lines, one colour per label and one line style per track, as unthemed SVG."""
    first = next(iter(of_tracks.values()))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        axes = figure.subplots()
        for track, drawn in of_tracks.items():
            for colour, (label, (x, y)) in zip(cycle(LINE_COLOURS), drawn.lines.items(), strict=False):
                shown = label if drawn is first else None
                axes.plot(x, y, LINE_STYLES[track], color=colour, label=shown, linewidth=1.8)
        scales = {"xscale": first.log_x, "yscale": first.log_y}
        axes.set(xlabel=first.x_label, ylabel=first.y_label)
        axes.set(**{axis: "log" if log else "linear" for axis, log in scales.items()})
        axes.grid(alpha=0.5)
        figure.legend(loc="outside right upper", frameon=False)
        return _svg(figure)


SHARES = LinearSegmentedColormap.from_list("shares", [to_rgba("#2f8fd0", 0.0), to_rgba("#2f8fd0", 1.0)])
"""From nothing to a middle blue, so that 0 is the page itself, light or dark."""


def heatmaps(drawn: Heatmaps) -> str:
    """Draw every matrix, all on one scale, as unthemed SVG."""
    matrices = {label: np.array(rows) for label, rows in drawn.maps.items()}
    lines, most = -(-len(matrices) // drawn.columns), max(values.max() for values in matrices.values())
    with matplotlib.rc_context(STYLE | {"axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(1.6 * drawn.columns + 0.9, 1.75 * lines + 0.4), layout="constrained")
        panels = figure.subplots(lines, drawn.columns, squeeze=False, sharex=True, sharey=True)
        for panel, (label, values) in zip(panels.flat, matrices.items(), strict=False):
            height, width = values.shape
            shown = panel.imshow(values, SHARES, vmin=0, vmax=most, interpolation="none",
                                 extent=(0.5, width + 0.5, height + 0.5, 0.5))  # fmt: skip
            panel.set_title(label, fontsize="medium")
            panel.set(xticks=(1, width), yticks=(1, height))
        figure.supxlabel(drawn.x_label, fontsize="medium")
        figure.supylabel(drawn.y_label, fontsize="medium")
        figure.colorbar(shown, ax=panels, label="share", aspect=30).solids.set(rasterized=True, edgecolor="face")
        return _svg(figure)


def in_words(drawn: Heatmaps) -> str:
    """Return the largest share of every matrix and where it is, for those who do not see it."""
    matrices = {label: np.array(rows) for label, rows in drawn.maps.items()}
    places = {label: np.unravel_index(values.argmax(), values.shape) for label, values in matrices.items()}
    return "; ".join(
        f"{label}: at most {matrices[label][place]:.2f}, {drawn.y_label} {place[0] + 1}, {drawn.x_label} {place[1] + 1}"
        for label, place in places.items()
    )


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    return svg[svg.index("<svg") :]


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
