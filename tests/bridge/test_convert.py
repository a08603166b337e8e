"""`twotrack convert`: files of both frameworks, both ways; refusals; all or nothing."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.bridge import tasks_convert
from tests.bridge.tasks_convert import SETTINGS, Outputs
from tests.support.jobs import run as train
from tests.support.pools import Unused
from twotrack.shared import chapters
from twotrack.shared.cli import main
from twotrack.shared.errors import UserError
from twotrack.shared.runs import convert as converting
from twotrack.shared.runs import output_file
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.workers.pool import WorkerPool

KERAS = "keras:tensorflow"
MODEL = chapters.get("mnist_cnn").variant(settings=SETTINGS)
SET = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="session")
def files(workers, tmp_path_factory) -> Path:
    """Folder with good and bad files of both frameworks."""
    folder = tmp_path_factory.mktemp("files")
    workers.call("torch", tasks_convert.torch_files, folder)
    workers.call(KERAS, tasks_convert.keras_files, folder)
    np.save(folder / "inputs.npy", np.random.default_rng(0).random((8, 28, 28, 1), np.float32))
    return folder


@pytest.fixture(scope="session")
def run(workers, tmp_path_factory) -> Path:
    """A run folder."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    request = TrainingRequest("mnist_cnn", ("torch",), settings=SETTINGS, epochs=1, examples=128, device="cpu")
    (job,) = plan(request, lambda *_: folder)
    return train(workers, job).folder


