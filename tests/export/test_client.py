"""`twotrack request` against exported models: the client, the protocols and the real signatures fit each other.

The stand-in speaks the protocols; behind it the exported graphs answer, in TensorFlow's C++ runtime.
"""

import csv
import itertools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.serving import standin
from twotrack.shared.datasets import telco
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation import metrics
from twotrack.shared.export.serving.client import ServingRequest, ask
from twotrack.shared.export.serving.launch import BINARY, DOCKER, IMAGE, Ports, docker_problem
from twotrack.shared.export.serving.repository import read_repository
from twotrack.shared.export.serving.server import serving
from twotrack.shared.export.tf_serving import loaded
from twotrack.shared.export.tf_serving.loader import LoadedModel, ServingError
from twotrack.shared.runs.run_folder import Run

PROTOCOLS = ("rest", "grpc")


@pytest.fixture(scope="module")
def addresses(repository: Path) -> Iterator[dict[str, str]]:
    """HOST:PORT by protocol of a stand-in that serves the first version of every exported model."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        models = {name: Served(repository / name / "1") for name in ("mnist_cnn", "churn_mlp", "churn_lstm")}
        patch.setattr(standin, "SIGNATURES", {name: model.described for name, model in models.items()})
        patch.setitem(standin.OUTPUTS, "probabilities", ("float32", (-1, -1)))
        patch.setattr(standin, "VERSIONS", {name: {1: "AVAILABLE"} for name in models})
        patch.setattr(standin, "predict", lambda model, _, signature, given: models[model].predict(signature, given))
        with standin.running() as found:
            yield found
        for model in models.values():
            model.close()


class Served:
    """One version in the C++ runtime."""

    def __init__(self, version: Path):
        self._model = LoadedModel(version)
        self.close = self._model.close
        self._signatures = loaded.signatures(loaded.meta_graph((version / "saved_model.pb").read_bytes()))
        self.described = {
            name: {of: (tensor.type, tensor.shape) for of, tensor in signature.inputs.items()}
            for name, signature in self._signatures.items()
        }

    def predict(self, signature: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        try:
            return self._signatures[signature].ask(self._model, given)
        except ServingError as error:
            raise standin.InvalidError(str(error)) from error


def answer(addresses: dict[str, str], protocol: str, model: str, *given: Any, **changes: Any) -> np.ndarray:
    found = ask(ServingRequest(addresses[protocol], model, [str(one) for one in given], protocol, **changes))
    return found.outputs["probabilities"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_example_requests_give_the_runs_predictions(
    protocol: str, addresses: dict[str, str], repository: Path, served_runs: dict[str, Run]
):
    for model, run in served_runs.items():
        found = answer(addresses, protocol, model, repository / model / "request.json")

        np.testing.assert_allclose(found, metrics.probabilities(run.logits[:2]), atol=1e-5, err_msg=model)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_picture_files_give_the_runs_predictions(
    protocol: str, addresses: dict[str, str], served_runs: dict[str, Run], tmp_path: Path
):
    run = served_runs["mnist_cnn"]
    with np.load(run.record.job.source.file.path) as archive:
        images = archive["test_images"][:3]
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)

    found = answer(addresses, protocol, "mnist_cnn", *files)

    np.testing.assert_allclose(found, metrics.probabilities(run.logits[:3]), atol=1e-5)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_rows_of_the_csv_file_give_the_runs_predictions(
    protocol: str, addresses: dict[str, str], served_runs: dict[str, Run], tmp_path: Path
):
    rows = list(csv.DictReader(telco.EMBEDDED.text().splitlines()))
    _, _, test = split_rows(np.array([row["churn"] == "Yes" for row in rows]))
    file = tmp_path / "customers.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[number] for number in test[:5])

    found = answer(addresses, protocol, "churn_mlp", file)

    np.testing.assert_allclose(found, metrics.probabilities(served_runs["churn_mlp"].logits[:5]), atol=1e-5)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_graph_refuses_reaches_the_client(protocol: str, addresses: dict[str, str], tmp_path: Path):
    file = tmp_path / "large.png"
    Image.new("L", (29, 28)).save(file)

    with pytest.raises(UserError, match=r"\[28,29\] is not compatible with expected shape \[28,28\]"):
        answer(addresses, protocol, "mnist_cnn", file)


# === The real server ===


def no_server() -> str | None:
    """Return why TensorFlow Serving cannot run here, or None."""
    if shutil.which(BINARY):
        return None
    docker = shutil.which(DOCKER)
    if docker is None:
        return f"neither {BINARY} nor {DOCKER} is on PATH"
    has_image = subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0
    return docker_problem(docker) or (None if has_image else f"{DOCKER} has no image {IMAGE}")


NO_SERVER = no_server()


@pytest.mark.skipif(NO_SERVER is not None, reason=f"no TensorFlow Serving here: {NO_SERVER}")
def test_the_real_server_gives_the_runs_predictions(repository: Path, served_runs: dict[str, Run]):
    with socket.socket() as first, socket.socket() as second:
        first.bind(("", 0))
        second.bind(("", 0))
        free = Ports(first.getsockname()[1], second.getsockname()[1])
    with serving(read_repository(repository), free, IMAGE, 300, print) as real:
        where = {"rest": real.rest, "grpc": real.grpc}
        for protocol, (model, run) in itertools.product(PROTOCOLS, served_runs.items()):
            found = answer(where, protocol, model, repository / model / "request.json")
            np.testing.assert_allclose(found, metrics.probabilities(run.logits[:2]), atol=1e-5, err_msg=model)
        with pytest.raises(UserError, match="has no model 'nope'"):
            answer(where, "rest", "nope", "x=0.5")
