"""A benchmark as text, and as the tables of docs/reference/benchmarks.md."""

from collections.abc import Sequence

from twotrack.shared.benchmark.records import BASELINE, Benchmark, Interval
from twotrack.shared.spec.tuning import BY_DEFAULT

Rows = Sequence[Sequence[str]]
"""The first one has the names of the columns."""


def text(found: Benchmark) -> str:
    """Return everything as tables for a terminal."""
    lines = _columns(paces(found))
    if found.reached:
        lines += ["", *_columns(times(found))]
    return "\n".join([*lines, *switched_on(found), said_of_rounds(found)])


def tables(found: Benchmark) -> str:
    """Return the tables as they stand in the documentation."""
    return "\n\n".join(_table(rows) for rows in (paces(found), *([times(found)] if found.reached else [])))


def said_of_rounds(found: Benchmark) -> str:
    """Return what was done, and how fast the machine is."""
    return (
        f"{found.rounds} rounds of {found.steps} steps, in turns; the machine multiplies matrices with "
        f"{found.matmul / 1e9:,.0f} GFLOP/s in float32"
    )


def switched_on(found: Benchmark) -> list[str]:
    """Return, for each track, what a run switches on."""
    tracks = dict.fromkeys(one.contestant.track for one in found.paces if one.contestant.form != "script")
    return [f"{track}: a run switches on {BY_DEFAULT[track].words}" for track in tracks]


def paces(found: Benchmark) -> Rows:
    """Return a row for the steps of each contestant."""
    names = ["contestant", "precision", "switched on", "examples/s", "of matmul peak", "peak MiB"]
    rows = [
        [
            one.contestant.name,
            one.contestant.precision,
            one.contestant.tuning.words,
            _within(one.examples_per_second, ",.0f"),
            "-" if one.share_of_peak is None else f"{one.share_of_peak:.0%}",
            f"{one.peak_memory / 2**20:,.0f}",
        ]
        for one in found.paces
    ]
    return [names, *rows]


def times(found: Benchmark) -> Rows:
    """Return a row for the trainings of each contestant that trains."""
    names = [
        "contestant",
        f"{found.metric}, target {found.target:g}",
        "training seconds",
        f"times as fast as {BASELINE}",
    ]
    rows = [
        [
            one.contestant.name,
            _within(one.score, ".4f"),
            _within(one.seconds, ".1f"),
            "-" if one.times_as_fast is None else f"{one.times_as_fast:.1f}",
        ]
        for one in found.reached
    ]
    return [names, *rows]


def _within(interval: Interval, form: str) -> str:
    return f"{interval.mean:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def _columns(lines: Rows) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def _table(lines: Rows) -> str:
    ruled = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in ruled)