@pytest.fixture
def twotrack(monkeypatch, capsys):
    """Run the command line in this process; return exit code, stdout and stderr."""

    def run(*arguments: object, workers: WorkerPool | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["twotrack", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main(workers)
        return ended.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def read(workers, files, tmp_path):
    """Read a file into canonical weights, in a worker that stays."""

    def read(name: str) -> tuple[dict[str, np.ndarray], list[str]]:
        track = "torch" if name.endswith((".pt", ".safetensors")) else KERAS
        asked = converting.Files(track, MODEL, files / name, tmp_path / "canonical")
        notes = workers.call(track, converting.read_weights, asked)
        return load_file(tmp_path / "canonical"), notes

    return read


@pytest.fixture
def write(workers, tmp_path):
    """Write canonical weights to a file, in a worker that stays."""

    def write(canonical: dict[str, np.ndarray], name: str) -> Path:
        track = "torch" if name.endswith((".pt", ".safetensors")) else KERAS
        save_file(canonical, tmp_path / "given")
        asked = converting.Files(track, MODEL, tmp_path / name, tmp_path / "given")
        workers.call(track, converting.write_weights, asked)
        return tmp_path / name

    return write


@pytest.fixture
def predict(workers, files, tmp_path):
    """Return the outputs of a framework that loads the file its own way."""

    def predict(path: Path) -> np.ndarray:
        track = "torch" if path.name.endswith((".pt", ".safetensors")) else KERAS
        out = tmp_path / "outputs.npy"
        workers.call(track, tasks_convert.predict, Outputs(track, path, files / "inputs.npy", out))
        return np.load(out)

    return predict


def same_bits(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes() for name in one
    )


def test_a_torch_checkpoint_goes_to_keras_and_comes_back_bit_equal(twotrack, files, predict, tmp_path, workers):
    there, back = tmp_path / "there.weights.h5", tmp_path / "back.safetensors"
    arguments = ["--chapter", "mnist_cnn", *SET]
    asked = ("convert", files / "good.pt", *arguments, "--to", "keras", "--out", there, "--json")
    code, out, _ = twotrack(*asked, workers=workers)
    assert code == 0
    assert json.loads(out) == {"out": str(there), "weights": 8, "values": 1141, "notes": []}
    code, out, _ = twotrack("convert", there, *arguments, "--to", "torch", "--out", back, workers=workers)
    assert (code, out) == (0, f"{back}: 8 weights, 1,141 values\n")
    assert same_bits(load_file(back), load_file(files / "good.safetensors"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.safetensors", "there.weights.h5"]

    expected = predict(files / "good.safetensors")
    np.testing.assert_allclose(predict(there), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(predict(back), expected)


def test_keras_weights_come_back_bit_equal_from_torch(read, write):
    canonical, _ = read("good.weights.h5")
    state = write(canonical, "there.pt")
    assert same_bits(read(str(state))[0], canonical)


def test_every_kind_of_file_of_the_same_weights_reads_the_same(read):
    torch, keras = read("good.safetensors")[0], read("good.weights.h5")[0]
    for name in ("good.pt", "nested.pt"):
        assert same_bits(read(name)[0], torch)
    for name in ("good.keras", "compiled.weights.h5"):
        assert same_bits(read(name)[0], keras)


def test_a_canonical_file_is_recognised_by_its_names(read, files, tmp_path):
    canonical, _ = read("good.safetensors")
    save_file(canonical, tmp_path / "copy.safetensors")
    assert same_bits(read(str(tmp_path / "copy.safetensors"))[0], canonical)


def test_float64_stays_exact_and_half_precision_widens(read, write):
    double, _ = read("double.pt")
    assert {array.dtype for array in double.values()} == {np.dtype(np.float64)}
    for name in ("double.weights.h5", "double.safetensors"):
        assert same_bits(read(str(write(double, name)))[0], double)
    half, single = read("bfloat16.pt")[0], read("good.pt")[0]
    assert {array.dtype for array in half.values()} == {np.dtype(np.float32)}
    for name, array in single.items():
        np.testing.assert_allclose(half[name], array, rtol=2**-8)


def test_a_run_folder_is_converted_with_its_own_settings(twotrack, run, tmp_path, read):
    out = tmp_path / "out.pt"
    code, _, err = twotrack("convert", run, "--chapter", "mnist_cnn", "--to", "torch", "--out", out)
    assert (code, err) == (0, "")
    assert same_bits(read(str(out))[0], load_file(run / "weights.safetensors"))


def test_the_weights_file_of_a_run_stands_for_the_run(run, tmp_path):
    folder, file = (
        converting._source(
            converting.ConversionRequest(path, "mnist_cnn", {"dropout": "0.5"}, "torch", tmp_path / "a.pt")
        )
        for path in (run, run / "weights.safetensors")
    )
    assert folder == file == (run, chapters.get("mnist_cnn").variant(settings=SETTINGS | {"dropout": "0.5"}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("code.pt", "would run code when loaded (Unsupported global: GLOBAL"),
        ("number.pt", "is no state_dict: 'epoch' is of type int; save model.state_dict() alone."),
        ("list.pt", "holds a list; expected a state_dict: save model.state_dict()."),
        ("empty.pt", "is damaged or no torch checkpoint (EOFError); expected model.state_dict()."),
        ("garbage.pt", "is damaged or no torch checkpoint ("),
        ("cut.pt", "is damaged or no torch checkpoint ("),
        ("garbage.safetensors", "is damaged or no torch checkpoint (SafetensorError: "),
        ("integers.pt", "'conv1.weight' is torch.int32, the torch model has torch.float32."),
        ("missing.pt", "do not fit the torch model; missing from the weights in '{path}': logits.bias (10,)"),
        ("left_over.pt", "do not fit the torch model; unknown to the torch model: tail.bias (5,)"),
        (
            "misshapen.pt",
            "misshapen: logits.weight (10, 5) in the torch model, (5, 10) in the weights in '{path}' "
            "(its transpose would fit)",
        ),
        ("garbage.weights.h5", "is no readable Keras file: "),
        ("garbage.keras", "is no readable Keras file: "),
        (
            "missing.weights.h5",
            "do not fit the Keras model; missing from the weights in '{path}': "
            "layers/dense_1/vars/0 (5, 10) (in layer 'logits')",
        ),
        ("left_over.weights.h5", "do not fit the Keras model; unknown to the Keras model: layers/dense_2/vars/0 (5,)"),
        (
            "misshapen.weights.h5",
            "misshapen: layers/dense_1/vars/0 (5, 10) (in layer 'logits') in the Keras model, (10, 5) in the weights",
        ),
        ("linked.weights.h5", "missing from the weights in '{path}': layers/dense_1/vars/0 (5, 10)"),
    ],
)
def test_a_file_that_does_not_serve_is_refused_in_one_line(read, files, name, expected):
    with pytest.raises(UserError) as refused:
        read(name)
    assert expected.replace("{path}", str(files / name)) in str(refused.value)
    assert str(files / name) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("weights", "options", "expected"),
    [
        ("nothing.pt", {}, "there is no file or run folder '{files}/nothing.pt'."),
        (
            "inputs.npy",
            {},
            "WEIGHTS: expected a name that ends in .safetensors or .pt or .pth or .weights.h5 or .keras, found",
        ),
        ("", {}, "'{files}' is no run folder: it has no record.json."),
        ("good.pt", {"--to": "jax"}, "unknown target of --to 'jax'"),
        ("good.pt", {"--out": "{out}/a.h5"}, "--out: expected a name that ends in .weights.h5, found '{out}/a.h5'."),
        (
            "good.pt",
            {"--to": "torch", "--out": "{out}/a.weights.h5"},
            "--out: expected a name that ends in .safetensors or .pt, found",
        ),
        ("good.pt", {"--out": "{out}/no/a.weights.h5"}, "--out: the folder '{out}/no' does not exist; create it"),
        ("good.pt", {"--chapter": "mnist_cn"}, "unknown chapter 'mnist_cn': did you mean 'mnist_cnn'?"),
        ("good.pt", {"--set": "filter=3"}, "unknown setting of mnist_cnn 'filter': did you mean 'filters'?"),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_framework_starts(
    twotrack, files, tmp_path, weights, options, expected
):
    asked = {"--chapter": "mnist_cnn", "--to": "keras", "--out": "{out}/a.weights.h5"} | options
    places = {"out": tmp_path, "files": files}
    given = [part for key, value in asked.items() for part in (key, value.format(**places))]
    code, out, err = twotrack("convert", files / weights, *given, workers=Unused())
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {expected.format(**places)}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_latest_run_needs_no_chapter(twotrack, workers, run, tmp_path, monkeypatch):
    monkeypatch.setattr("twotrack.shared.runs.chosen.ROOT", run.parent)
    latest, named = tmp_path / "latest.safetensors", tmp_path / "named.safetensors"
    code, _, err = twotrack("convert", "latest:mnist_cnn:torch", "--to", "torch", "--out", latest, workers=workers)
    assert (code, err) == (0, "")
    twotrack("convert", run, "--chapter", "mnist_cnn", "--to", "torch", "--out", named, workers=workers)
    assert latest.read_bytes() == named.read_bytes()


def test_a_run_of_another_chapter_is_refused(run, tmp_path):
    request = converting.ConversionRequest(run, "churn_mlp", {}, "torch", tmp_path / "a.pt")
    with pytest.raises(UserError, match="holds weights of the chapter 'mnist_cnn', not of 'churn_mlp'"):
        converting.convert(request, lambda _: None, Unused())


def test_a_missing_framework_is_named_with_its_install_line(files, tmp_path, monkeypatch):
    from twotrack.shared.spec import track

    monkeypatch.setattr(track, "find_spec", lambda module: None)
    request = converting.ConversionRequest(files / "good.pt", "mnist_cnn", {}, "keras", tmp_path / "a.weights.h5")
    with pytest.raises(UserError, match="track 'keras:tensorflow' needs keras and tensorflow, not installed here"):
        converting.convert(request, lambda _: None)


def test_the_first_installed_keras_backend_is_taken(files, tmp_path, monkeypatch):
    from twotrack.shared.spec import track

    monkeypatch.setattr(track, "find_spec", lambda module: None if module == "tensorflow" else module)
    assert converting._track("keras") == "keras:jax"


def test_a_conversion_that_fails_leaves_the_old_file_and_nothing_else(twotrack, files, tmp_path):
    out = tmp_path / "old.pt"
    out.write_text("old")
    arguments = ["--chapter", "mnist_cnn", *SET, "--to", "torch", "--out", out]
    code, _, err = twotrack("convert", files / "left_over.pt", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old.pt", "old")]


def test_an_output_that_cannot_be_finished_does_not_appear(tmp_path, monkeypatch):
    out = tmp_path / "folder" / "out.pt"
    out.parent.mkdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="no space left on device"), output_file.output(out) as partial:
        partial.write_text("new")
    assert list(out.parent.iterdir()) == []
