"""Table, JSON and page say where a comparison shows less than it seems to: nothing learned, rows in train and test."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import in_process
from tests.support.pages import Page
from tests.support.runs import answers, make_comparison, make_run
from twotrack.shared.report import tables
from twotrack.shared.report.headline import headline
from twotrack.shared.report.runs_page import find_runs, write_report
from twotrack.shared.runs.run_folder import Run

LABELS = np.arange(2000, dtype=np.int32) % 10
DUPLICATES = "8 of 1,057 test examples (0.8%) also stand in the training split, by their inputs"
CONTRADICTIONS = "42 of 7,043 examples (0.6%) have the same inputs as an example of another class"


@pytest.fixture(scope="module")
def unlearned(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two tracks with three seeds whose outputs are drawn at random."""
    folder = tmp_path_factory.mktemp("unlearned")
    generator = np.random.default_rng(0)
    return [
        make_run(
            folder / f"{number}_{seed}",
            generator.normal(size=(len(LABELS), 10)).astype(np.float32),
            LABELS,
            track=track,
            seed=seed,
        )
        for number, track in enumerate(("torch", "keras:jax"))
        for seed in range(3)
    ]


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("churn")
    make_comparison(folder, "churn_mlp", ["torch", "keras:jax"], 2, epochs=1, steps=4)
    return folder


def test_random_outputs_are_called_unlearned_in_table_json_and_on_top_of_the_page(unlearned: list[Run], tmp_path: Path):
    page = Page(write_report(unlearned, tmp_path / "report.html", [], {}))
    told = tables.comparison_json(unlearned, [], {})

    start = "torch and keras:jax are not shown to have learned: accuracy "
    assert f"verdict: {start}" in tables.comparison_text(unlearned, {})
    assert told["verdict"].startswith(start)
    assert told["differences"][0]["verdict"]["kind"] == "neither learned"
    assert told["differences"][0]["verdict"]["learning"]["constant"] == 0.1
    assert f"T{start[1:]}" in page.text
    assert headline(unlearned, tables.difference_rows(unlearned)).startswith(f"T{start[1:]}")


def test_right_outputs_are_not_called_unlearned(tmp_path: Path):
    runs = [
        make_run(tmp_path / f"{number}{seed}", answers(LABELS, [number, seed]), LABELS, track=track, seed=seed)
        for number, track in enumerate(("torch", "keras:jax"))
        for seed in (7, 9)
    ]

    assert "learned" not in tables.comparison_text(runs, {})


def test_what_there_is_to_say_of_the_data_stands_in_table_json_and_page(churn: Path, tmp_path: Path):
    text = in_process("report", churn, "--out", "text.html", folder=tmp_path).stdout
    told = in_process("report", churn, "--out", "json.html", "--json", folder=tmp_path).json()
    page = Page(tmp_path / "text.html")

    assert f"data: {DUPLICATES}\ndata: {CONTRADICTIONS}\nreport: text.html" in text
    assert told["data_notes"] == [
        {"kind": "test rows in training", "count": 8, "total": 1057, "text": DUPLICATES},
        {"kind": "contradicting labels", "count": 42, "total": 7043, "text": CONTRADICTIONS},
    ]
    assert f"Of the data: {DUPLICATES}; {CONTRADICTIONS}." in page.text


def test_the_notes_are_on_the_rows_that_were_trained_on(churn: Path):
    runs = find_runs([churn])
    few = runs[0].record.job.model_copy(update={"examples": 300})
    trained_on_few = [make_run(churn / "few" / "run", logits=runs[0].logits, labels=runs[0].labels, job=few)]

    assert tables.notes_on_data(trained_on_few)[0].count < tables.notes_on_data(runs)[0].count


def test_of_data_without_peculiarities_nothing_is_said(unlearned: list[Run], tmp_path: Path):
    notes = tables.notes_on_data(unlearned)
    page = Page(write_report(unlearned, tmp_path / "report.html", [], {}, None, notes))

    assert notes == ()
    assert "data:" not in tables.comparison_text(unlearned, {}, notes)
    assert tables.comparison_json(unlearned, [], {}, None, notes)["data_notes"] == []
    assert "Of the data" not in page.text
