"""Bad input: one line that says what was expected and what to do, exit code 2, nothing left behind."""

import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.command_line import Done, in_process, python, twotrack
from tests.support.runs import make_run
from twotrack.shared import chapters
from twotrack.shared.datasets import mnist
from twotrack.shared.runs.training import describe

MAIN = "from twotrack.shared.cli import main; main()"
WITHOUT_JAX = f"""
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == 'jax' else find_spec(name, *rest)
{MAIN}
"""
LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), {resource.RLIM_INFINITY}))
{MAIN}
"""
RUN = ("run", "mnist_cnn", "--track", "torch")
COMPARE = ("compare", "mnist_cnn")


def refused(done: Done, folder: Path) -> str:
    """Return the message of a command that refused: exit code 2, one line, no output, nothing written."""
    assert done.code == 2, done.stderr
    assert done.stderr == done.error_line + "\n"
    assert done.stdout == ""
    assert list(folder.iterdir()) == []
    return done.error_line.removeprefix("error: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "mnist_cn"), "unknown chapter 'mnist_cn': did you mean 'mnist_cnn'? 'twotrack list' shows all"),
        (("compare", "mnist-cnn"), "unknown chapter 'mnist-cnn': did you mean 'mnist_cnn'?"),
        ((*COMPARE, "--tracks", "torch,keras:tensorflo"), "unknown track 'keras:tensorflo': did you mean 'keras:tens"),
        (("run", "mnist_cnn", "--track", "keras"), "unknown track 'keras': expected one of: keras:jax, keras:tensorfl"),
        ((*COMPARE, "--tracks", ","), "no track named; expected one or more of: torch, keras:tensorflow, keras:jax"),
        ((*COMPARE, "--tracks", "torch,torch"), "track named twice: torch; name each track once."),
        ((*RUN, "--recipe", "clasic"), "unknown recipe 'clasic': did you mean 'classic'? 'mnist_cnn' has: fast, class"),
        ((*RUN, "--seed", "-1"), "--seed: expected 0 or a positive whole number, found -1."),
        ((*COMPARE, "--seeds", "0"), "--seeds: expected at least 1 seed."),
        ((*COMPARE, "--seeds", "-3"), "--seeds: expected at least 1 seed."),
        ((*RUN, "--epochs", "0"), "--epochs: expected a positive number, found 0."),
        ((*RUN, "--epochs", "-2"), "--epochs: expected a positive number, found -2."),
        ((*RUN, "--examples", "30"), "--examples: expected at least one batch of 32, found 30."),
        (
            ("benchmark", "mnist_cnn", "--recipes", ","),
            "no recipe named in ','; expected one or more, separated by commas.",
        ),
        ((*RUN, "--device", "gpu"), "--device: expected auto, cpu or cuda, found 'gpu'."),
        ((*RUN, "--set", "filters"), "--set filters: expected KEY=VALUE, for example --set dropout=0.5."),
        ((*RUN, "--set", "dropuot=0.5"), "unknown setting of mnist_cnn 'dropuot': did you mean 'dropout'?"),
        ((*RUN, "--set", "filters=0"), "mnist_cnn: filters: input should be greater than 0, found '0'."),
        ((*RUN, "--set", "architecture=bn-gap"), "unknown value for mnist_cnn: architecture 'bn-gap': did you mean"),
        (
            (*RUN, "--source", "tfd"),
            "unknown source 'tfd': expected 'embedded', 'cdnow', 'stamps', 'tfds' or 'tfds:NAME'.",
        ),
        (("data", "mnst"), "unknown data set 'mnst': did you mean 'mnist'? 'twotrack data' shows all data sets."),
        (("differences", "mnist_cn"), "unknown chapter 'mnist_cn': did you mean 'mnist_cnn'?"),
        (("differences", "--tracks", "torch"), "--tracks: name at least one Keras track, out of: keras:jax, keras:t"),
        (("differences", "--set", "dropout=0"), "--set changes a chapter; name one, for example: twotrack difference"),
        (("verify", "mnist_cnn", "--until", "trainin"), "unknown rung 'trainin': did you mean 'training'?"),
        (
            ("verify", "mnist_cnn", "--fix", "jax"),
            "--fix: name the side that you want to change, keras or torch, not 'j",
        ),
        (
            ("verify", "mnist_cnn", "--report", "absent/verify.html"),
            "cannot write to the output folder 'absent': no su",
        ),
        (("verify", "mnist_cnn", "--report", "."), "--report: '.' is a folder; name a file in it, such as 'verify.htm"),
        (("report", "absent"), "'absent' holds no finished run; name a folder that 'run' or 'compare' has printed."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str):
    assert refused(in_process(*arguments, folder=tmp_path, check=False), tmp_path).startswith(message)


def test_the_installed_command_refuses_alike(tmp_path: Path):
    message = refused(twotrack("run", "mnist_cn", folder=tmp_path, check=False), tmp_path)

    assert message.startswith("unknown chapter 'mnist_cn': did you mean 'mnist_cnn'?")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((*RUN, "--epochs", "x"), ("'--epochs'", "valid number")),
        ((*RUN, "--seed", "1.5"), ("'--seed'", "valid integer")),
        ((*COMPARE, "--seeds", ""), ("'--seeds'", "valid integer")),
        (("run",), ("Missing argument 'chapter'",)),
        ((*RUN, "--epoch", "3"), ("No such option: --epoch", "--epochs")),
        (("compar",), ("No such command 'compar'",)),
    ],
    ids=" ".join,
)
def test_what_the_command_line_itself_cannot_read_is_refused_by_name(
    tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
):
    done = in_process(*arguments, folder=tmp_path, check=False)

    assert done.code == 2
    assert [part for part in parts if part not in done.stderr] == []
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_track_whose_framework_is_not_installed_is_refused_with_the_install_line(tmp_path: Path):
    done = python(WITHOUT_JAX, *COMPARE, "--tracks", "torch,keras:jax", folder=tmp_path, check=False)

    assert refused(done, tmp_path) == (
        "track 'keras:jax' needs jax, not installed here; run: pip install -c constraints.txt -e '.[jax]'"
    )


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "the data file {file} is corrupted: expected SHA-256"),
        (lambda file: file.write_bytes(b""), "the data file {file} is corrupted: expected SHA-256 39b9b1ffaa0b..., f"),
        (lambda file: file.unlink(), "cannot read the data file {file}: No such file or directory; restore it with"),
    ],
    ids=["truncated", "empty", "missing"],
)
@pytest.mark.parametrize("command", [("data", "mnist"), RUN, COMPARE], ids=" ".join)
def test_a_spoilt_data_file_is_refused_before_any_worker_starts(
    tmp_path: Path, command: tuple[str, ...], spoil: Spoil, message: str, monkeypatch: pytest.MonkeyPatch
):
    folder, file = tmp_path / "folder", tmp_path / "mnist.npz"
    folder.mkdir()
    shutil.copyfile(mnist.EMBEDDED.path, file)
    spoil(file)
    monkeypatch.setattr(mnist, "EMBEDDED", replace(mnist.EMBEDDED, path=file))

    done = in_process(*command, folder=folder, check=False)

    assert refused(done, folder).startswith(message.format(file=file))


@pytest.mark.parametrize("command", [RUN, COMPARE], ids=" ".join)
def test_an_output_folder_below_a_file_is_refused(tmp_path: Path, command: tuple[str, ...]):
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.write_text("content")

    message = refused(in_process(*command, "--out", file / "runs", folder=folder, check=False), folder)

    assert message.startswith(f"cannot write to the output folder '{file}")
    assert message.endswith(": not a directory; choose another one with --out.")
    assert file.read_text() == "content"


@pytest.mark.parametrize("command", [RUN, COMPARE], ids=" ".join)
def test_an_output_folder_that_the_system_refuses_is_refused(tmp_path: Path, command: tuple[str, ...]):
    message = refused(in_process(*command, "--out", "/proc/runs", folder=tmp_path, check=False), tmp_path)

    assert message.startswith("cannot write to the output folder '/proc/runs")


@pytest.mark.parametrize("command", [RUN, COMPARE], ids=" ".join)
def test_a_full_disk_is_refused_before_training(tmp_path: Path, command: tuple[str, ...]):
    """No file may grow beyond 1 MiB, as on a disk with no more room."""
    done = python(LIMITED, 2**20, *command, "--out", "new/runs", folder=tmp_path, check=False)

    message = refused(done, tmp_path)
    assert message.startswith("cannot write to the output folder 'new/runs")
    assert message.endswith(": file too large; choose another one with --out.")


def test_a_disk_that_fills_up_during_training_is_a_user_error_that_leaves_nothing(tmp_path: Path):
    """The probe before training fits into 9 MiB, the weights of a wider network do not."""
    wide = ("--set", "hidden_size=2000", "--examples", "128", "--epochs", "1", "--device", "cpu")
    asked = ("run", "churn_mlp", "--track", "torch", *wide)
    done = python(LIMITED, 9 * 2**20, *asked, folder=tmp_path, check=False)

    assert done.code == 2, done.stderr
    assert done.error_line == "error: cannot write to the output folder '{}': file too large; {}".format(
        tmp_path / "runs", "choose another one with --out."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    """Two finished runs, of different recipes."""
    classic = describe(chapters.get("mnist_cnn").recipe("classic"))
    return {
        "fast": make_run(tmp_path / "runs" / "fast", track="torch").folder,
        "classic": make_run(tmp_path / "runs" / "classic", track="keras:jax", recipe=classic).folder,
    }


def test_a_report_on_runs_of_different_recipes_is_refused(tmp_path: Path, runs: dict[str, Path]):
    folder = tmp_path / "folder"
    folder.mkdir()

    message = refused(in_process("report", runs["fast"], runs["classic"], folder=folder, check=False), folder)

    assert message.startswith(f"runs of one report differ in track and seed only; recipe of '{runs['fast']}' is ")


def test_a_report_on_an_edited_run_is_refused(tmp_path: Path, runs: dict[str, Path]):
    folder, edited = tmp_path / "folder", runs["fast"] / "predictions.npz"
    folder.mkdir()
    edited.write_bytes(edited.read_bytes() + b"x")

    message = refused(in_process("report", runs["fast"], folder=folder, check=False), folder)

    assert message == f"'{edited}' was changed after the run: its SHA-256 is not the recorded one."
