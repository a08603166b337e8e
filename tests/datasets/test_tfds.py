"""--source tfds: the same arrays whatever the file format, cached, and refused in words where they do not fit."""

import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.builders import Builders, prepare_mnist
from tests.support.command_line import twotrack
from twotrack.shared import datasets
from twotrack.shared.datasets import tfds
from twotrack.shared.datasets.tfds import TfdsRequest
from twotrack.shared.errors import UserError
from twotrack.shared.runs.run_folder import read
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.workers.processes import Worker

TRAIN, TEST = 600, 200
FORMATS = ("tfrecord", "array_record")
OTHERS = ("SmallImages", "TwoClasses", "TrainOnly", "TextOnly")


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def prepared(converter: Worker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of prepared data sets by file format."""
    folders = {file_format: tmp_path_factory.mktemp(file_format) for file_format in FORMATS}
    for file_format, folder in folders.items():
        builders = ["Mnist", *(OTHERS if file_format == "array_record" else ())]
        converter.call(prepare_mnist, Builders(builders, folder, file_format))
    return folders


def convert(converter: Worker, folder: Path, name: str = "mnist") -> Path:
    return converter.call(tfds.convert, TfdsRequest(name, str(folder))).path


def examples(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, int]]:
    """The multiset of examples: tensorflow-datasets shuffles when it prepares."""
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


@pytest.mark.parametrize("file_format", FORMATS)
def test_converted_arrays_hold_exactly_the_examples_that_were_prepared(
    converter: Worker, prepared: dict[str, Path], file_format: str
):
    with np.load(convert(converter, prepared[file_format])) as archive:
        found = dict(archive)

    original = datasets.load("mnist", datasets.embedded_source("mnist"))
    for split, count in (("train", TRAIN), ("test", TEST)):
        expected = getattr(original, split).first(count)
        images, labels = found[f"{split}_images"], found[f"{split}_labels"]
        assert (images.dtype, images.shape) == (np.uint8, (count, 28, 28))
        assert examples(images, labels) == examples(expected.inputs[ONLY], expected.labels)


def test_a_second_call_reuses_the_cached_arrays(converter: Worker, prepared: dict[str, Path]):
    first = convert(converter, prepared["array_record"])
    written = first.stat().st_mtime_ns

    second = convert(converter, prepared["array_record"])

    assert (second, second.stat().st_mtime_ns) == (first, written)


def test_a_damaged_cache_is_converted_again(converter: Worker, prepared: dict[str, Path]):
    path = convert(converter, prepared["array_record"])
    good = path.read_bytes()
    path.write_bytes(good[:-100])

    assert convert(converter, prepared["array_record"]) == path
    assert path.read_bytes() == good


def test_a_data_set_that_was_prepared_anew_is_converted_anew(converter: Worker, prepared: dict[str, Path]):
    before = convert(converter, prepared["array_record"])
    next(prepared["array_record"].glob("mnist/3.0.1/*train*")).touch()

    assert convert(converter, prepared["array_record"]) != before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("small_images", "expected a feature 'image' of shape (28, 28, 1), found (20, 20, 1)"),
        ("text_only", "expected a feature 'image' of shape (28, 28, 1), found None"),
        ("two_classes", "expected a feature 'label' with 10 classes, found 2"),
        ("train_only", "expected splits train and test; test missing"),
    ],
)
def test_a_data_set_of_another_form_is_refused(converter: Worker, prepared: dict[str, Path], name: str, expected: str):
    with pytest.raises(UserError) as caught:
        convert(converter, prepared["array_record"], name)

    assert str(caught.value).startswith(f"{name}/")
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["no_such_digits", "not a name!", "mnist:9.9.9"])
def test_an_unknown_name_is_refused_with_the_folder_that_was_searched(
    converter: Worker, prepared: dict[str, Path], name: str
):
    with pytest.raises(UserError, match="knows no data set") as caught:
        convert(converter, prepared["array_record"], name)

    assert f"'{name}'" in str(caught.value)
    assert str(prepared["array_record"]) in str(caught.value)


def test_data_that_must_be_downloaded_from_an_unreachable_host_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
):
    """Nothing listens on a loopback address of our own choice."""
    features = {"image": SimpleNamespace(shape=(28, 28, 1)), "label": SimpleNamespace(num_classes=10)}
    builder = SimpleNamespace(
        url_infos={"https://127.99.99.99/digits.gz": None, "local/file": None},
        info=SimpleNamespace(full_name="mnist/3.0.1", features=features),
        data_dir="prepared/mnist",
        is_prepared=lambda: False,
    )
    monkeypatch.setattr(tfds, "_builder", lambda name, folder: builder)

    with pytest.raises(UserError) as caught:
        tfds.convert(TfdsRequest("mnist", "prepared"), lambda *_: None)

    for part in ("mnist/3.0.1 is not prepared in prepared/mnist", "host 127.99.99.99 cannot be reached", "--tfds-dir"):
        assert part in str(caught.value)


def test_a_reachable_host_is_not_refused(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda _, seconds: connect(server.getsockname(), seconds))
        tfds._require_reachable(SimpleNamespace(url_infos={"https://example.org/digits.gz": None}))

        assert server.accept()[0].fileno() > 0


def test_the_data_command_describes_a_tfds_source(prepared: dict[str, Path], tmp_path: Path):
    done = twotrack(
        "data", "mnist", "--source", "tfds", "--tfds-dir", prepared["array_record"], "--json", folder=tmp_path
    )

    (found,) = done.json()
    sizes = {split: sum(counts.values()) for split, counts in found["splits"].items()}
    assert found["source"] == "tfds:mnist"
    assert sizes == {"train": TRAIN - TRAIN // 12, "validation": TRAIN // 12, "test": TEST}


def test_a_run_trains_on_a_tfds_source(prepared: dict[str, Path], tmp_path: Path):
    options = ["--track", "torch", "--examples", "256", "--out", "runs", "--json"]
    done = twotrack(
        "run", "mnist_cnn", "--source", "tfds", "--tfds-dir", prepared["tfrecord"], *options, folder=tmp_path
    )

    (row,) = done.json()["runs"]
    run = read(tmp_path / row["folder"])
    assert (run.record.data.source, run.record.data.train, run.record.data.test) == ("tfds:mnist", 256, TEST)
    assert len(run.logits) == TEST


def test_an_unknown_data_set_is_refused_before_any_conversion(prepared: dict[str, Path], tmp_path: Path):
    done = twotrack(
        "data", "mnst", "--source", "tfds:mnist", "--tfds-dir", prepared["array_record"], folder=tmp_path, check=False
    )

    assert (done.code, done.error_line) == (
        2,
        "error: unknown data set 'mnst': did you mean 'mnist'? 'twotrack data' shows all data sets.",
    )
