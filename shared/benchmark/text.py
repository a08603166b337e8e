"""A benchmark as text, and as the tables of docs/reference/benchmarks.md."""

from collections.abc import Sequence

from twotrack.shared.benchmark.records import BASELINE, Benchmark, Interval

Rows = Sequence[Sequence[str]]


def text(found: Benchmark) -> str:
    """Return everything as tables for a terminal."""
    lines = _columns(_paces(found))
    if found.reached:
        lines += ["", *_columns(_reached(found))]
    lines.append(
        f"{found.rounds} rounds of {found.steps} steps, in turns; the machine multiplies matrices with "
        f"{found.matmul / 1e9:,.0f} GFLOP/s in float32"
    )
    return "\n".join(lines)


def tables(found: Benchmark) -> str:
    """Return the tables as they stand in the documentation."""
    made = [_table(_paces(found))]
    if found.reached:
        made.append(_table(_reached(found)))
    return "\n\n".join(made)


def _paces(found: Benchmark) -> Rows:
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


def _reached(found: Benchmark) -> Rows:
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
