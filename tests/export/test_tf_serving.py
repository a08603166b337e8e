"""Exports for TensorFlow Serving: what the gate lets through, what it refuses, what the graph itself refuses.

How the graph reads pictures is in test_pictures_in_graph.py, texts in test_texts.py.
"""

import csv
import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from tests.export import served
from tests.export.conftest import publish
from tests.export.served import Broken, Questions
from tests.support.jobs import train
from tests.support.runs import reseal
from twotrack.shared.datasets import telco
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.export.check import Check
from twotrack.shared.export.serving.protos import protos
from twotrack.shared.export.serving.repository import read_repository
from twotrack.shared.export.tf_serving import expected, folders, gate
from twotrack.shared.export.tf_serving.check import check_all
from twotrack.shared.export.workflow import export
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import Task

TF = "keras:tensorflow"
VERSIONS = ["churn_lstm/1", "churn_mlp/1", "mnist_cnn/1", "mnist_cnn/2"]


@pytest.fixture
def broken(repository: Path, tmp_path: Path) -> Path:
    """A copy of a good version, to be broken."""
    return Path(shutil.copytree(repository / "mnist_cnn" / "1", tmp_path / "mnist_cnn" / "1"))


def refusal(version: Path, workers: WorkerPool) -> Check:
    """Check a version; return the check that refused it."""
    (found,) = check_all(version, workers, lambda _: None).values()
    states = [check.state for check in found.checks]
    at = states.index("refused")
    assert states == ["passed"] * at + ["refused"] + ["not reached"] * (len(states) - at - 1)
    return found.checks[at]


# === What an export is ===


def test_every_version_passes_the_gate_at_every_batch_size(repository: Path, workers: WorkerPool):
    found = check_all(repository, workers, lambda _: None)

    assert [str(version.relative_to(repository)) for version in found] == VERSIONS
    for one in found.values():
        assert [check.state for check in one.checks] == ["passed"] * len(gate.CHECKS)
        assert list(one.differences) == [1, 2, 7, 32]
        assert 0 <= max(one.differences.values()) <= 1e-5


def test_the_folder_is_what_a_server_reads(repository: Path):
    served = read_repository(repository)

    assert served.models == {"churn_lstm": (1,), "churn_mlp": (1,), "mnist_cnn": (1, 2)}
    guide = (repository / "SERVING.md").read_text()
    assert "docker run" in guide
    assert f"-d @mnist_cnn/{served.example[1].name} http://localhost:8501/v1/models/mnist_cnn:predict" in guide
    assert sorted(path.name for path in repository.iterdir()) == [
        "SERVING.md", "batching.config", "churn_lstm", "churn_mlp", "mnist_cnn", "models.config",
    ]  # fmt: skip


def test_tensorflows_own_python_finds_the_probabilities_of_the_run(
    repository: Path, runs: dict[str, Run], workers: WorkerPool
):
    """Independent of the loader: TensorFlow's Python, on pictures read from the data file."""
    run = runs["mnist_cnn"]
    with np.load(run.record.job.source.file.path) as archive:
        images = archive["test_images"][:5]

    found = workers.call(
        TF, served.answers, served.Images(version=repository / "mnist_cnn" / "1", image=images.tolist())
    )

    np.testing.assert_allclose(found.probabilities, softmax(run.logits[:5], axis=1), atol=1e-5)
    assert found.class_name == [str(digit) for digit in run.logits[:5].argmax(axis=1)]


def test_the_example_request_holds_what_the_customers_file_says(repository: Path):
    body = json.loads((repository / "churn_lstm" / "request.json").read_text())

    assert body["signature_name"] == "serving_default"
    for row in body["instances"]:
        assert set(row) == {"tenure", "monthly_charge", "cumulative_charge", "services", "contract_months_left", "mask"}
        assert row["mask"][0] is True
        assert len(row["tenure"]) == 12


def test_a_customer_is_asked_about_by_the_columns_of_the_csv_file(repository: Path):
    """The first test customers, as their rows of the data file have them."""
    body = json.loads((repository / "churn_mlp" / "request.json").read_text())
    rows = list(csv.DictReader(telco.EMBEDDED.text().splitlines()))
    _, _, test = split_rows(np.array([row["churn"] == "Yes" for row in rows]))

    for number, found in zip(test, body["instances"], strict=False):
        row = rows[number]
        assert {name: str(value) for name, value in found.items() if isinstance(value, str | int)} == {
            name: row[name] for name, value in found.items() if isinstance(value, str | int)
        }
        assert found["total_charges"] == float(row["total_charges"])


