"""Every format of small runs: what is written, how the runtimes see it, and what is refused."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax

from tests.export.conftest import CHAPTERS
from tests.support.pools import Unused, Watched
from tests.support.runs import reseal
from twotrack.shared.chapters import CHAPTERS as ALL
from twotrack.shared.cli import main
from twotrack.shared.errors import UserError
from twotrack.shared.export import check, formats, workflow
from twotrack.shared.export.formats import FORMATS, OWN
from twotrack.shared.export.workflow import Artifact, Exported, export
from twotrack.shared.runs.run_folder import WEIGHTS, Run, read
from twotrack.shared.workers.pool import WorkerPool

Exports = Callable[[str, str], Exported]
FILES = [name for name, one in FORMATS.items() if one.suffix]
"""The formats that are one file."""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_export_says_what_its_run_said_and_leaves_one_file(chapter: str, name: str, exported: Exports):
    done = exported(chapter, name)

    assert list(done.compared.differences) == [1, 7]
    assert 0 <= done.largest <= 1e-5
    assert list(done.out.parent.iterdir()) == [done.out]
    assert done.size == done.out.stat().st_size


def test_onnx_runtime_takes_images_channels_last_in_a_batch_of_any_size(runs: dict[str, Run], exported: Exports):
    """From the stored bytes on, this calls nothing of the package."""
    run, file = runs["mnist_cnn"], exported("mnist_cnn", "onnx").out
    with np.load(run.record.job.source.file.path) as archive:
        images = archive["test_images"][:3].astype(np.float32)[..., None] / 255

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    logits, probabilities = session.run(["logits", "probabilities"], {"input": (images - 0.1307) / 0.3081})

    np.testing.assert_allclose(probabilities, softmax(run.logits[:3], axis=1), atol=1e-5)
    np.testing.assert_allclose(softmax(logits, axis=1), probabilities, atol=1e-6)
    assert session.get_inputs()[0].shape == ["batch", 28, 28, 1]
    described = session.get_modelmeta().custom_metadata_map
    assert described["chapter"] == "mnist_cnn"
    assert json.loads(described["inputs"]) == {
        "input": {"type": "float32", "shape": ["batch", 28, 28, 1], "axes": "channels last"}
    }


def test_litert_has_names_and_both_classes_of_one_logit(runs: dict[str, Run], exported: Exports):
    test = ALL["churn_lstm"].data()
    given = test.prepare(test.test.first(5).inputs)

    interpreter = Interpreter(str(exported("churn_lstm", "litert").out))
    found = interpreter.get_signature_runner()(months=given["months"], mask=given["mask"])

    p = expit(runs["churn_lstm"].logits[:5])
    np.testing.assert_allclose(found["probabilities"], np.concatenate([1 - p, p], axis=1), atol=1e-5)


def changed(run: Run, folder: Path, change: str) -> Path:
    """Copy a run and change its weights, its record too, so that only its predictions tell."""
    shutil.copytree(run.folder, folder)
    weights = {name: array.copy() for name, array in load_file(folder / WEIGHTS).items()}
    weights["logits.bias"] += {"little": np.float32(1e-3) * np.arange(10, dtype=np.float32), "nan": np.nan}[change]
    save_file(weights, folder / WEIGHTS)
    reseal(folder)
    return read(folder).folder


@pytest.mark.parametrize("change", ["little", "nan"])
@pytest.mark.parametrize("name", ["onnx", "safetensors"])
def test_weights_that_did_not_make_the_predictions_are_noticed_and_nothing_is_left(
    name: str, change: str, runs: dict[str, Run], workers: WorkerPool, tmp_path: Path
):
    folder, out = changed(runs["mnist_cnn"], tmp_path / "run", change), tmp_path / "out" / f"a{FORMATS[name].suffix}"
    out.parent.mkdir()

    with pytest.raises(UserError, match=rf"the {name} export is not the run's model: on a batch of 1 .* at most 1e-05"):
        export(folder, name, out, workers)

    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_half_of_an_artifact_is_refused_by_its_runtime(
    name: str, runs: dict[str, Run], exported: Exports, workers: WorkerPool, tmp_path: Path
):
    whole, half = exported("mnist_cnn", name).out, tmp_path / f"half{FORMATS[name].suffix}"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    track = "torch" if FORMATS[name].reload_on == OWN else FORMATS[name].reload_on
    artifact = Artifact(runs["mnist_cnn"].folder, name, half, track)

    with pytest.raises(UserError, match=r"does not (load|run) the exported model"):
        workers.call(track, workflow.check, artifact, role=workflow.RELOAD)


EXPECTED = np.array([[0.25, 0.75]])
LOGIT = np.log(np.array([[3.0]]))


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ({"logits": LOGIT, "probabilities": EXPECTED}, pytest.approx(0, abs=1e-12)),
        ({"logits": LOGIT, "probabilities": EXPECTED[:, ::-1]}, pytest.approx(0.5)),
        ({"logits": -LOGIT, "probabilities": EXPECTED}, pytest.approx(0.5)),
        ({"logits": LOGIT, "probabilities": EXPECTED * np.nan}, np.inf),
    ],
)
def test_both_outputs_are_compared(outputs: dict[str, np.ndarray], found: float):
    assert check.difference(outputs, EXPECTED) == found


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"probabilities": EXPECTED}, "expected the outputs logits and probabilities, found probabilities"),
        ({"logits": LOGIT, "probabilities": EXPECTED[:, 1:]}, "probabilities: expected a shape that gives"),
        ({"logits": LOGIT[:0], "probabilities": EXPECTED}, "logits: expected a shape that gives"),
    ],
)
def test_outputs_of_another_form_are_refused(outputs: dict[str, np.ndarray], message: str):
    with pytest.raises(UserError, match=message):
        check.difference(outputs, EXPECTED)


@pytest.mark.parametrize(
    ("run", "name", "out", "message"),
    [
        ("{run}", "onx", "a.onnx", "unknown format 'onx': did you mean 'onnx'? The formats are: "),
        ("{tmp}/absent", "onnx", "a.onnx", "'{tmp}/absent' is no run folder: it has no record.json."),
        ("{run}", "onnx", "a.pt2", "--out: expected a name that ends in .onnx for onnx, found '{tmp}/a.pt2'."),
        ("{run}", "onnx", "no/a.onnx", "--out: the folder '{tmp}/no' does not exist; create it or choose another one."),
        ("{run}", "onnx", "old.onnx", "--out: '{tmp}/old.onnx' exists, and an export replaces nothing;"),
        ("{run}", "litert", "link.tflite", "--out: '{tmp}/link.tflite' exists, and an export replaces nothing;"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_a_worker_starts(
    run: str, name: str, out: str, message: str, runs: dict[str, Run], tmp_path: Path, monkeypatch, capsys
):
    (tmp_path / "old.onnx").write_text("old")
    (tmp_path / "link.tflite").symlink_to("nowhere")
    before = sorted(tmp_path.iterdir())
    places = {"run": runs["mnist_cnn"].folder, "tmp": tmp_path}
    arguments = ["export", run.format(**places), "--format", name, "--out", f"{tmp_path}/{out}"]
    monkeypatch.setattr(sys, "argv", ["twotrack", *arguments])

    with pytest.raises(SystemExit) as ended:
        main(Unused())

    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {message.format(**places)}")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old.onnx").read_text() == "old"


def test_a_missing_package_is_named_with_its_install_line(runs: dict[str, Run], tmp_path: Path, monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda module: None if module == "onnxruntime" else module)

    with pytest.raises(UserError, match=r"the format 'onnx' needs onnxruntime, not installed here; run: pip install"):
        export(runs["mnist_cnn"].folder, "onnx", tmp_path / "a.onnx", Unused())


def test_a_name_that_is_taken_during_the_export_is_not_replaced(
    runs: dict[str, Run], workers: WorkerPool, tmp_path: Path
):
    out = tmp_path / "a.safetensors"
    watched = Watched(workers, lambda role: out.write_text("mine"))

    with pytest.raises(UserError, match="has appeared during the export, which replaces nothing"):
        export(runs["mnist_cnn"].folder, "safetensors", out, watched)

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.safetensors", "mine")]
