"""A comparison of logs as text for a terminal, and as a page."""

from io import StringIO
from pathlib import Path

from twotrack.shared.logs.comparing import Compared
from twotrack.shared.logs.configuration import ConfigurationDifference
from twotrack.shared.logs.luck import HEAD_START
from twotrack.shared.logs.result import WORDS, LogsResult, MetricResult
from twotrack.shared.logs.wording import place
from twotrack.shared.report.pages import render, write_file

WIDTH = 120
SHOWN = 12
"""Names of one side alone that a line shows."""


def logs_text(result: LogsResult) -> str:
    """Return a table of the metrics, a sentence on each, what differs in configuration, and the verdict."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("metric", "points", "verdict", "first step", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("sure by", "in words"):
        table.add_column(column, overflow="fold")
    for metric in result.metrics:
        table.add_row(*row(metric))
    stream = StringIO()
    console = Console(file=stream, width=WIDTH, highlight=False, markup=False)
    console.print(table)
    lines = [*_notes(result), *_configuration(result.configuration), f"verdict: {verdict(result)}"]
    shown = [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]
    return "\n".join([*shown, "", *lines, ""])


def row(metric: MetricResult) -> tuple[str, ...]:
    """Return a metric's cells: name, points, verdict, where it parts, by where it is certain, the sentence."""
    first = "" if metric.first is None else ("" if metric.exact else "about ") + place(metric.along, metric.first)
    certain = "" if metric.certain is None or metric.exact else place(metric.along, metric.certain)
    return metric.metric, f"{metric.points:,}", WORDS[metric.status], first, certain, metric.detail


def verdict(result: LogsResult) -> str:
    """Return the outcome in one sentence."""
    apart = [metric for metric in result.metrics if metric.status == "parts"]
    undecided = [metric.metric for metric in result.metrics if metric.status == "undecided"]
    if apart:
        return f"they part: {'; '.join(map(_where, apart))}"
    if len(undecided) == len(result.metrics):
        return "undecided: no metric has enough independent points to tell a difference from noise"
    rest = f"; undecided: {', '.join(undecided)}" if undecided else ""
    if all(metric.status == "equal" for metric in result.metrics if metric.status != "undecided"):
        return f"equal to the last digit{rest}"
    return f"no difference beyond noise{rest}"


def _where(metric: MetricResult) -> str:
    because = f" ({metric.relation})" if metric.relation else ""
    return f"{metric.metric} from {row(metric)[3]} on{because}"


def assurance(result: LogsResult) -> str:
    """Return what a verdict is worth."""
    if len(result.first) + len(result.second) > 2:
        return f"false alarms: at most {result.false_alarms:.2g} over all metrics, if runs of one side spread normally"
    return (
        f"false alarms: {result.false_alarms:.2g} over all metrics and steps. One run a side: granted are the "
        f"noise of a step and, unless both begin alike, {HEAD_START:g} times the speed, as another seed may have; "
        "what a seed changes for good, only repetitions tell (--against)"
    )


def _notes(result: LogsResult) -> list[str]:
    found = [f"{metric.metric}: {note}" for metric in result.metrics for note in metric.notes]
    for side, names in (("first", result.first_only), ("second", result.second_only)):
        if names:
            found.append(f"only in the {side} log: {_listed(names)}")
    return [*found, assurance(result)]


def _configuration(found: ConfigurationDifference) -> list[str]:
    sources = [", ".join(names) for names in (found.first_sources, found.second_sources)]
    if not all(sources):
        missing = " and ".join(side for side, text in zip(("first", "second"), sources, strict=True) if not text)
        return [f"configuration: none found beside the {missing} log; name files with --config"]
    head = f"configuration: {len(found.differences)} of {found.compared} settings that both state differ"
    lines = [f"{head} ({sources[0]} against {sources[1]})"]
    lines += [f"  {one.group}: {one.name}: {one.first} against {one.second}" for one in found.differences]
    for side, names in (("first", found.first_only), ("second", found.second_only)):
        if names:
            lines.append(f"  only the {side} states: {_listed(names)}")
    return lines


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def write_page(compared: Compared, page: Path) -> Path:
    """Write the page, which appears whole or not at all; UserError if it cannot be written."""
    from twotrack.shared.report.log_plots import drawings

    content = render(
        "logs.html.j2",
        result=compared.result,
        verdict=verdict(compared.result),
        assurance=assurance(compared.result),
        rows=[(metric, row(metric)) for metric in compared.result.metrics],
        drawings=drawings(compared),
        listed=_listed,
    )
    return write_file(page, content)
