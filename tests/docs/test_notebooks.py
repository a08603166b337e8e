"""The notebook of every lesson runs, on small budgets, judges answers, and holds no copy of the library."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from docs import notebooks
from tests.docs.lessons import LESSONS, ROOT, files_of
from tests.exercises.test_exercises import solution

SMALL = """
def _make_small():
    import functools
    import twotrack
    from twotrack.shared.exercises import marking
    from twotrack.shared.runs import comparison
    from twotrack.shared.verify import ladder
    from twotrack.shared.workers.pool import WorkerPool

    pool, compare, verify = WorkerPool("cpu", one_per_track=True), twotrack.compare, twotrack.verify
    climb, comparison.run_jobs = ladder.verify, functools.partial(comparison.run_jobs, pool=pool)
    ladder.verify = lambda request, tracks, on_phase, own=pool: climb(request, tracks, on_phase, own)
    marking.mark = functools.partial(marking.mark, pool=pool)

    def kept(options):
        return {name: value for name, value in options.items() if name in {"settings", "recipe"}}

    twotrack.compare = lambda chapter, **options: compare(
        chapter, ["torch"], examples=256, epochs=1, **kept(options)
    )
    twotrack.verify = lambda subject, **options: verify(
        subject, tracks=["keras:torch"], until="forward", **kept(options)
    )


_make_small()
"""
"""What the kernel is told before any notebook: that a cell runs shows on little, and on one backend.

All notebooks share a kernel and its workers, for imports take most of the time; each forgets the names of the last.
"""
LARGE = {"review_bert", "shop_transfer"}
"""Their pretrained networks take minutes: these cells are left out; tests/bert and tests/transfer climb and train."""
SECONDS = 600
"""For one cell, however busy the machine."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        manager = KernelManager()
        manager.start_kernel()
    cell = new_code_cell(SMALL)
    NotebookClient(new_notebook(cells=[cell]), km=manager, timeout=SECONDS).execute()
    yield manager
    manager.shutdown_kernel(now=True)


def executed(made: NotebookNode, folder: Path, kernel: KernelManager) -> NotebookNode:
    made.cells.insert(0, new_code_cell(f"%reset -f\n%cd -q {folder}"))
    return NotebookClient(made, km=kernel, timeout=SECONDS).execute()


def printed(made: NotebookNode, word: str) -> list[str]:
    """Return what each cell prints in which a word stands."""
    cells = [cell for cell in made.cells if cell.cell_type == "code" and word in cell.source]
    return [
        "".join(output.get("text", "") for output in cell.outputs if output.get("name") == "stdout") for cell in cells
    ]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_notebook_runs_and_its_models_are_one(lesson: str, tmp_path: Path, kernel: KernelManager) -> None:
    made = notebooks.notebook(lesson)
    if lesson in LARGE:
        made.cells = [cell for cell in made.cells if "print(twotrack." not in cell.source or ":PAIR" in cell.source]
    done = executed(made, tmp_path, kernel)

    assert set(printed(done, "print(twotrack.verify")) <= {"True\n"}
    assert all("torch" in text for text in printed(done, "print(twotrack.compare"))
    assert {file.stem for file in tmp_path.glob("*.py")} == set(files_of(lesson))


def test_a_notebook_judges_a_model_that_stands_in_a_cell(tmp_path: Path, kernel: KernelManager) -> None:
    made = notebooks.notebook("neuron")
    asked = [cell for cell in made.cells if "def build():\n    ..." in cell.source]
    for cell, number in zip(asked, (6, 7), strict=True):
        judging = cell.source.split("\n\n", 1)[1]
        cell.source = f"{solution('neuron', number)}\n{judging}"
    made.cells = [new_code_cell("import twotrack"), *asked]
    answers = printed(executed(made, tmp_path, kernel), "check_exercise")
    assert [answer.partition(":")[0] for answer in answers] == ["right", "right"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_notebook_holds_no_file_of_the_library(lesson: str) -> None:
    text = nbformat.writes(notebooks.notebook(lesson))
    assert "--8<--" not in text
    assert [name for name in ("keras_track", "torch_track") if f"from twotrack.{name}" in text] == []


def test_colab_finds_and_installs_what_a_build_of_github_published(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [*notebooks.badges("neuron").values()] == ["neuron.ipynb"]
    monkeypatch.setattr(notebooks, "REPOSITORY", "someone/twotrack")
    title, preparation = notebooks.notebook("neuron").cells[:2]
    assert (
        "https://colab.research.google.com/github/someone/twotrack/blob/gh-pages/chapters/neuron.ipynb" in title.source
    )
    assert "git+https://github.com/someone/twotrack" in preparation.source


def test_commands_become_calls_where_the_api_has_them() -> None:
    called = notebooks.calls("twotrack compare churn_mlp --seeds 5 --set dropout=0 --tracks torch,keras:jax\n")
    asked = "'churn_mlp', seeds=5, tracks=['torch', 'keras:jax'], settings={'dropout': '0'}"
    assert called == f"print(twotrack.compare({asked}).verdict)"
    for other in ("twotrack run neuron", "twotrack compare neuron --data own.csv", "make compare"):
        assert notebooks.calls(f"{other}\n") == ""


def test_a_picture_is_inside(tmp_path: Path) -> None:
    """A notebook that is downloaded alone shows it."""
    shown = [cell.attachments for cell in notebooks.notebook("neuron").cells if "attachments" in cell]
    assert [name for one in shown for name in one] == ["decision_line.svg"]
    assert (ROOT / "docs/chapters/figures/decision_line.svg").is_file()
