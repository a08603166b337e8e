"""What a script records of models of its own, and what a comparison makes of it."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.recordings import tasks
from tests.recordings.tasks import RecordingTask
from tests.support.command_line import in_process
from twotrack import Recorder, UserError, record
from twotrack.shared.recordings.comparison import compare_folders
from twotrack.shared.recordings.folder import open_recording
from twotrack.shared.recordings.standalone import Writer
from twotrack.shared.verify.result import GapKind
from twotrack.shared.workers.pool import WorkerPool

TORCH, KERAS = "torch", "keras:torch"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory, workers: WorkerPool) -> Path:
    """Return a folder with recordings of one model by two scripts, and of a training by two."""
    folder = tmp_path_factory.mktemp("scripts")
    workers.call(TORCH, tasks.record_torch, RecordingTask(out=folder / "torch"))
    workers.call(KERAS, tasks.record_keras, RecordingTask(out=folder / "keras"))
    workers.call(TORCH, tasks.train_torch, RecordingTask(out=folder / "torch_steps"))
    workers.call(KERAS, tasks.train_keras, RecordingTask(out=folder / "keras_steps"))
    return folder


def test_two_scripts_models_are_one_although_no_name_and_no_layout_is_the_same(scripts: Path):
    found = compare_folders(scripts / "torch", scripts / "keras")

    assert found.result.passed
    assert {len(pair.other) for pair in found.weights.pairs} == {1, 3}
    assert found.result.rungs[1].detail.endswith("(6 by value, 2 fused)")
    assert found.result.certificate.counts["gradients"] == 8
    layers = next(rung for rung in found.result.rungs if rung.rung == "forward").counts["layers"]
    assert layers >= 4


def test_what_float32_may_hide_is_named_with_its_layer(scripts: Path, tmp_path: Path, workers: WorkerPool):
    workers.call(TORCH, tasks.record_torch, RecordingTask(out=tmp_path / "torch", fault="scaled"))
    gaps = compare_folders(tmp_path / "torch", scripts / "keras").result.certificate.gaps
    (told,) = [gap.detail for gap in gaps if gap.where == "forward"]

    assert "more than rounding as a rule: first in layer 'classify' (Dense against Linear), by" in told


def test_a_recording_tells_of_the_model(scripts: Path):
    opened = open_recording(scripts / "torch")

    assert opened.manifest.side == "torch"
    assert opened.manifest.outputs[0].name == "logits"
    assert opened.manifest.optimizer["kind"] == "AdamW"
    assert opened.manifest.optimizer["lr"] == 0.25
    calls = {call.path: call for call in opened.manifest.calls}
    assert calls["stem"].hyperparameters["kernel_size"] == [3, 3]
    assert open_recording(scripts / "keras").manifest.side == "keras:torch"


def test_every_third_step_is_recorded_with_all_that_there_is(scripts: Path):
    manifest = open_recording(scripts / "torch_steps").manifest

    assert [step.number for step in manifest.steps] == [1, 3, 6]
    assert {step.learning_rate for step in manifest.steps} == {0.1}
    assert all(len(step.gradients) == len(step.weights) == 4 for step in manifest.steps)
    assert len({step.batches for step in manifest.steps}) == 3


def test_two_loops_that_train_alike_pass(scripts: Path):
    found = compare_folders(scripts / "torch_steps", scripts / "keras_steps")

    assert found.result.passed
    assert [rung.rung for rung in found.result.rungs] == ["data", "parameters", "loss", "gradients", "training"]
    assert found.result.rungs[-1].detail == "3 steps compared, up to 6"
    assert found.result.rungs[-1].difference < 1e-5


@pytest.fixture(scope="module")
def by_adam(tmp_path_factory: pytest.TempPathFactory, workers: WorkerPool) -> Path:
    """Return a folder with recordings of one training by two scripts, and of two with a fault in what is remembered."""
    folder = tmp_path_factory.mktemp("adam")
    workers.call(KERAS, tasks.train_keras, RecordingTask(out=folder / "keras", every=1, adam=True))
    for fault in ("", "state", "count"):
        out = folder / f"torch{fault}"
        workers.call(TORCH, tasks.train_torch, RecordingTask(out=out, every=1, adam=True, fault=fault))
    return folder


def test_what_optimizers_remember_is_recorded_and_compared(by_adam: Path):
    """In torch under its own names and in its own layout."""
    (_, *_, last) = open_recording(by_adam / "torch").manifest.steps
    assert (last.updates, {slot: len(arrays) for slot, arrays in last.state.items()}) == (
        7,
        {"momentum": 4, "velocity": 4},
    )

    rung = compare_folders(by_adam / "torch", by_adam / "keras").result.rungs[-1]

    assert rung.passed
    assert rung.counts == {"training steps": 7, "slots of optimizers": 8}


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("state", r"step 6: what the optimizer remembers of '0\.weight' as velocity differs by [345]\.\de-01"),
        ("count", "step 6: the optimizer has done 7 updates in 'torchcount', 6 in 'keras'"),
    ],
)
def test_another_state_behind_equal_weights_is_found(by_adam: Path, fault: str, detail: str):
    rung = compare_folders(by_adam / f"torch{fault}", by_adam / "keras").result.rungs[-1]

    assert (rung.rung, rung.passed) == ("training", False)
    assert re.match(detail, rung.detail), rung.detail


def test_what_an_optimizer_remembers_is_recorded_of_a_model_too(tmp_path: Path, workers: WorkerPool):
    for track, task in ((TORCH, tasks.record_trained_torch), (KERAS, tasks.record_trained_keras)):
        workers.call(track, task, RecordingTask(out=tmp_path / track.partition(":")[0]))
    workers.call(TORCH, tasks.record_trained_torch, RecordingTask(out=tmp_path / "wrong", fault="state"))
    manifest = open_recording(tmp_path / "torch").manifest
    right, wrong = (
        compare_folders(tmp_path / name, tmp_path / "keras").result.rungs[-1] for name in ("torch", "wrong")
    )

    assert (manifest.updates, set(manifest.state)) == (3, {"momentum", "velocity"})
    assert (right.passed, right.counts) == (True, {"slots of optimizers": 8}), right.detail
    assert not wrong.passed
    assert re.match(
        r"before training: what the optimizer remembers of '0\.weight' as velocity differs by", wrong.detail
    )


def test_another_batch_is_found_in_the_next_step_that_is_recorded(scripts: Path, tmp_path: Path, workers: WorkerPool):
    workers.call(TORCH, tasks.train_torch, RecordingTask(out=tmp_path / "torch", fault="batch"))
    last = compare_folders(tmp_path / "torch", scripts / "keras_steps").result.rungs[-1]

    assert (last.rung, last.passed) == ("data", False)
    assert last.detail.startswith("up to step 6 ")


@pytest.mark.parametrize(("every", "passed"), [(1, False), (3, True)])
def test_another_learning_rate_fails_where_every_step_is_recorded_and_is_named_anyway(
    scripts: Path, tmp_path: Path, workers: WorkerPool, every: int, passed: bool
):
    """What three steps of float32 may do to rounding, nobody knows."""
    workers.call(TORCH, tasks.train_torch, RecordingTask(out=tmp_path / "torch", fault="rate", every=every))
    workers.call(KERAS, tasks.train_keras, RecordingTask(out=tmp_path / "keras", every=every))
    found = compare_folders(tmp_path / "torch", tmp_path / "keras").result

    assert (found.rungs[-1].rung, found.passed) == ("training", passed)
    told = [gap.detail for gap in found.certificate.gaps if gap.kind is GapKind.ROUNDING] or [found.rungs[-1].detail]
    assert f"step {6 if passed else 5}: " in told[0]


def test_an_exception_in_the_loop_leaves_nothing(tmp_path: Path, workers: WorkerPool):
    with pytest.raises(Exception, match="ZeroDivisionError"):
        workers.call(TORCH, tasks.train_torch, RecordingTask(out=tmp_path / "steps", fault="exception"))

    assert list(tmp_path.iterdir()) == []


def test_an_old_torchs_hooks_a_shared_layer_and_bfloat16_are_recorded(tmp_path: Path, workers: WorkerPool):
    workers.call(TORCH, tasks.record_as_torch_1, RecordingTask(out=tmp_path / "old"))
    opened = open_recording(tmp_path / "old")

    assert [call.path for call in opened.manifest.calls] == ["0", "1", "2", "1#2"]
    assert [weight.name for weight in opened.manifest.weights] == ["0.weight", "1.weight", "1.bias"]
    assert {array.dtype for array in opened.weights.values()} == {np.dtype(np.float32)}


def test_a_killed_process_leaves_nothing_that_looks_finished(tmp_path: Path):
    if os.fork() == 0:
        writer = Writer(tmp_path / "recording")
        writer.add(np.ones(10))
        writer._flush()
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()

    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".recording.")
    assert left.name.endswith(".partial")


def test_large_values_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("twotrack.shared.recordings.standalone.SHARD_BYTES", 1000)
    writer = Writer(tmp_path / "recording")
    for number in range(10):
        writer.add(np.full(150, float(number)))
        assert writer._bytes == 0
    assert len(writer.files) == 10
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_every_type_comes_back_as_it_was(tmp_path: Path, dtype: str):
    from tests.recordings.made import Network

    array = np.random.default_rng(0).integers(0, 2, (3, 1, 4)).astype(dtype)
    empty = np.zeros((0, 3), dtype)
    keys: list[str] = []

    class Written(Network):
        def _trained(self, writer: Writer, weights: dict[str, np.ndarray]) -> list:
            keys.extend(map(writer.add, (array, array.transpose(2, 1, 0), empty, np.asarray(array[0, 0, 0]))))
            return []

    named = [{"name": "", "tensor": ""}] * 4
    folder = Written().record(
        tmp_path / "recording",
        lambda manifest: manifest.update(targets=[one | {"tensor": key} for one, key in zip(named, keys, strict=True)]),
    )
    opened = open_recording(folder)
    found = opened.arrays(opened.manifest.targets)

    for one, expected in zip(found, (array, array.transpose(2, 1, 0), empty, array[0, 0, 0]), strict=True):
        assert one.dtype == array.dtype
        np.testing.assert_array_equal(one, expected)


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path):
    (tmp_path / "mine").mkdir()

    with pytest.raises(UserError, match="is there already"):
        Recorder(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_what_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"expected a torch.nn.Module or a keras.Model, found a str"):
        record("model", np.ones(3), tmp_path / "recording")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("every", [0, -1, 2.5, True])
def test_a_rhythm_that_is_none_is_refused(tmp_path: Path, every: int):
    with pytest.raises(UserError, match="every: expected a whole number of steps"):
        Recorder(tmp_path / "recording", every=every)
    assert list(tmp_path.iterdir()) == []


def test_a_recorder_without_steps_says_so_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(UserError, match="no step was recorded"), Recorder(tmp_path / "recording"):
        pass
    assert list(tmp_path.iterdir()) == []


# === Sides of pairs ===

PAIR = """
from twotrack import Pair


