"""The table of formats, and the latencies: measured, stored, shown."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from tests.support.pages import Page
from tests.support.runs import make_run
from twotrack.shared.cli.formats import formats
from twotrack.shared.errors import UserError
from twotrack.shared.export import latency, table, timing
from twotrack.shared.export.formats import FORMATS, TIMED
from twotrack.shared.export.table import Cell
from twotrack.shared.report.runs_page import write_report
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.workers.pool import WorkerPool


def test_the_table_trains_a_run_and_exports_it_to_every_format(workers: WorkerPool, monkeypatch):
    chosen = {name: FORMATS[name] for name in ("torch-export", "safetensors")}
    monkeypatch.setattr(table, "FORMATS", chosen)

    cells = table.measure(["neuron"], ["torch"], pool=workers)

    assert [cell.format for cell in cells] == list(chosen)
    assert [cell.reason for cell in cells if cell.reason] == []
    assert all(0 <= cell.difference <= 1e-5 and cell.size > 0 for cell in cells)


def test_a_reason_stands_below_the_table_once():
    cells = [
        Cell("neuron", "torch", "onnx", 2.4e-8, 10),
        Cell("neuron", "torch", "litert", reason="no such operation"),
        Cell("backprop", "torch", "onnx", reason="no such operation"),
        Cell("backprop", "torch", "litert", reason="too large"),
    ]

    assert table.markdown(cells).splitlines() == [
        "| chapter | run on | onnx | litert |",
        "| --- | --- | --- | --- |",
        "| `neuron` | `torch` | 2e-08 | no (1) |",
        "| `backprop` | `torch` | no (1) | no (2) |",
        "",
        "1. no such operation",
        "2. too large",
    ]


@pytest.mark.parametrize(("reason", "code"), [(None, 0), ("no such operation", 1)])
def test_the_exit_code_tells_whether_an_export_failed(monkeypatch, reason: str | None, code: int):
    cells = [Cell("neuron", "torch", "onnx", 2.4e-8, 10), Cell("neuron", "torch", "litert", 2.4e-8, 10, reason)]
    monkeypatch.setattr(table, "measure", lambda *_: cells)

    with pytest.raises(typer.Exit) as ended:
        formats(["neuron"])

    assert ended.value.exit_code == code


@pytest.fixture(scope="module")
def measured(runs: dict[str, Run], workers: WorkerPool) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "ROUNDS", 1)
        latency.measure(runs["mnist_cnn"].folder, pool=workers)
    return read(runs["mnist_cnn"].folder)


def test_every_runtime_is_timed_at_both_batch_sizes_and_says_what_the_run_said(measured: Run):
    found = latency.stored(measured)

    assert [one.name for one in found.runtimes] == [form.runtime for form in TIMED.values()]
    for one in found.runtimes:
        assert [calls.batch_size for calls in one.calls] == list(timing.BATCH_SIZES) == [1, 32]
        assert all(calls.calls >= timing.FEWEST and 0 < calls.p50 <= calls.p99 for calls in one.calls)
        assert (one.size > 0, one.load > 0, one.first_call > 0, one.difference <= 1e-5) == (True,) * 4


def test_percentiles_and_throughput_are_those_of_counting():
    seconds = np.random.default_rng(0).permutation(np.arange(1, 102)) / 1e3

    calls = latency._calls(32, seconds)

    assert (calls.calls, calls.p50, calls.p99) == (101, pytest.approx(0.051), pytest.approx(0.1))
    assert calls.examples_per_second == pytest.approx(32 * 101 / (101 * 0.051))


def test_a_report_shows_the_latencies_of_its_runs_and_none_where_there_are_none(measured: Run, tmp_path: Path):
    run = make_run(tmp_path / "run")
    without = Page(write_report([run], tmp_path / "without.html", [], {}))
    (run.folder / latency.FILE).write_text((measured.folder / latency.FILE).read_text())
    with_it = Page(write_report([run], tmp_path / "with.html", [], {}))

    assert "Latency by runtime" not in without.text
    assert all(form.runtime in with_it.text for form in TIMED.values())
    assert with_it.from_elsewhere == []


@pytest.mark.parametrize("spoil", [lambda text: text[:-20], lambda text: json.dumps({"runtimes": []})])
def test_damaged_figures_are_refused(measured: Run, tmp_path: Path, spoil):
    run = make_run(tmp_path / "run")
    (run.folder / latency.FILE).write_text(spoil((measured.folder / latency.FILE).read_text()))

    with pytest.raises(UserError, match="is damaged; make it again with 'twotrack latency"):
        latency.stored(run)
