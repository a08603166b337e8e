"""Run folders appear whole or not at all, and are read only if nothing in them was changed."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.runs import WEIGHTS, answers, make_run, record_of
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.runs import run_content
from twotrack.shared.runs.records import SCHEMA_VERSION, SEALED_FROM
from twotrack.shared.runs.run_folder import RunWriter, read, remove_partial, require_writable
from twotrack.shared.runs.schema import record_schema

FILES = ["history.json", "predictions.npz", "record.json", "weights.safetensors"]
SMALL = {"loss": [1.0]}, {"logits": np.zeros((2, 2))}, {"w": np.zeros(2, np.float32)}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let this process write no file beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_schema_on_the_page_is_the_one_that_is_printed():
    page = Path(__file__).parents[2] / "docs/reference/run-record.schema.json"
    assert json.loads(page.read_text()) == record_schema()


def change_record(folder: Path, **changes: object) -> None:
    record = json.loads((folder / "record.json").read_text())
    changed = record | changes
    changed["files"].pop("record.json", None)
    if changed["schema_version"] in range(SEALED_FROM, SCHEMA_VERSION + 1):
        changed["files"]["record.json"] = run_content.seal(changed)
    (folder / "record.json").write_text(json.dumps(changed))


def test_a_finished_run_holds_its_record_history_predictions_and_weights(tmp_path: Path):
    labels = np.array([3, 1, 4], np.int32)
    logits = answers(labels, wrong=[1])

    run = make_run(tmp_path / "run", logits, labels, seed=7)

    assert sorted(file.name for file in run.folder.iterdir()) == FILES
    assert list(tmp_path.iterdir()) == [run.folder]
    assert run.record.job.seed == 7
    assert run.history["loss"] == [2.0, 1.0, 0.6, 0.5]
    np.testing.assert_array_equal(run.logits, logits)
    np.testing.assert_array_equal(run.labels, labels)
    saved = load_file(run.folder / "weights.safetensors")
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(saved[name], array)


def test_leaving_without_finishing_leaves_nothing(tmp_path: Path):
    with RunWriter(tmp_path / "run") as writer:
        writer.write(*SMALL)
        assert [file.name for file in tmp_path.iterdir()] == [".run.partial"]

    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path: Path):
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), RunWriter(tmp_path / "run") as writer:
        interrupt(writer.write(*SMALL))

    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_replaced(tmp_path: Path):
    first = make_run(tmp_path / "run", seed=1)

    with pytest.raises(UserError, match="cannot write to the output folder"):
        make_run(tmp_path / "run", seed=2)

    assert read(first.folder).record.job.seed == 1
    assert list(tmp_path.iterdir()) == [first.folder]


def test_what_a_dead_worker_left_is_removed(tmp_path: Path):
    dead = RunWriter(tmp_path / "run")
    dead.__enter__()

    remove_partial(tmp_path / "run")
    remove_partial(tmp_path / "never-started")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("large", ["history", "predictions", "weights"])
def test_a_disk_that_fills_up_while_a_run_is_written_is_a_user_error_and_leaves_nothing(tmp_path: Path, large: str):
    noise = np.random.default_rng(0).random(20_000)
    history, predictions, weights = SMALL
    files = {
        "history": ({"loss": noise.tolist()}, predictions, weights),
        "predictions": (history, {"logits": noise}, weights),
        "weights": (history, predictions, {"w": noise}),
    }

    with (
        pytest.raises(UserError, match=f"cannot write to the output folder '{tmp_path}': file too large; .*--out"),
        largest_file(50_000),
        RunWriter(tmp_path / "run") as writer,
    ):
        writer.write(*files[large])

    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_full_for_the_record_is_a_user_error_and_leaves_nothing(tmp_path: Path):
    record = record_of(tmp_path / "run")

    with (
        pytest.raises(UserError, match="file too large"),
        RunWriter(tmp_path / "run") as writer,
        largest_file(100),
    ):
        writer.finish(record)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_run_with_a_missing_file_is_refused_by_name(tmp_path: Path, name: str):
    run = make_run(tmp_path / "run")
    (run.folder / name).unlink()

    with pytest.raises(UserError) as caught:
        read(run.folder)

    assert str(run.folder) in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", [name for name in FILES if name != "record.json"])
def test_a_run_with_an_edited_file_is_refused_by_name(tmp_path: Path, name: str):
    run = make_run(tmp_path / "run")
    file = run.folder / name
    file.write_bytes(file.read_bytes()[:-1] + b"x")

    with pytest.raises(UserError, match=f"'{file}' was changed after the run"):
        read(run.folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match=f"'{folder}' is no run folder: it has no record.json"):
            read(folder)


@pytest.mark.parametrize("content", ["{", "", "\udcff"])
def test_a_record_that_is_no_json_is_refused(tmp_path: Path, content: str):
    run = make_run(tmp_path / "run")
    (run.folder / "record.json").write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(UserError, match=r"record\.json' is damaged"):
        read(run.folder)


def test_a_record_with_a_field_of_another_type_is_refused_by_field(tmp_path: Path):
    run = make_run(tmp_path / "run")
    change_record(run.folder, steps="many")

    with pytest.raises(UserError, match=r"record\.json' is no run record: 'steps': input should be a valid integer"):
        read(run.folder)


def test_a_record_with_an_unknown_field_is_refused_by_field(tmp_path: Path):
    run = make_run(tmp_path / "run")
    change_record(run.folder, verdict="fine")

    with pytest.raises(UserError, match="no run record: 'verdict': extra inputs are not permitted"):
        read(run.folder)


@pytest.mark.parametrize(("version", "shown"), [(1, "1"), (None, "None")])
def test_a_record_of_another_schema_version_is_refused_with_both_versions(
    tmp_path: Path, version: int | None, shown: str
):
    run = make_run(tmp_path / "run")
    change_record(run.folder, schema_version=version)

    with pytest.raises(UserError, match=rf"schema version {shown}; this twotrack reads 2, 3, 4, 5, 6, 7 and 8\."):
        read(run.folder)


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        (2, {"continues", "exact", "same_masks", "stop_after"}),
        (3, {"exact", "same_masks", "stop_after"}),
        (4, {"same_masks", "stop_after"}),
        (5, {"stop_after"}),
        (7, {"replicas"}),
    ],
)
def test_a_record_of_a_version_before_is_read(tmp_path: Path, version: int, lacks: set[str]):
    """It lacks what a run continues, that it is not exact, whose masks it had, where it was to stop, its replicas."""
    run = make_run(tmp_path / "run")
    job = json.loads((run.folder / "record.json").read_text())["job"]
    change_record(run.folder, schema_version=version, job={name: job[name] for name in job if name not in lacks})

    assert read(run.folder).record.job == run.record.job


def test_a_record_is_hashed_so_that_no_bit_of_it_can_be_other(tmp_path: Path):
    file = make_run(tmp_path / "run").folder / "record.json"
    content, told = file.read_bytes(), json.loads(file.read_text())
    for bit in np.random.default_rng(0).choice(8 * len(content), 400, replace=False):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        try:
            read(file.parent)
        except UserError:
            continue
        assert json.loads(bytes(flipped)) == told


def test_a_score_that_the_predictions_do_not_have_is_refused_whoever_sealed_it(tmp_path: Path):
    folder = make_run(tmp_path / "run").folder
    change_record(folder, test={"accuracy": 0.99, "loss": 0.01})

    with pytest.raises(UserError, match=r"its record says accuracy 0\.99, loss 0\.01 .* predictions say accuracy 1,"):
        read(folder)


@pytest.mark.parametrize(
    ("history", "predictions", "expected"),
    [
        ([1.0], {}, "expected lists loss and learning_rate in its history"),
        ({"loss": [1.0], "learning_rate": [1.0] * 4}, {}, "expected 4 values of loss, found 1"),
        ({"loss": ["x"] * 4, "learning_rate": [1.0] * 4}, {}, "a list of numbers"),
        (None, {"logits": np.zeros(10)}, r"expected logits \(examples, classes\)"),
        (None, {"logits": np.zeros((9, 10), np.float32)}, r"expected logits \(examples, classes\)"),
        (None, {"logits": np.full((10, 10), "x")}, r"expected logits \(examples, classes\)"),
        (None, {"labels": np.arange(10) + 1}, "expected labels from 0 to 9"),
        (None, {"logits": np.full((10, 10), np.nan, np.float32)}, "is damaged: "),
        (None, {"labels": np.arange(10).astype(object)}, "is damaged: "),
    ],
)
def test_what_no_run_writes_is_refused_whoever_signed_it(
    tmp_path: Path, history: object, predictions: dict[str, np.ndarray], expected: str
):
    folder = make_run(tmp_path / "run").folder
    if history is not None:
        (folder / "history.json").write_text(json.dumps(history))
    if predictions:
        whole = {"logits": np.eye(10, dtype=np.float32), "labels": np.arange(10)} | predictions
        np.savez(folder / "predictions.npz", **whole)
    names = [name for name in FILES if name != "record.json"]
    change_record(folder, files={name: sha256_of(folder / name) for name in names})

    with pytest.raises(UserError, match=expected):
        read(folder)


def test_a_record_that_is_no_object_is_refused(tmp_path: Path):
    run = make_run(tmp_path / "run")
    (run.folder / "record.json").write_text("[]")

    with pytest.raises(UserError, match="schema version None"):
        read(run.folder)


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path):
    require_writable(tmp_path / "new" / "runs")

    assert list((tmp_path / "new" / "runs").iterdir()) == []


def test_a_folder_below_a_regular_file_is_refused_and_nothing_is_left(tmp_path: Path):
    (tmp_path / "file").write_text("content")

    with pytest.raises(UserError, match=r"cannot write to the output folder '.*': not a directory; choose another"):
        require_writable(tmp_path / "file" / "runs")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "content"


def test_a_folder_that_the_system_refuses_is_refused():
    with pytest.raises(UserError, match="cannot write to the output folder '/proc/runs'"):
        require_writable(Path("/proc/runs"))


def test_a_disk_without_room_for_a_run_is_refused_and_nothing_is_left(tmp_path: Path):
    with pytest.raises(UserError, match="file too large; choose another one with --out"), largest_file(2**20):
        require_writable(tmp_path / "new" / "runs")

    assert list(tmp_path.iterdir()) == []