def keras_build():
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 2))
    values = layers.Conv2D(3, 3, name="conv")(inputs)
    values = layers.Flatten(name="flatten")(layers.Activation({activation!r}, name="act")(values))
    return keras.Model(inputs, layers.Dense(4, name="out")(layers.Dropout(0.3, name="drop")(values)))


def torch_build():
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act, self.drop = nn.Conv2d(2, 3, 3), nn.SiLU(), nn.Dropout(0.3)
            self.fc = nn.Linear(48, 4)

        def forward(self, x):
            return self.fc(self.drop(self.act(self.conv(x)).flatten(1)))

    return Network()


PAIR = Pair(keras_build, torch_build, (6, 6, 2), loss="cross_entropy", rename={{"fc": "out"}})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, workers: WorkerPool) -> Path:
    """Return a folder with a pair, a wrong one, and a recording of the torch side."""
    folder = tmp_path_factory.mktemp("project")
    for name, activation in (("recorded_pair", "silu"), ("recorded_wrong", "gelu")):
        (folder / f"{name}.py").write_text(PAIR.format(activation=activation))
    done = in_process("record", "recorded_pair:PAIR", "--out", "torch_side", folder=folder, workers=workers)
    assert done.stdout.startswith("torch_side: torch, float64, ") or "torch, float64, " in done.stdout
    return folder


