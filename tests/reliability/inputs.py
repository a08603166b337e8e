"""Everything that twotrack reads and somebody else may have written, damaged: it is read as it was, or refused."""

import io
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.recordings.made import Network
from tests.reliability.mutation import Damaged, damage
from tests.reliability.tally import Tally
from tests.reliability.tasks import own_weights
from tests.serving.standin import metadata
from tests.support.runs import make_run
from twotrack.shared import chapters, datasets
from twotrack.shared.datasets import photo
from twotrack.shared.errors import WorkerDiedError
from twotrack.shared.export.serving.client import ServingRequest, ask
from twotrack.shared.recordings.folder import open_recording
from twotrack.shared.runs import catalogue, convert
from twotrack.shared.runs.convert import Files
from twotrack.shared.runs.run_folder import read
from twotrack.shared.workers.pool import WorkerPool

CHECKPOINTS = {"torch": (".pt", ".safetensors"), "keras:torch": (".weights.h5", ".keras")}
ROWS = 400
"""Of the customers' table."""


def run_folders(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Damage a file of a run; what is read is what the run wrote."""
    whole = make_run(work / "whole")
    names = sorted(file.name for file in whole.folder.iterdir())
    for number in range(count):
        folder = work / "damaged"
        shutil.copytree(whole.folder, folder)
        name = names[number % len(names)]
        damaged = _damaged_file(folder / name, seed, number)
        tally.read("run folders", _named(damaged, name), partial(_same_run, folder))
        if number % 10 == 0:
            tally.read("lists of runs", _named(damaged, name), partial(_listed, work))
        shutil.rmtree(folder)


def _same_run(folder: Path) -> None:
    found, whole = read(folder), read(folder.with_name("whole"))
    assert found.record == whole.record, "another record was believed"
    assert found.history == whole.history
    for name in ("logits", "labels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(found.weights[name], array)


def _listed(work: Path) -> None:
    runs, problems = catalogue.find([work])
    assert len(runs) + len(problems) == 2, "a list of two runs ended, or left one out"


def recordings(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Damage a file of a recording; what opens is what was recorded."""
    whole = Network().record(work / "whole")
    _opened(whole)
    names = sorted(file.name for file in whole.iterdir())
    for number in range(count):
        folder = work / "damaged"
        shutil.copytree(whole, folder)
        name = names[number % len(names)]
        damaged = _damaged_file(folder / name, seed, number)
        tally.read("recordings", _named(damaged, name), partial(_opened, folder))
        shutil.rmtree(folder)


def _opened(folder: Path) -> None:
    assert open_recording(folder).weights is not None


def tables(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Damage a CSV file of customers."""
    lines = datasets.DATASETS["telco"].EMBEDDED.text().splitlines()[:ROWS]
    content = ("\n".join(lines) + "\n").encode()
    (work / "table.csv").write_bytes(content)
    _table(work / "table.csv")
    for number in range(count):
        damaged = damage(content, seed, number)
        (work / "table.csv").write_bytes(damaged.content)
        tally.read("CSV files", damaged, partial(_table, work / "table.csv"))


def _table(file: Path) -> None:
    loaded = datasets.load("telco", datasets.csv_source("telco", file))
    for split in (loaded.train, loaded.validation, loaded.test):
        assert all(np.isfinite(array).all() for array in split.inputs.values() if array.dtype.kind == "f")


def photos(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Damage pictures of every format."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
    contents = [_encoded(picture, kind) for kind in ("JPEG", "PNG", "WEBP", "GIF")]
    for number in range(count):
        damaged = damage(contents[number % len(contents)], seed, number)
        (work / "photo").write_bytes(damaged.content)
        tally.read("photos", damaged, partial(_decoded, work / "photo"))


def _encoded(picture: Image.Image, kind: str) -> bytes:
    with io.BytesIO() as stream:
        picture.save(stream, kind)
        return stream.getvalue()


def _decoded(file: Path) -> None:
    assert photo.read_photo(file, 32).shape == (32, 32, 3)


def answers(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Let a server say something else than it should."""
    told = json.dumps(metadata("payments", None)).encode()
    right = b'{"outputs": {"probabilities": [[0.25, 0.75]], "class_name": ["yes"]}}'
    said: list[bytes] = [told, right]
    with _server(said) as address:
        question = ServingRequest(address, "payments", ["tenure=1", "charges=1", "contract=x"], timeout=10.0)
        _believed(question)
        for number in range(count):
            which = number % 4 == 0
            damaged = damage(told if which else right, seed, number)
            said[:] = [damaged.content, right] if which else [told, damaged.content]
            tally.read("answers of servers", damaged, partial(_believed, question))


def _believed(question: ServingRequest) -> None:
    (_, _, probability), *others = ask(question).classes() or [("", "", 1.0)]
    assert not others
    assert 0 <= probability <= 1 + 1e-6, f"a probability of {probability} was believed"


@contextmanager
def _server(said: list[bytes]) -> Iterator[str]:
    """Answer every question for the metadata with the first, every other one with the second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, said), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _serve(server: socket.socket, said: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            peer, _ = server.accept()
            with peer, suppress(OSError):
                content = said[_whole_request(peer).startswith(b"POST")]
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))


def _whole_request(peer: socket.socket) -> bytes:
    """Read all of a question: a peer that leaves something unread breaks the connection."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += peer.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")]
    while len(body) < sum(lengths):
        body += peer.recv(65536)
    return content


def checkpoints(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Damage files of weights of both frameworks, which a worker reads."""
    model = chapters.get("churn_mlp").variant()
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool:
        for track, suffixes in CHECKPOINTS.items():
            for suffix in suffixes:
                whole, canonical = work / f"whole{suffix}", work / "canonical"
                pool.call(track, own_weights, Files(track, model, whole, canonical))
                _converted(pool, track, Files(track, model, whole, canonical))
                content = whole.read_bytes()
                for number in range(count // 4):
                    damaged = damage(content, seed, number)
                    file = work / f"damaged{suffix}"
                    file.write_bytes(damaged.content)
                    files = Files(track, model, file, canonical)
                    tally.read(f"checkpoints {suffix}", damaged, partial(_converted, pool, track, files))


def _converted(pool: WorkerPool, track: str, files: Files) -> None:
    try:
        pool.call(track, convert.read_weights, files)
    except WorkerDiedError as error:
        raise AssertionError(str(error).splitlines()[0]) from error


def _damaged_file(file: Path, seed: int, number: int) -> Damaged:
    damaged = damage(file.read_bytes(), seed, number)
    file.write_bytes(damaged.content)
    return damaged


def _named(damaged: Damaged, name: str) -> Damaged:
    return replace(damaged, how=f"{name}, {damaged.how}")


FAMILIES: dict[Callable[[Tally, int, int, Path], None], float] = {
    run_folders: 0.3, recordings: 0.2, tables: 0.15, photos: 0.15, answers: 0.2,
}  # fmt: skip
"""Those that need no framework, and their shares."""


def damage_inputs(tally: Tally, count: int, seed: int, work: Path) -> None:
    """Try so many inputs of the families that need no framework."""
    for family, share in FAMILIES.items():
        place = work / family.__name__
        place.mkdir()
        family(tally, round(count * share), seed, place)
