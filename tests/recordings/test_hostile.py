"""Recordings from anywhere: whatever is wrong with one is refused in one sentence, and nothing of it is run."""

import hashlib
import json
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recordings.made import Network, rewrite
from tests.support.command_line import in_process
from twotrack.shared.errors import UserError
from twotrack.shared.recordings.folder import LARGEST_HEADER, open_recording
from twotrack.shared.recordings.standalone import MANIFEST

SHARD = "tensors-00000.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Network().record(tmp_path / "recording")


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        open_recording(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def seal(folder: Path) -> None:
    """Let recording.json state the size and the hash that the file of tensors has now."""
    content = (folder / SHARD).read_bytes()
    stated = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewrite(folder, lambda manifest: manifest["files"].update({SHARD: stated}))


def change_header(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the header of the file of tensors, and seal it."""
    content = (folder / SHARD).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    changed = change(header)
    text = changed if isinstance(changed, bytes) else json.dumps(header).encode()
    (folder / SHARD).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    seal(folder)


def test_an_honest_recording_opens(folder: Path):
    opened = open_recording(folder)

    assert opened.manifest.framework == "keras"
    np.testing.assert_array_equal(opened.weights["first.kernel"], Network().weights()["first.kernel"])


def test_tensors_are_mapped_and_cannot_be_written(folder: Path):
    array = open_recording(folder).weights["first.kernel"]

    assert not array.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def _one_weight(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["weights"][0]


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another format": (lambda m: m.update(format="numpy"), "does not say that it is a twotrack recording"),
    "a later version": (lambda m: m.update(version=2), "expected version 1 of the format, found 2"),
    "an unknown field": (lambda m: m.update(on_load="os.system"), "on_load"),
    "a missing field": (lambda m: m.pop("framework"), "'framework': field required"),
    "an unknown framework": (lambda m: m.update(framework="os"), "'framework'"),
    "a path upward": (lambda m: m["files"].update({"../x.safetensors": m["files"].pop(SHARD)}), "files"),
    "an absolute path": (lambda m: m["files"].update({"/etc/passwd": m["files"].pop(SHARD)}), "files"),
    "a path with a line": (lambda m: m["files"].update({SHARD + "\n": m["files"].pop(SHARD)}), "files"),
    "a file that is not there": (
        lambda m: m["files"].update({"tensors-00001.safetensors": m["files"][SHARD]}),
        "it has no file tensors-00001.safetensors",
    ),
    "another size": (lambda m: m["files"][SHARD].update(bytes=1), "expected 1"),
    "another hash": (lambda m: m["files"][SHARD].update(sha256="0" * 64), "was changed: its SHA-256 is"),
    "no hash": (lambda m: m["files"][SHARD].update(sha256="x"), "sha256"),
    "a negative size": (lambda m: m["files"][SHARD].update(bytes=-1), "bytes"),
    "a tensor that no file has": (lambda m: _one_weight(m).update(tensor="999"), "names the tensor 999"),
    "a tensor named by a path": (lambda m: _one_weight(m).update(tensor="../../x"), "weights.0.tensor"),
    "a tensor that nothing names": (lambda m: m.update(inputs=[], calls=[]), "does not name"),
    "a weight twice": (lambda m: m["weights"].append(_one_weight(m)), "names a weight twice"),
    "a call twice": (lambda m: m["calls"].append(m["calls"][0]), "names a call twice"),
    "a step twice": (lambda m: m["steps"].append(m["steps"][0]), "names a step twice"),
    "steps out of order": (lambda m: m["steps"].reverse(), "steps out of order"),
    "a step before the first": (lambda m: m["steps"][0].update(number=0), "steps.0.number"),
    "a weight of another kind": (lambda m: m["weights"].append("first"), "weights.3"),
    "a name with commands to a terminal": (lambda m: _one_weight(m).update(name="\x1b[2Jx"), "weights.0.name"),
    "a long name": (lambda m: _one_weight(m).update(name="x" * 5000), "weights.0.name"),
    "a precision of none": (lambda m: m.update(precision="int8"), "'precision'"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_what_is_wrong_in_the_manifest_is_named(folder: Path, name: str):
    change, message = MANIFESTS[name]
    rewrite(folder, change)

    assert message in refusal(folder)


TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "cannot be read"),
    "a list": (b"[]", "does not say that it is a twotrack recording"),
    "no JSON": (b"{", "cannot be read"),
    "no text": (b"\xff\xfe{}", "cannot be read"),
    "NaN": (b'{"format": NaN}', "NaN is no number of JSON"),
    "Infinity": (b'{"version": -Infinity}', "-Infinity is no number of JSON"),
    "a name twice": (b'{"format": 1, "format": 1}', "a name stands there twice"),
    "very deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "deep": (b'{"format": "twotrack recording", "a": ' + b"[" * 30 + b"]" * 30 + b"}", "nested too deeply"),
    "a pickle": (b"cos\nsystem\n(S'touch /tmp/ran'\ntR.", "cannot be read"),
    "a number without end": (b'{"version": ' + b"9" * 10_000 + b"}", "cannot be read"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_manifest_that_is_none_is_refused(folder: Path, name: str):
    text, message = TEXTS[name]
    (folder / MANIFEST).write_bytes(text)

    assert message in refusal(folder)


def _entry(header: dict[str, Any], key: str = "0", **changed: Any) -> None:
    header[key].update(changed)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a shape that is too large": (lambda h: _entry(h, shape=[2**40, 2**40]), SHARD),
    "a shape that overflows": (lambda h: _entry(h, shape=[2**61, 16]), SHARD),
    "a shape that is too small": (lambda h: _entry(h, shape=[1]), SHARD),
    "a negative shape": (lambda h: _entry(h, shape=[-6, -4]), SHARD),
    "a shape of text": (lambda h: _entry(h, shape=["6", "4"]), SHARD),
    "a shape of truths": (lambda h: _entry(h, shape=[True] * 3), SHARD),
    "an unknown type": (lambda h: _entry(h, dtype="F7"), SHARD),
    "a type that NumPy has not": (lambda h: _entry(h, dtype="BF16"), SHARD),
    "objects": (lambda h: _entry(h, dtype="O"), SHARD),
    "offsets beyond the file": (lambda h: _entry(h, data_offsets=[0, 2**50]), SHARD),
    "offsets backwards": (lambda h: _entry(h, data_offsets=[192, 0]), SHARD),
    "negative offsets": (lambda h: _entry(h, data_offsets=[-192, 0]), SHARD),
    "overlapping tensors": (lambda h: _entry(h, "1", data_offsets=h["0"]["data_offsets"]), SHARD),
    "an offset of text": (lambda h: _entry(h, data_offsets=["0", "192"]), SHARD),
    "three offsets": (lambda h: _entry(h, data_offsets=[0, 1, 192]), SHARD),
    "a hole": (lambda h: h.pop("1"), SHARD),
    "one more field": (lambda h: _entry(h, url="http://x"), SHARD),
    "a name twice": (lambda h: json.dumps(h).replace('"1":', '"0":', 1).encode(), SHARD),
    "no mapping": (lambda h: b"[]", SHARD),
    "NaN": (lambda h: b'{"0": NaN}', SHARD),
    "deep": (lambda h: b"[" * 100_000, SHARD),
    "a tensor that the manifest does not name": (lambda h: h.update(evil=h.pop("0")), "recording"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_of_tensors_whose_header_lies_is_refused(folder: Path, name: str):
    change, message = HEADERS[name]
    change_header(folder, change)

    assert message in refusal(folder)


@pytest.mark.parametrize("length", [2**63, 2**32, LARGEST_HEADER + 1, 10_000])
def test_a_header_that_says_to_be_longer_than_the_file_is_refused(folder: Path, length: int):
    content = (folder / SHARD).read_bytes()
    (folder / SHARD).write_bytes(struct.pack("<Q", length) + content[8:])
    seal(folder)

    assert "more than there are or may be" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"\0" * 7, b"\0" * 8, b"\x80\x04K\x01."], ids=["empty", "7", "8", "pickle"])
def test_a_file_of_tensors_that_is_none_is_refused(folder: Path, content: bytes):
    (folder / SHARD).write_bytes(content)
    seal(folder)

    assert SHARD in refusal(folder)


def test_a_changed_value_is_seen_by_its_hash(folder: Path):
    content = bytearray((folder / SHARD).read_bytes())
    content[-1] ^= 1
    (folder / SHARD).write_bytes(content)

    assert "was changed" in refusal(folder)


@pytest.mark.parametrize(
    "name", ["extra.txt", "tensors-00001.safetensors", ".hidden", "values.pkl", "sitecustomize.py"]
)
def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path, name: str):
    (folder / name).write_text("import os")

    assert name in refusal(folder)


def test_a_folder_inside_is_refused(folder: Path):
    (folder / "more").mkdir()

    assert "'more'" in refusal(folder)


@pytest.mark.parametrize("name", [SHARD, MANIFEST])
def test_links_are_not_followed(folder: Path, tmp_path: Path, name: str):
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    assert f"{name} is no plain file" in refusal(folder)


@pytest.mark.parametrize("name", [SHARD, MANIFEST])
def test_a_pipe_is_not_waited_for(folder: Path, name: str):
    (folder / name).unlink()
    os.mkfifo(folder / name)

    assert f"{name} is no plain file" in refusal(folder)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("")

    assert "is no folder" in refusal(tmp_path / name)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_any_change_of_bytes_is_refused_or_changes_nothing_that_is_used(folder: Path, places: list[tuple[float, int]]):
    for name in (SHARD, MANIFEST):
        before = (folder / name).read_bytes()
        changed = bytearray(before)
        for place, value in places:
            changed[int(place * len(changed))] = value
        (folder / name).write_bytes(changed)
        if name == SHARD:
            kept = (folder / MANIFEST).read_bytes()
            seal(folder)
        with suppress(UserError):
            open_recording(folder)
        (folder / name).write_bytes(before)
        if name == SHARD:
            (folder / MANIFEST).write_bytes(kept)
    open_recording(folder)


def test_the_command_refuses_in_one_line(folder: Path, tmp_path: Path):
    rewrite(folder, lambda manifest: manifest["files"].update({"../../etc/passwd": {"bytes": 1, "sha256": "0" * 64}}))
    done = in_process("verify", folder, folder, folder=tmp_path, check=False)

    assert done.code == 2
    assert done.stdout == ""
    assert "is no recording that can be used" in done.error_line
