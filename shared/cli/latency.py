"""twotrack latency."""

from typing import Annotated

import typer

from twotrack.shared.cli import options


def latency(
    run: options.RunFolder,
    threads: Annotated[int | None, typer.Option(help="Threads of an operation [default: one per core].")] = None,
    json: options.Json = False,
) -> None:
    """Measure how long a run's model takes to answer in each runtime; a report of the run then shows it."""
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.export.latency import FILE, measure
    from twotrack.shared.runs.chosen import chosen

    run = chosen(run)
    with stderr.status("starting...") as status:
        measured = measure(run, threads, lambda step: status.update(f"{step}..."), options.lent_pool())
    if json:
        print_json(measured.model_dump())
        return
    print(f"{'runtime':<20}{'batch':>6}{'calls':>7}{'p50 ms':>9}{'p99 ms':>9}{'examples/s':>12}{'bytes':>13}")
    for runtime in measured.runtimes:
        for calls in runtime.calls:
            print(
                f"{runtime.name:<20}{calls.batch_size:>6}{calls.calls:>7}{1e3 * calls.p50:>9.2f}{1e3 * calls.p99:>9.2f}"
                f"{calls.examples_per_second:>12,.0f}{runtime.size:>13,}"
            )
    print(f"stored in {run / FILE}; 'twotrack report {run}' shows it")
