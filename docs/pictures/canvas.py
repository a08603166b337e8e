"""What every picture shares: a size that a phone can show, letters and lines that light and dark pages both carry."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from twotrack.shared.report.figures import INK, LINE, LINE_COLOURS, STYLE, standalone, svg_of

FOLDER = Path(__file__).parents[1] / "chapters" / "figures"
WIDTH = 4.4
"""Inches. On a phone of 390 pixels letters keep four fifths of their size."""
STAYS, LEAVES = LINE_COLOURS[0], LINE_COLOURS[1]
TRACK_LINES = {"torch": (LINE_COLOURS[1], "-"), "keras:tensorflow": (LINE_COLOURS[0], "--")}
Point = tuple[float, float]


@contextmanager
def picture(name: str, height: float, rows: int = 1, columns: int = 1, **grid: Any) -> Iterator[Any]:
    """Give axes to draw on; write what was drawn to FOLDER/NAME.svg."""
    with matplotlib.rc_context(STYLE | {"font.size": 9.5, "legend.fontsize": 9, "legend.frameon": False}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure.subplots(rows, columns, **grid)
        (FOLDER / f"{name}.svg").write_text(standalone(svg_of(figure)) + "\n")


@contextmanager
def diagram(name: str, width: float, height: float) -> Iterator[Axes]:
    """Give axes without ticks on which 1 is a centimetre of a page 11 wide."""
    with picture(name, WIDTH * height / width) as axes:
        axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        axes.axis("off")
        yield axes


def box(axes: Axes, centre: Point, text: str, width: float = 1.6, height: float = 0.7, colour: str = LINE,
        dashed: bool = False, size: float = 9) -> None:  # fmt: skip
    """Draw a box with rounded corners around a text."""
    corner = (centre[0] - width / 2, centre[1] - height / 2)
    style = "--" if dashed else "-"
    axes.add_patch(FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=0.12", fill=False, ec=colour,
                                  lw=1.5, ls=style))  # fmt: skip
    note(axes, centre, text, size=size)


def note(axes: Axes, place: Point, text: str, size: float = 8.5, colour: str = INK, **options: Any) -> None:
    """Write a text around a point."""
    axes.text(*place, text, **({"ha": "center", "va": "center", "fontsize": size, "color": colour} | options))


def arrow(axes: Axes, start: Point, end: Point, colour: str = INK, bend: float = 0, dashed: bool = False) -> None:
    """Draw an arrow, bent to the left of its way if `bend` is above 0."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9,
             "connectionstyle": f"arc3,rad={bend}", "ls": "--" if dashed else "-"}  # fmt: skip
    axes.annotate("", end, start, arrowprops=style)


def path(axes: Axes, points: Sequence[Point], colour: str = INK) -> None:
    """Draw straight lines from point to point, and an arrow along the last of them."""
    for start, end in pairwise(points[:-1]):
        axes.plot(*zip(start, end, strict=True), color=colour, lw=1.2, solid_capstyle="round")
    arrow(axes, points[-2], points[-1], colour)


def operation(axes: Axes, centre: Point, sign: str, colour: str = LINE) -> None:
    """Draw a circle around the sign of what happens there, number by number."""
    axes.add_patch(matplotlib.patches.Circle(centre, 0.3, fill=False, ec=colour, lw=1.5))
    note(axes, centre, sign, size=10)
