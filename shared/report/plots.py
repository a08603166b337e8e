"""Figures of a comparison: curves with bands over the seeds, differences against the margin, calibration, costs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.evaluation.metrics import CALIBRATION_BINS, METRICS
from twotrack.shared.export.latency import Calls, Latency
from twotrack.shared.report.figures import (
    BAD,
    GOOD,
    INK,
    LINE,
    LINE_COLOURS,
    LINE_STYLES,
    MARKERS,
    STYLE,
    TRACK_COLOURS,
    Drawing,
)
from twotrack.shared.report.ladder import LadderRecord, Layer
from twotrack.shared.report.tables import Cost, DifferenceRow, calibration_bins, metric_of, spread_text, tracks_of
from twotrack.shared.runs.run_folder import Run

WIDTH = 5.2
"""Inches: the text of a figure as wide as a phone can still be read, and two stand side by side on a wide page."""
MINUS = "\N{MINUS SIGN}"
NARROW = 4.2
"""For figures that stand three in a row."""
POINTS = 150
"""Of a training curve; each is the mean of the steps around it."""
SHAPES = 8
"""Marks along a line, which tell its track beside its colour and its dashes."""

SHOWN_BIN = 10
"""Predictions that a bin of the calibration must have to be drawn; the share of fewer is chance."""
LABELLED_LAYERS = 40
"""More names than this do not fit; then every second layer has one, or every third."""
NOTHING, TOO_MUCH = 1e-18, 1e2
"""Ends of the axis of layer differences, at which 0 and infinity are drawn."""
DECADES = (NOTHING, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1.0)


@contextmanager
def drawing(height: float, width: float = WIDTH) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure, sides in inches, and its only axes, in the page's style."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        axes.grid(alpha=0.5)
        axes.set_axisbelow(True)
        yield figure, axes


def learning_curves(runs: Sequence[Run]) -> list[Drawing]:
    """Draw training loss by step and, beyond one epoch, validation loss and metric by epoch."""
    drawings = [_curve(runs, "training loss (nats)", "training step", _losses, log=True)]
    if any(len(run.record.epochs) > 1 for run in runs):
        label = METRICS[metric_of(runs)].label
        drawings += [
            _curve(runs, f"validation {label}", "epoch", _validation("validation_metric")),
            _curve(runs, "validation loss (nats)", "epoch", _validation("validation_loss")),
        ]
    return drawings


def _losses(runs: Sequence[Run]) -> list[tuple[np.ndarray, np.ndarray]]:
    histories = [np.array(run.history["loss"]) for run in runs]
    steps = max(map(len, histories))
    return [_windows(losses, steps) for losses in histories]


def _windows(losses: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return middles and means of consecutive windows of losses (steps,), of a width that suits a curve of `steps`."""
    window = max(1, min(len(losses), steps // POINTS))
    count = len(losses) // window
    means = losses[: count * window].reshape(count, window).mean(axis=1)
    return (np.arange(count) + 0.5) * window, means


def _validation(what: str) -> Callable[[Sequence[Run]], list[tuple[np.ndarray, np.ndarray]]]:
    def by_epoch(run: Run) -> tuple[np.ndarray, np.ndarray]:
        epochs = run.record.epochs
        return np.array([epoch.epoch for epoch in epochs]), np.array([getattr(epoch, what) for epoch in epochs])

    return lambda runs: list(map(by_epoch, runs))


def _curve(
    runs: Sequence[Run],
    quantity: str,
    along: str,
    points: Callable[[Sequence[Run]], list[tuple[np.ndarray, np.ndarray]]],
    log: bool = False,
) -> Drawing:
    """Draw each track's mean over its seeds, in a band from the lowest to the highest, of those still in training."""
    last = {}
    with drawing(3.7) as (figure, axes):
        for number, (track, track_runs) in enumerate(tracks_of(runs).items()):
            curves = points(track_runs)
            last[track] = [float(y[-1]) for _, y in curves]
            _line(axes, track, max((x for x, _ in curves), key=len), _until_the_last([y for _, y in curves]), number)
        axes.set(xlabel=along, ylabel=quantity, yscale="log" if log else "linear")
        if log:
            axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
            axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        if along == "epoch":
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return Drawing.of(f"{quantity[0].upper()}{quantity[1:]} by {along}", _last_in_words(last), figure)


def _until_the_last(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Return curves (points,) as one masked array (curves, points) that is as long as the longest."""
    lasting = np.ma.masked_all((len(curves), max(map(len, curves))))
    for number, curve in enumerate(curves):
        lasting[number, : len(curve)] = curve
    return lasting


def _line(axes: Axes, track: str, x: np.ndarray, y: np.ndarray, number: int) -> None:
    """Draw the mean of y (seeds, points) in its band, with the track's marks; `number` keeps those of tracks apart."""
    colour, every = TRACK_COLOURS[track][0], max(1, len(x) // SHAPES)
    axes.plot(x, y.mean(axis=0), LINE_STYLES[track], color=colour, label=track, linewidth=1.8, marker=MARKERS[track],
              markersize=5, markevery=(number * every // 4, every))  # fmt: skip
    if len(y) > 1:
        axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=colour, alpha=0.18, linewidth=0)


def curve_difference(runs: Sequence[Run]) -> Drawing | None:
    """Draw the training loss of the first track minus that of each other one; None without a seed in common."""
    (first, first_runs), *others = tracks_of(runs).items()
    common = min(len(run.history["loss"]) for run in runs)  # some may have stopped early
    gaps = {track: gap for track, other in others if (gap := _loss_gap(first_runs, other, common)) is not None}
    if not gaps:
        return None
    steps, last = _windows(np.zeros(common), common)[0], {}
    with drawing(3.7) as (figure, axes):
        axes.axhline(0, color=INK, linewidth=1)
        for number, (track, gap) in enumerate(gaps.items()):
            last[f"{first} {MINUS} {track}"] = gap[:, -1].tolist()
            _line(axes, track, steps, gap, number)
        axes.set(xlabel="training step", ylabel="difference in training loss (nats)")
        labels = [f"{MINUS} {track}" for track in gaps]
        figure.legend(axes.get_lines()[1:], labels, loc="outside upper left", ncols=2, frameon=False)
    ends = "; ".join(f"{pair} {spread_text(values, '+.2g')}" for pair, values in last.items())
    words = (
        f"A line per other track: the mean over seeds in common, in a band from lowest to highest. At the end: {ends}."
    )
    others_named = "the others" if len(gaps) > 1 else next(iter(gaps))
    return Drawing.of(f"Training loss, {first} minus {others_named}", words, figure)


def _loss_gap(first_runs: Sequence[Run], second_runs: Sequence[Run], steps: int) -> np.ndarray | None:
    """Return the loss of the first minus that of the second (seeds in common, points); None without such a seed."""
    partners = {run.record.job.seed: run for run in second_runs}
    pairs = [(run, partners[run.record.job.seed]) for run in first_runs if run.record.job.seed in partners]
    losses = [[np.array(run.history["loss"][:steps]) for run in pair] for pair in pairs]
    return np.stack([_windows(one - other, steps)[1] for one, other in losses]) if losses else None


def _last_in_words(last: Mapping[str, Sequence[float]]) -> str:
    ends = "; ".join(f"{track} {spread_text(values, '.4f')}" for track, values in last.items())
    return f"One line per track: the mean over its seeds, in a band from the lowest to the highest. At the end: {ends}."


def differences(rows: Sequence[DifferenceRow], metric: str) -> Drawing:
    """Draw each pair's difference per seed, its mean and interval, against the margin."""
    scale, unit = (100, "points") if METRICS[metric].in_points else (1, METRICS[metric].label)
    margin = scale * rows[0].margin
    with drawing(1.4 + 0.62 * len(rows)) as (figure, axes):
        axes.axvspan(-margin, margin, color=GOOD, alpha=0.12, linewidth=0, label="within the margin")
        axes.axvline(0, color=LINE, linewidth=1)
        for place, row in enumerate(rows):
            _pair(axes, place, row, scale)
        axes.set(
            yticks=range(len(rows)),
            yticklabels=[f"{row.first}\n{MINUS} {row.second}" for row in rows],
            ylim=(len(rows) - 0.4, -0.6),
            xlabel=f"difference in {unit}",
        )
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize="small")
    words = "; ".join(_pair_in_words(row, scale) for row in rows)
    per_seed = " per seed" if len(rows[0].seeds) > 1 else ""
    title = f"Difference{per_seed} against the margin of ±{margin:g}{' points' if scale == 100 else ''}"
    return Drawing.of(title, f"In {unit}. {words[0].upper()}{words[1:]}.", figure)


def _pair_in_words(row: DifferenceRow, scale: float) -> str:
    value, low, high = (
        f"{scale * number:+.4g}" for number in (row.difference.value, row.difference.low, row.difference.high)
    )
    seeds = spread_text([scale * number for number in row.by_seed], "+.4g")
    return f"{row.first} minus {row.second} {value}, interval {low} to {high}, seeds {seeds}"


def _pair(axes: Axes, place: int, row: DifferenceRow, scale: float) -> None:
    """Draw one pair: a dot per seed above the line of mean and interval."""
    first = place == 0
    if len(row.seeds) > 1:
        jitter = place - 0.16 - 0.06 * (np.arange(len(row.by_seed)) % 3)
        axes.plot(scale * np.array(row.by_seed), jitter, "o", color=LINE_COLOURS[0], markersize=4, alpha=0.75,
                  label="one seed" if first else None)  # fmt: skip
    low, high = scale * row.difference.low, scale * row.difference.high
    axes.plot([low, high], [place, place], color=INK, linewidth=2, label="95 % interval" if first else None)
    axes.plot(scale * row.difference.value, place, "D", color=INK, markersize=6,
              label=("mean over seeds" if len(row.seeds) > 1 else "difference") if first else None)  # fmt: skip


def calibration(runs: Sequence[Run], class_names: Sequence[str]) -> Drawing:
    """Draw how often predictions came true against their probability, all seeds of a track together."""
    what, words = f"'{class_names[1]}'" if len(class_names) == 2 else "the answer", []
    with drawing(4.6) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1, label="perfect")
        for track, track_runs in tracks_of(runs).items():
            counts, predicted, observed = calibration_bins(track_runs)
            axes.plot(predicted[counts >= SHOWN_BIN], observed[counts >= SHOWN_BIN], LINE_STYLES[track],
                      color=TRACK_COLOURS[track][0], label=track, marker=MARKERS[track], markersize=4)  # fmt: skip
            words.append(f"{track} {(counts * np.abs(observed - predicted)).sum() / counts.sum():.4f}")
        axes.set(xlabel=f"probability of {what}", ylabel="share that is true")
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
    text = (
        f"In {CALIBRATION_BINS} bins, of which those of {SHOWN_BIN} predictions or more are drawn; the diagonal is "
        "perfect calibration. Expected calibration error: "
    )
    return Drawing.of(f"How often {what} is true, by its probability", f"{text}{'; '.join(words)}.", figure)


def costs(training_costs: Sequence[Cost]) -> list[Drawing]:
    """Draw what training took, one figure per quantity: a dot per seed and the mean as a line."""
    return [_cost(cost) for cost in training_costs]


def _cost(cost: Cost) -> Drawing:
    tracks = list(cost.by_track)
    with drawing(1.0 + 0.42 * len(tracks), width=NARROW) as (figure, axes):
        for place, (track, values) in enumerate(cost.by_track.items()):
            colour = TRACK_COLOURS[track][0]
            axes.barh(place, np.mean(values), height=0.55, color=colour, alpha=0.35, linewidth=0)
            axes.plot(values, [place] * len(values), MARKERS[track], color=colour, markersize=4)
        axes.set(yticks=range(len(tracks)), yticklabels=tracks, ylim=(len(tracks) - 0.4, -0.6), xlabel=cost.unit)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
        axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(_size_label))
        axes.grid(visible=False, axis="y")
    words = "; ".join(f"{track} {spread_text(values, cost.form)}" for track, values in cost.by_track.items())
    return Drawing.of(cost.title, f"{words}. Bars are means, a mark is a seed.", figure)


def _size_label(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def divergence(ladder: LadderRecord) -> Drawing | None:
    """Draw the forward difference from torch of every layer, per track; None if no track got that far."""
    names = list(dict.fromkeys(layer.path for track in ladder.tracks for layer in track.layers))
    if not names:
        return None
    limit, every = TOLERANCES["forward"].limit, -(-len(names) // LABELLED_LAYERS)
    with drawing(1.3 + 0.27 * min(len(names), LABELLED_LAYERS)) as (figure, axes):
        axes.axvline(limit, color=BAD, linewidth=1, label=f"limit {limit:.0e}")
        for number, track in enumerate(ladder.tracks):
            at = [names.index(layer.path) + 0.18 * (number - (len(ladder.tracks) - 1) / 2) for layer in track.layers]
            for precision, fill in (("float64", "full"), ("float32", "none")):
                values = [_on_axis(getattr(layer, precision)) for layer in track.layers]
                marker = MARKERS.get(track.track, "o")  # a recording is called by its folder
                colour = TRACK_COLOURS.get(track.track, TRACK_COLOURS["torch"])[0]
                axes.plot(values, at, marker, color=colour, markersize=5, fillstyle=fill,
                          label=f"{track.track}, {precision}")  # fmt: skip
        axes.set(xscale="log", xlabel="relative difference from torch", ylim=(len(names) - 0.4, -0.6))
        axes.set_xticks(DECADES, ["0", *(f"{value:.0e}" for value in DECADES[1:])])
        axes.minorticks_off()
        axes.set(yticks=range(0, len(names), every), yticklabels=names[::every])
        figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize="small")
    words = "; ".join(_layers_in_words(track.track, track.layers) for track in ladder.tracks if track.layers)
    return Drawing.of("Divergence by layer", f"Layers in the order of their calls. {words}.", figure)


def _on_axis(difference: float | None) -> float:
    return np.nan if difference is None else float(np.clip(difference, NOTHING, TOO_MUCH))


def _layers_in_words(track: str, layers: Sequence[Layer]) -> str:
    most = max(layers, key=lambda layer: layer.float64)
    return f"{track}: {len(layers)} layers, the largest difference in float64 is {most.float64:.1e} in '{most.path}'"


def latencies(measured: Latency) -> list[Drawing]:
    """Draw the seconds of a call by runtime, one figure per batch size: a dot at the median, a line to the 99th."""
    names = [runtime.name for runtime in measured.runtimes]
    return [_latency(names, calls) for calls in zip(*(runtime.calls for runtime in measured.runtimes), strict=True)]


def _latency(names: Sequence[str], calls: Sequence[Calls]) -> Drawing:
    p50, p99 = ([1e3 * getattr(runtime_calls, what) for runtime_calls in calls] for what in ("p50", "p99"))
    with drawing(1.0 + 0.36 * len(names)) as (figure, axes):
        axes.hlines(names, p50, p99, color=LINE_COLOURS[0], linewidth=2)
        axes.plot(p50, names, "o", color=LINE_COLOURS[0], label="median")
        axes.plot(p99, names, "|", color=LINE_COLOURS[0], markersize=10, label="99th percentile")
        axes.set(xscale="log", xlabel="ms per call")
        axes.grid(visible=False, axis="y")
        axes.invert_yaxis()
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
    words = "; ".join(
        f"{name} {half:.2f}, 99th percentile {most:.2f}" for name, half, most in zip(names, p50, p99, strict=True)
    )
    return Drawing.of(f"Batch of {calls[0].batch_size}", f"Milliseconds per call, medians: {words}.", figure)