def test_the_warm_up_file_is_what_tensorflow_reads(repository: Path, workers: WorkerPool):
    """TensorFlow's own reader of records, and the real messages; every batch size of batching.config is in it."""
    version = repository / "mnist_cnn" / "2"

    sizes = workers.call(TF, served.warm_up_sizes, version / folders.WARM_UP)

    assert sizes == {name: [1, 2, 4, 8, 16, 32] for name in ("serving_default", "encoded_image")}
    config = (repository / "batching.config").read_text()
    assert [f"allowed_batch_sizes: {size}" in config for size in (1, 2, 4, 8, 16, 32)] == [True] * 6


def test_classify_is_what_the_server_calls_classify(repository: Path):
    saved = protos().saved_model_pb2.SavedModel.FromString((repository / "churn_lstm/1/saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def["classify"]

    assert signature.method_name == "tensorflow/serving/classify"
    assert set(signature.inputs) == {"inputs"}
    assert set(signature.outputs) == {"classes", "scores"}
    assert [dim.size for dim in signature.inputs["inputs"].tensor_shape.dim] == [-1]


# === What the gate refuses ===


@pytest.mark.parametrize(
    ("task", "track", "check", "reason"),
    [
        (served.with_python, TF, "operations", "PyFunc calls Python, which the server does not have"),
        (served.of_one, TF, "signatures", "image has shape (1, 28, 28); expected any number of examples (-1) first"),
        (
            served.of_jax,
            "keras:jax",
            "operations",
            "XlaCallModule needs XLA compilation, which the",
        ),
    ],
)
def test_a_model_that_the_server_cannot_run_is_refused(
    task: Task[Broken, None], track: str, check: str, reason: str,
    repository: Path, runs: dict[str, Run], workers: WorkerPool, tmp_path: Path,
):  # fmt: skip
    bad = tmp_path / "mnist_cnn" / "1"

    workers.call(track, task, Broken(repository / "mnist_cnn" / "1", bad, runs["mnist_cnn"].folder))

    found = refusal(bad, workers)
    assert found.name == check
    assert reason in found.detail


@pytest.fixture(scope="module")
def other(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of other weights, whose guide starts another server."""
    folder = tmp_path_factory.mktemp("other")
    run = train(workers, folder / "run", "torch", seed=1, settings={"filters": "4"})
    return export(run.folder, "tf-serving", folder / "models", workers, server_tag="2.20.0").out


def test_wrong_weights_are_refused(other: Path, workers: WorkerPool, broken: Path):
    shutil.rmtree(broken / "variables")
    shutil.copytree(other / "variables", broken / "variables")

    found = refusal(broken, workers)

    assert found.name == "predictions"
    assert found.detail.startswith("serving_default, batch of 1: probabilities differ from the run's by")


def test_truncated_variables_are_refused(broken: Path, workers: WorkerPool):
    (file,) = (broken / "variables").glob("*.data-*")
    file.write_bytes(file.read_bytes()[:1000])

    assert refusal(broken, workers).name == "loads"


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "check", "reason"),
    [
        (lambda version: (version / "saved_model.pb").write_bytes(b"\xff\xff"), "files", "saved_model.pb is damaged"),
        (lambda version: damage(version / folders.WARM_UP), "warm-up", "a damaged record"),
        (
            lambda version: (version / folders.WARM_UP).write_bytes(b""),
            "warm-up",
            "expected 1 to 1,000 requests, found 0",
        ),
        (lambda version: (version / expected.ANSWERS).unlink(), "predictions", "say what the model must answer"),
        (lambda version: damage(version / expected.REQUESTS), "predictions", "say what the model must answer"),
        (lambda version: shutil.rmtree(version / "variables"), "files", "expected a file variables/variables.index"),
    ],
)
def test_a_damaged_version_is_refused(change: Any, check: str, reason: str, broken: Path, workers: WorkerPool):
    change(broken)

    found = refusal(broken, workers)

    assert found.name == check
    assert reason in found.detail


def test_an_export_that_the_gate_refuses_leaves_no_version(
    runs: dict[str, Run], workers: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The run's stored predictions are swapped, so that no model can have made them."""
    run = Path(shutil.copytree(runs["mnist_cnn"].folder, tmp_path / "run"))
    swap_predictions(run)

    with pytest.raises(UserError, match=r"refused: predictions: serving_default, batch of 1: .* nothing was written"):
        export(run, "tf-serving", tmp_path / "new" / "models", workers)

    assert not (tmp_path / "new").exists()


def swap_predictions(run: Path) -> None:
    with np.load(run / "predictions.npz") as archive:
        arrays = dict(archive)
    np.savez(run / "predictions.npz", **(arrays | {"logits": arrays["logits"][::-1]}))
    reseal(run)


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", ".hidden"])
def test_a_models_name_cannot_leave_the_folder(name: str, runs: dict[str, Run], workers: WorkerPool, tmp_path: Path):
    with pytest.raises(UserError, match="--model: expected letters, digits"):
        publish(runs["mnist_cnn"], tmp_path / "models", workers, name or " ")

    assert list(tmp_path.iterdir()) == []


# === What the graph refuses ===


def image(kind: str, shape: list[int], value: Any = 0) -> dict[str, Any]:
    return {"image": [kind, shape, value]}


def months(**changes: list[Any]) -> dict[str, Any]:
    names = ("tenure", "monthly_charge", "cumulative_charge", "services", "contract_months_left")
    return {name: ["float32", [2, 12], 1.0] for name in names} | {"mask": ["bool", [2, 12], True]} | changes


def customer(**changes: list[Any]) -> dict[str, Any]:
    flags = ("tenure", "female", "senior_citizen", "partner", "dependents", "phone_service", "paperless_billing")
    no = ("online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies")
    return (
        {name: ["int64", [1], 1] for name in flags}
        | {name: ["float32", [1], 20.0] for name in ("monthly_charges", "total_charges")}
        | {name: ["text", [1], "No"] for name in (*no, "multiple_lines", "internet_service")}
        | {"contract": ["text", [1], "One year"], "payment_method": ["text", [1], "Mailed check"]}
        | changes
    )


@pytest.mark.parametrize(
    ("model", "signature", "inputs", "reason"),
    [
        ("mnist_cnn", "serving_default", image("uint8", [3, 28, 28]), "answered"),
        ("mnist_cnn", "serving_default", image("uint8", [3, 14, 56]), "not compatible with expected shape [?,28,28]"),
        ("mnist_cnn", "serving_default", image("uint8", [28, 28]), "not compatible with expected shape [?,28,28]"),
        ("mnist_cnn", "serving_default", image("uint8", [2, 28, 28, 1]), "not compatible with expected shape"),
        ("mnist_cnn", "serving_default", image("float32", [2, 28, 28]), "to be uint8 but float is provided"),
        ("mnist_cnn", "serving_default", image("uint8", [0, 28, 28]), "expected at least one example, found none"),
        ("mnist_cnn", "encoded_image", {"image_bytes": ["text", [0], ""]}, "expected at least one example, found none"),
        ("mnist_cnn", "encoded_image", {"image_bytes": ["text", [1], "no picture"]}, "Unknown image file format"),
        ("mnist_cnn", "encoded_image", {"image_bytes": ["text", [1, 1], "x"]}, "not compatible with expected shape"),
        ("mnist_cnn", "classify", {"inputs": ["text", [1], "no Example"]}, "Could not parse example"),
        ("churn_mlp", "serving_default", customer(), "answered"),
        ("churn_mlp", "serving_default", customer(contract=["text", [1], "None"]), "contract: expected one of"),
        ("churn_mlp", "serving_default", customer(total_charges=["float32", [1], np.inf]), "total_charges: expected"),
        ("churn_mlp", "serving_default", customer(tenure=["int64", [1, 1], 1]), "not compatible with expected shape"),
        ("churn_lstm", "serving_default", months(), "answered"),
        ("churn_lstm", "serving_default", months(tenure=["float32", [2, 12], float("nan")]), "tenure: expected finite"),
        ("churn_lstm", "serving_default", months(mask=["bool", [2, 12], False]), "mask: expected true for the first"),
        ("churn_lstm", "serving_default", months(mask=["bool", [3, 12], True]), "expected as many examples"),
        ("churn_lstm", "serving_default", months(tenure=["float32", [2, 13], 1.0]), "not compatible with expected"),
    ],
)  # fmt: skip
def test_the_graph_refuses_what_it_cannot_answer(
    model: str, signature: str, inputs: dict[str, Any], reason: str, repository: Path, workers: WorkerPool
):
    asked = Questions(repository / model / "1", [(signature, inputs)])
    (found,) = workers.call(None, served.ask, asked, role="gate")

    assert reason in found


def test_a_gif_is_refused(repository: Path, workers: WorkerPool):
    file = BytesIO()
    Image.new("L", (28, 28)).save(file, "GIF")
    content = {"image_bytes": ["text", [1], file.getvalue().decode("latin-1")]}

    asked = Questions(repository / "mnist_cnn" / "1", [("encoded_image", content)])
    (found,) = workers.call(None, served.ask, asked, role="gate")

    assert "expected a JPEG or PNG picture" in found


# === The server's version ===


def test_the_guide_starts_the_server_that_is_asked_for(other: Path):
    assert "tensorflow/serving:2.20.0 " in (other.parents[1] / "SERVING.md").read_text()


@pytest.mark.parametrize(
    ("tag", "message"), [("2.18.0", "2.19.1 or newer"), ("a b", "the tag of an image"), ("", "tag")]
)
def test_a_tag_that_cannot_serve_is_refused(
    tag: str, message: str, runs: dict[str, Run], workers: WorkerPool, tmp_path: Path
):
    with pytest.raises(UserError, match=message):
        export(runs["mnist_cnn"].folder, "tf-serving", tmp_path / "models", workers, server_tag=tag)

    assert list(tmp_path.iterdir()) == []
