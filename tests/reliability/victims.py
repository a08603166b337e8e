"""Commands that are killed: what each of them may leave, and how it is done again."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from twotrack.shared.recordings.folder import open_recording
from twotrack.shared.runs.run_folder import read

PAIR = """
from twotrack import Pair

def keras_build():
    import keras
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])

def torch_build():
    from collections import OrderedDict
    from torch import nn
    return nn.Sequential(OrderedDict(a=nn.Linear(4, 3)))

PAIR = Pair(keras=keras_build, torch=torch_build, input_shape=(4,))
"""
SMALL = ("--epochs", "1", "--examples", "256", "--device", "cpu")


@dataclass(frozen=True)
class Victim:
    """A command in a folder of its own."""

    name: str
    command: tuple[str, ...]
    again: Callable[[Path], tuple[str, ...]]
    """The command that goes on with what is in the folder."""
    check: Callable[[Path, bool], None]
    """AssertionError for anything that looks finished and is not, or, once it is done again, for anything missing."""
    needs_framework: bool = True


def prepare(work: Path) -> None:
    """Write what the commands are given."""
    (work / "pair.py").write_text(PAIR)
    drawn = np.random.default_rng(0)
    for name in ("bag", "boot"):
        (work / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = drawn.integers(0, 256, (30, 40, 3), np.uint8)
            Image.fromarray(pixels).save(work / "photos" / name / f"{number}.png")


def _compare_again(work: Path) -> tuple[str, ...]:
    begun = [plan.parent for plan in work.glob("runs/compare_*/plan.json")]
    return ("compare", "--resume", str(begun[0])) if begun else COMPARE


def _check_compare(work: Path, done: bool) -> None:
    runs = [folder for folder in work.glob("runs/compare_*/*") if folder.is_dir() and not folder.name.startswith(".")]
    digests = {folder.name: _weights(folder) for folder in runs}
    reports = list(work.glob("runs/compare_*/report.html"))
    assert all(_is_whole(report) for report in reports), "a report is cut"
    if done:
        assert sorted(digests) == ["torch_seed0", "torch_seed1"], f"found {sorted(digests)}"
        assert len(reports) == 1
        assert not list(work.glob("runs/compare_*/.*")), "something is left over"


def _weights(folder: Path) -> str:
    read(folder)
    return hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()


def _check_data(work: Path, done: bool) -> None:
    cache = work / "cache/twotrack/photos"
    for file in cache.glob("[!.]*.photos"):
        told = file.with_suffix(".sha256")
        assert not told.exists() or told.read_text() == hashlib.sha256(file.read_bytes()).hexdigest()
    if done:
        kinds = sorted(path.suffix for path in cache.iterdir())
        assert kinds == [".photos", ".sha256"], f"found {kinds}"


def _check_export(work: Path, done: bool) -> None:
    file = work / "out.safetensors"
    assert file.exists() or not done, "nothing was written"
    if file.exists():
        from safetensors.numpy import load_file

        assert load_file(file)
    if done:
        assert not list(work.glob(".out*")), "something is left over"


def _check_record(work: Path, done: bool) -> None:
    if (work / "recording").exists():
        open_recording(work / "recording")
    assert (work / "recording").exists() or not done


def _check_verify(work: Path, done: bool) -> None:
    report = work / "report.html"
    assert not report.exists() or _is_whole(report), "a report is cut"
    assert report.exists() or not done
    if done:
        assert not list((work / "tmp").glob("twotrack-*")), "temporary folders are left over"


def _is_whole(page: Path) -> bool:
    return page.read_text().rstrip().endswith("</html>")


COMPARE = ("compare", "churn_mlp", "--tracks", "torch", "--seeds", "2", *SMALL, "--out", "runs")
DATA = ("data", "shop", "--images", "photos")
EXPORT = ("export", "run", "--format", "safetensors", "--out", "out.safetensors")
RECORD = ("record", "pair:PAIR", "--out", "recording")
VERIFY = ("verify", "pair:PAIR", "--tracks", "keras:torch", "--until", "parameters", "--report", "report.html")
VICTIMS: Mapping[str, Victim] = {
    one.name: one
    for one in (
        Victim("data", DATA, lambda work: DATA, _check_data, needs_framework=False),
        Victim("compare", COMPARE, _compare_again, _check_compare),
        Victim("export", EXPORT, lambda work: () if (work / "out.safetensors").exists() else EXPORT, _check_export),
        Victim("record", RECORD, lambda work: () if (work / "recording").exists() else RECORD, _check_record),
        Victim("verify", VERIFY, lambda work: VERIFY, _check_verify),
    )
}