def test_a_recorded_side_holds_all_that_the_rungs_ask_for(project: Path):
    manifest = open_recording(project / "torch_side").manifest

    assert (manifest.names, manifest.precision) == ("canonical", "float64")
    assert [weight.name for weight in manifest.weights] == ["conv.kernel", "conv.bias", "out.kernel", "out.bias"]
    assert [call.path for call in manifest.calls] == ["conv", "act", "drop", "out"]
    assert len(manifest.steps) == 20
    assert manifest.loss["kind"] == "cross_entropy"
    assert [step.updates for step in manifest.steps] == list(range(1, 21))
    assert {slot: len(arrays) for slot, arrays in manifest.steps[-1].state.items()} == {"momentum": 4, "velocity": 4}


@pytest.mark.parametrize(("module", "rung"), [("recorded_pair", None), ("recorded_wrong", "forward")])
def test_a_side_that_runs_here_is_compared_with_a_recorded_one(
    project: Path, workers: WorkerPool, module: str, rung: str | None
):
    done = in_process(
        "verify", f"{module}:PAIR", "--recording", "torch_side", "--tracks", KERAS, "--json",
        folder=project, workers=workers, check=False,
    )  # fmt: skip
    (track,) = done.json()["tracks"]

    assert done.code == (1 if rung else 0), done.stderr
    if rung:
        assert (track["rungs"][-1]["rung"], track["rungs"][-1]["where"]) == (rung, "act")
    else:
        assert [one["rung"] for one in track["rungs"]] == [
            "data", "parameters", "forward", "loss", "gradients", "training",
        ]  # fmt: skip
        assert max(one["difference"] or 0 for one in track["rungs"]) < 1e-12
        assert track["certificate"]["counts"]["slots of optimizers"] == 8
        assert {gap["where"] for gap in track["certificate"]["gaps"]} == {"dropout", "range", "pieces", "optimizer"}


