"""A benchmark as one HTML page."""

from collections.abc import Sequence
from pathlib import Path

from twotrack.shared import chapters
from twotrack.shared.benchmark.records import Benchmark, Contestant, Interval
from twotrack.shared.benchmark.text import paces, said_of_rounds, switched_on, times
from twotrack.shared.report.figures import INK, TRACK_COLOURS, Drawing
from twotrack.shared.report.pages import render, write_file
from twotrack.shared.report.plots import drawing

ROW, FRAME = 0.32, 1.2
"""Inches of a bar, and of what is above and below all bars."""
Bars = Sequence[tuple[Contestant, Interval]]


def write_page(found: Benchmark, page: Path) -> Path:
    """Write the page, which appears whole or not at all; UserError if it cannot be written."""
    content = render(
        "benchmark.html.j2",
        found=found,
        title=chapters.get(found.chapter).title,
        rounds=said_of_rounds(found),
        switched=switched_on(found),
        tables=[paces(found), *([times(found)] if found.reached else [])],
        drawings=_drawings(found),
    )
    return write_file(page, content)


def _drawings(found: Benchmark) -> list[Drawing]:
    paced = [(one.contestant, one.examples_per_second) for one in found.paces]
    made = [_bars("Examples per second", "examples/s", paced)]
    if found.reached:
        trained = [(one.contestant, one.seconds) for one in found.reached]
        made.append(_bars("Seconds of training", "s", trained))
    return made


def _bars(title: str, unit: str, bars: Bars) -> Drawing:
    """Draw a bar for each contestant, with its interval."""
    with drawing(FRAME + ROW * len(bars)) as (figure, axes):
        for place, (contestant, interval) in enumerate(bars):
            colour = TRACK_COLOURS[contestant.track][0]
            axes.barh(place, interval.mean, height=0.6, color=colour, alpha=0.35, linewidth=0)
            axes.plot([interval.low, interval.high], [place, place], color=INK, linewidth=1.6)
        axes.set_yticks(range(len(bars)), [one.name for one, _ in bars])
        axes.set(xlabel=unit, xlim=(0, None))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
    said = ", ".join(f"{one.name} {interval.mean:,.4g}" for one, interval in bars)
    return Drawing.of(title, f"{title}, mean with 95 % interval: {said}.", figure)
