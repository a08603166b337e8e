"""Every format gives the numbers that were written into it, at their steps, and a wrong file one clear message."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.logs.files import losses, write_csv, write_scalars, write_tensors, write_trainer_state
from tests.support.runs import make_run
from twotrack.shared.errors import UserError
from twotrack.shared.logs.readers import event_files, read_log
from twotrack.shared.logs.settings import flat
from twotrack.shared.runs.event_files import PREFIX

VALUES = [2.0, 1.5, 1.25, 1.125]


def test_keras_csv_logger_counts_epochs_from_0_and_its_training_metrics_are_means(tmp_path: Path):
    file = write_csv(tmp_path / "log.csv", {"epoch": [0, 1, 2, 3], "loss": VALUES, "val_loss": VALUES})

    log = read_log(file)

    assert log.series.keys() == {"loss", "val_loss"}
    loss = log.series["loss"]
    assert (loss.values.tolist(), loss.steps) == (VALUES, None)
    assert loss.epochs is not None
    assert loss.epochs.tolist() == [1, 2, 3, 4]
    assert (loss.averaged, log.series["val_loss"].averaged) == (True, False)


def test_lightnings_sparse_rows_give_each_column_its_own_points(tmp_path: Path):
    columns = {
        "epoch": [0, 0, 0, 1, 1, 1],
        "step": [49, 99, 99, 149, 199, 199],
        "train_loss": [2.0, 1.5, None, 1.25, 1.125, None],
        "val_loss": [None, None, 1.75, None, None, 1.0],
    }
    log = read_log(write_csv(tmp_path / "version_0" / "metrics.csv", columns).parent)

    assert log.series["train_loss"].steps is not None
    assert log.series["train_loss"].steps.tolist() == [49, 99, 149, 199]
    assert not log.series["train_loss"].averaged
    assert log.series["val_loss"].steps is not None
    assert log.series["val_loss"].steps.tolist() == [99, 199]
    assert log.series["val_loss"].values.tolist() == [1.75, 1.0]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_by_hand_may_have_other_separators_texts_and_a_mark_in_front(tmp_path: Path, separator: str):
    text = f"step{separator}loss{separator}comment\n1{separator}0.5{separator}first\n2{separator}nan{separator}\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8-sig")

    log = read_log(tmp_path / "a.csv")

    assert log.series.keys() == {"loss"}
    np.testing.assert_array_equal(log.series["loss"].values, [0.5, np.nan])


def test_json_lines_give_nested_names_and_no_booleans(tmp_path: Path):
    rows = [{"step": step, "train": {"loss": 1 / step}, "done": False, "_timestamp": "now"} for step in (1, 2, 4)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")

    log = read_log(tmp_path / "a.jsonl")

    assert log.series.keys() == {"train/loss"}
    assert log.series["train/loss"].values.tolist() == [1.0, 0.5, 0.25]


def test_a_step_that_was_logged_again_after_a_restart_counts_once_as_it_was_last(tmp_path: Path):
    log = read_log(write_csv(tmp_path / "a.csv", {"step": [1, 2, 3, 2, 3], "loss": [5.0, 4.0, 3.0, 4.5, 3.5]}))

    assert log.series["loss"].values.tolist() == [5.0, 4.5, 3.5]


def test_simple_values_of_event_files_are_read_as_float32_at_their_steps(tmp_path: Path):
    log = read_log(write_scalars(tmp_path / "run", {"loss/train": [0.1, 0.2], "lr": [1e-3, 1e-3]}, [10, 20]))

    series = log.series["loss/train"]
    assert series.values.tolist() == [float(np.float32(0.1)), float(np.float32(0.2))]
    assert series.steps is not None
    assert (series.steps.tolist(), series.digits) == ([10, 20], 7)


def test_tensors_of_keras_event_files_are_read_by_split_and_epoch_with_the_hyperparameters(tmp_path: Path):
    write_tensors(tmp_path / "train", {"epoch_loss": VALUES}, {"optimizer": "adam", "lr": 0.001})
    write_tensors(tmp_path / "validation", {"epoch_loss": VALUES, "evaluation_loss_vs_iterations": VALUES})

    log = read_log(tmp_path)

    assert "train/epoch_loss" in log.series
    series = log.series["validation/epoch_loss"]
    assert series.values.tolist() == VALUES
    assert series.epochs is not None
    assert (series.epochs.tolist(), series.steps) == ([1, 2, 3, 4], None)
    assert log.settings == {"optimizer": "adam", "lr": 0.001}


def test_an_event_file_that_is_still_written_gives_its_complete_events(tmp_path: Path):
    folder = write_scalars(tmp_path / "run", {"loss": VALUES})
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-3])

    assert read_log(file).series["loss"].values.tolist() == VALUES[:-1]


def test_a_folder_of_several_trainings_asks_for_one(tmp_path: Path):
    for name in ("run_a", "run_b"):
        write_scalars(tmp_path / name, {"loss": VALUES})

    with pytest.raises(UserError, match=r"holds event files of several trainings: run_a, run_b; name one of them"):
        read_log(tmp_path)


def test_hugging_faces_trainer_state_holds_means_and_no_summary(tmp_path: Path):
    write_trainer_state(tmp_path / "checkpoint-90", losses(0, 90))
    write_trainer_state(tmp_path / "checkpoint-100", losses(0, 100))

    log = read_log(tmp_path)

    assert log.series.keys() == {"loss", "learning_rate", "eval_loss"}
    assert log.series["loss"].averaged
    assert len(log.series["loss"]) == 10
    assert log.settings["train_batch_size"] == 8


def test_a_run_folder_is_read_with_its_record(tmp_path: Path):
    run = make_run(tmp_path / "run")

    log = read_log(run.folder)

    assert log.series["loss"].values.tolist() == run.history["loss"]
    assert log.series["val_loss"].values.tolist() == [0.4]
    assert "val_accuracy" in log.series
    assert flat(log.settings)["packages.torch"] == "2.13.0"


def test_a_recording_is_read_from_its_manifest_alone(tmp_path: Path):
    steps = [{"number": number, "loss": 1 / number, "learning_rate": 0.1} for number in (1, 2, 3)]
    manifest = {"format": "twotrack recording", "steps": steps, "validation": [0.5], "optimizer": {"name": "adam"}}
    (tmp_path / "recording.json").write_text(json.dumps(manifest))

    log = read_log(tmp_path)

    assert log.series["loss"].values.tolist() == [1.0, 0.5, 1 / 3]
    assert log.series["val_loss"].values.tolist() == [0.5]
    assert log.settings == {"optimizer": {"name": "adam"}}


def test_a_history_of_lists_and_a_list_of_rows_are_read(tmp_path: Path):
    (tmp_path / "history.json").write_text(json.dumps({"loss": VALUES, "val_loss": VALUES, "name": "x"}))
    (tmp_path / "rows.json").write_text(json.dumps([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]))

    history, rows = read_log(tmp_path / "history.json"), read_log(tmp_path / "rows.json")

    assert history.series["loss"].epochs is not None
    assert history.series.keys() == {"loss", "val_loss"}
    assert rows.series["loss"].values.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "1,2\n3,4\n", "has no names of columns in its first line"),
        ("a.csv", "loss,loss\n3,4\n", "names a column twice: loss"),
        ("a.csv", "step,loss\n1,2,3\n", r"line 2: expected 2 cells as in the first line, found 3"),
        ("a.csv", "", "is empty"),
        ("a.csv", "step,name\n1,x\n", "holds no series of numbers"),
        ("a.jsonl", '{"loss": 1}\n[1]\n', "line 2: expected a JSON object, found list"),
        ("a.jsonl", '{"loss": 1}\n{"loss"\n', "line 2: expected a JSON object"),
        ("a.json", '"text"', "expected lists of numbers by name, a list of rows, or log_history"),
        ("a.json", "[" * 100_000, "is no JSON document: nested too deeply"),
        ("a.pt", "PK\0\0", "is of no known format; expected one of: TensorBoard event files"),
        ("events.out.tfevents.1", "no event file at all, but a text", "is no event file of TensorBoard"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_one_sentence(tmp_path: Path, name: str, content: str, message: str):
    (tmp_path / name).write_text(content)

    with pytest.raises(UserError, match=message) as refused:
        read_log(tmp_path / name)

    assert "\n" not in str(refused.value)


def test_what_does_not_exist_and_an_empty_folder_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist; expected one of"):
        read_log(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="holds no log; expected one of"):
        read_log(tmp_path)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(2**30)

    with pytest.raises(UserError, match="expected a log of at most 512 MiB"):
        read_log(tmp_path / "a.csv")


def test_a_length_that_an_event_file_claims_does_not_fill_the_memory(tmp_path: Path):
    import struct

    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    length = struct.pack("<Q", 2**62)
    (tmp_path / f"{PREFIX}1").write_bytes(length + struct.pack("<I", masked_crc32c(length)) + b"short")

    with pytest.raises(UserError, match="is no event file of TensorBoard, or is damaged after 0 events"):
        read_log(tmp_path / f"{PREFIX}1")


def test_without_the_package_an_event_file_names_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = write_scalars(tmp_path / "run", {"loss": VALUES})
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)

    with pytest.raises(UserError, match=r"pip install -c constraints.txt -e '\.\[tensorboard\]'"):
        read_log(folder)


def test_a_step_that_is_no_number_is_none_at_all(tmp_path: Path):
    log = read_log(write_csv(tmp_path / "a.csv", {"step": [1, float("nan"), 3], "loss": [3.0, 2.0, 1.0]}))

    assert log.series["loss"].steps is None
    assert log.series["loss"].values.tolist() == [3.0, 2.0, 1.0]