def test_a_scripts_own_recording_is_read_into_the_pair(project: Path, workers: WorkerPool):
    """Its names, its axes and its weights are torch's, not the pair's."""
    recorded = project / "own"
    workers.call(TORCH, tasks.record_users_module, tasks.UsersModule(out=recorded, file=project / "recorded_pair.py"))
    done = in_process(
        "verify", "recorded_pair:PAIR", "--recording", "own", "--tracks", KERAS, "--json",
        folder=project, workers=workers,
    )  # fmt: skip
    (track,) = done.json()["tracks"]

    assert [one["rung"] for one in track["rungs"]] == ["data", "parameters", "forward", "loss", "gradients"]
    assert {gap["kind"] for gap in track["certificate"]["gaps"]} == {GapKind.NOT_RUN, GapKind.PRECISION}


def test_a_build_function_alone_is_recorded(project: Path, workers: WorkerPool):
    done = in_process(
        "record", "recorded_pair:torch_build", "--input-shape", "6,6,2", "--loss", "cross_entropy",
        "--out", "alone", "--json", folder=project, workers=workers,
    )  # fmt: skip

    assert done.json()["held"] == {"weights": 4, "calls": 4, "outputs": 1, "gradients": 4, "steps": 20}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("record", "recorded_pair:NOTHING", "--out", "x"), "expected a twotrack.Pair, a model or a function"),
        (("record", "recorded_pair:torch_build", "--out", "x"), "is no pair: say with --input-shape"),
        (("record", "nowhere:PAIR", "--out", "x"), "importing 'nowhere'"),
        (
            ("record", "recorded_pair:keras_build", "--input-shape", "6,6,2", "--out", "x"),
            "the torch build function must return an nn.Module, found Functional",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_leaves_nothing(
    project: Path, workers: WorkerPool, arguments: tuple[str, ...], message: str
):
    done = in_process(*arguments, folder=project, workers=workers, check=False)

    assert done.code == 2
    assert message in done.error_line
    assert not (project / "x").exists()
    assert not list(project.glob(".x*"))
