"""Every Python block of README and docs runs, behind what makes the inputs that its page has in words."""

import shutil
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks
from tests.docs.code_tasks import Code, execute
from tests.docs.inputs import BEFORE, FILLED_IN, IN_KERAS
from tests.docs.lessons import DOCS
from tests.docs.test_documents import runs  # noqa: F401 - a fixture
from twotrack.shared.workers.pool import WorkerPool

COMPARED = "compare_mnist_cnn_fast_20260102-030405"
"""The comparison that pages name."""
GENERATED = {"docs/reference/atlas.md"}
"""Pages of which a command makes the code."""


def alone() -> list:
    """Return what is neither a file nor included: such files are run by the commands beside them."""
    found = [
        one for one in blocks()
        if one.language == "python" and not (one.file or one.is_included or one.page in GENERATED)
    ]  # fmt: skip
    return [pytest.param(one, id=one.name, marks=_marks(one)) for one in found]


def _marks(block: Block) -> list[pytest.MarkDecorator]:
    marks = {"slow": pytest.mark.slow, "not run": pytest.mark.skip(reason=block.reason)}
    return [marks[block.mark]] if block.mark else []


@pytest.mark.parametrize("block", alone())
def test_a_python_block_runs(block: Block, runs: Path, workers: WorkerPool, tmp_path: Path) -> None:  # noqa: F811
    in_keras = block.page in IN_KERAS and "keras" in block.code
    (compared,) = runs.glob("compare_*")
    shutil.copytree(compared, tmp_path / "runs" / COMPARED)
    shutil.copy(DOCS / "reference/run-record.schema.json", tmp_path)
    code = block.code
    for written, own in FILLED_IN.items():
        code = code.replace(written, own)
    before = (IN_KERAS if in_keras else BEFORE).get(block.page, "")
    workers.call("keras:torch" if in_keras else "torch", execute, Code(block.name, before, code, tmp_path))
