"""Commands that are killed: what each of them may leave, and how it is done again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

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


Contents = dict[str, str]
"""Digests of what is finished, by name."""


@dataclass(frozen=True)
class Victim:
    """A command in a folder of its own."""

    name: str
    command: tuple[str, ...]
    again: Callable[[Path], tuple[str, ...]]
    """The command that goes on with what is in the folder."""
    check: Callable[[Path, bool], Contents]
    """Returns what is finished, which is the same bits whenever it is made. AssertionError for anything that looks
    finished and is not, or, once it is done again, for anything missing."""


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


def _check_compare(work: Path, done: bool) -> Contents:
    runs = [folder for folder in work.glob("runs/compare_*/*") if folder.is_dir() and not folder.name.startswith(".")]
    contents = {folder.name: _trained(folder) for folder in runs}
    reports = list(work.glob("runs/compare_*/report.html"))
    assert all(_is_whole(report) for report in reports), "a report is cut"
    if done:
        assert sorted(contents) == ["torch_seed0", "torch_seed1"], f"found {sorted(contents)}"
        assert len(reports) == 1
        assert not list(work.glob("runs/compare_*/.*")), "something is left over"
        assert not list((work / "tmp").glob("twotrack-*")), "temporary folders are left over"
    return contents


def _trained(folder: Path) -> str:
    """Return the digest of what a run computed: all but its times."""
    run = read(folder)
    scores = json.dumps([run.history, run.record.test])
    arrays = {"logits": run.logits, "labels": run.labels, **run.weights}
    return _digest(scores.encode(), *(arrays[name].tobytes() for name in sorted(arrays)))


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _check_data(work: Path, done: bool) -> Contents:
    cache = work / "cache/twotrack/photos"
    files = list(cache.glob("[!.]*.photos"))
    for file in files:
        told = file.with_suffix(".sha256")
        assert not told.exists() or told.read_text() == hashlib.sha256(file.read_bytes()).hexdigest()
    if done:
        kinds = sorted(path.suffix for path in cache.iterdir())
        assert kinds == [".photos", ".sha256"], f"found {kinds}"
    return {file.stem: _digest(file.read_bytes()) for file in files if file.with_suffix(".sha256").exists()}


def _check_export(work: Path, done: bool) -> Contents:
    file = work / "out.safetensors"
    assert file.exists() or not done, "nothing was written"
    if done:
        assert not list(work.glob(".out*")), "something is left over"
    if not file.exists():
        return {}
    arrays = load_file(file)
    return {file.name: _digest(*(arrays[name].tobytes() for name in sorted(arrays)))}


def _check_record(work: Path, done: bool) -> Contents:
    folder = work / "recording"
    assert folder.exists() or not done, "nothing was written"
    if not folder.exists():
        return {}
    manifest = open_recording(folder).manifest
    return {name: file.sha256 for name, file in manifest.files.items()}


def _check_verify(work: Path, done: bool) -> Contents:
    report = work / "report.html"
    assert not report.exists() or _is_whole(report), "a report is cut"
    assert report.exists() or not done, "nothing was written"
    if done:
        assert not list((work / "tmp").glob("twotrack-*")), "temporary folders are left over"
    return {report.name: _digest(report.read_bytes())} if report.exists() else {}


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
        Victim("data", DATA, lambda work: DATA, _check_data),
        Victim("compare", COMPARE, _compare_again, _check_compare),
        Victim("export", EXPORT, lambda work: () if (work / "out.safetensors").exists() else EXPORT, _check_export),
        Victim("record", RECORD, lambda work: () if (work / "recording").exists() else RECORD, _check_record),
        Victim("verify", VERIFY, lambda work: VERIFY, _check_verify),
    )
}
