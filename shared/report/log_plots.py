"""Figures of a comparison of logs: both curves, smoothed and as they are, with the place where they part."""

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes

from twotrack.shared.logs.comparing import Compared, Curve
from twotrack.shared.logs.result import MetricResult
from twotrack.shared.report.figures import BAD, LINE_COLOURS, Drawing
from twotrack.shared.report.plots import POINTS, drawing

SIDES = ("first", "second")
COLOURS, STYLES = LINE_COLOURS[:2], ("-", "--")
RANGE = 20.0
"""Largest by smallest value from which on the axis is logarithmic."""


def drawings(compared: Compared) -> list[Drawing]:
    """Draw every metric of the comparison."""
    return [_metric(metric, compared.curves[metric.metric]) for metric in compared.result.metrics]


def _metric(metric: MetricResult, curves: list[Curve]) -> Drawing:
    """Draw one metric: every run pale, as logged, under its means of consecutive points; a line where they part."""
    with drawing(3.7) as (figure, axes):
        seen: set[bool] = set()
        for curve in curves:
            _curve(axes, curve, SIDES[curve.second] if curve.second not in seen else None)
            seen.add(curve.second)
        if metric.first is not None:
            axes.axvline(metric.first, color=BAD, linewidth=1.2, linestyle=":", label="they part")
        if metric.certain is not None and metric.first is not None and metric.certain > metric.first:
            axes.axvspan(metric.first, metric.certain, color=BAD, alpha=0.08, linewidth=0)
        axes.set(xlabel=metric.along, ylabel=metric.metric, yscale="log" if _wide(curves) else "linear")
        if axes.get_yscale() == "log":
            axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
            axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
    return Drawing.of(metric.metric, f"{metric.metric} by {metric.along}: {metric.detail}.", figure)


def _curve(axes: Axes, curve: Curve, label: str | None) -> None:
    colour, style = COLOURS[curve.second], STYLES[curve.second]
    if len(curve.values) > POINTS:
        every = max(len(curve.values) // 2000, 1)
        axes.plot(curve.positions[::every], curve.values[::every], color=colour, linewidth=0.5, alpha=0.25)
    axes.plot(*_means(curve.positions, curve.values), style, color=colour, linewidth=1.8, label=label)


def _means(positions: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of consecutive points, so few that a curve can be read."""
    edges = np.unique(np.linspace(0, len(values), min(len(values), POINTS) + 1).astype(int))
    counts = np.diff(edges)
    return np.add.reduceat(positions, edges[:-1]) / counts, np.add.reduceat(values, edges[:-1]) / counts


def _wide(curves: list[Curve]) -> bool:
    values = np.concatenate([_means(curve.positions, curve.values)[1] for curve in curves])
    values = values[np.isfinite(values)]
    return bool(len(values) and values.min() > 0 and values.max() > RANGE * values.min())
