"""What of a user's own never returns is ended after a time, by name, and at once on Ctrl-C."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sides.endless_pairs import SIGN
from tests.support.command_line import Done, in_process, wait_until
from twotrack.shared.workers.pool import WorkerPool

ROOT = Path(__file__).parents[2]
NAMES = ("TORCH_BUILD", "KERAS_BUILD", "TORCH_FORWARD", "KERAS_CALL", "INPUTS", "LOSS", "TRAIN")
PATIENCE = 60.0
"""Seconds; a worker that is at work says something sooner, on a busy machine too."""
MODULE = f"""
import os, pathlib, time
pathlib.Path(os.environ[{SIGN!r}]).touch()
time.sleep(3600)
"""


@pytest.fixture
def sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that what never returns writes; workers that start from here on know it."""
    monkeypatch.setenv(SIGN, str(tmp_path / "sign"))
    (tmp_path / "endless.py").write_text(MODULE)
    return tmp_path / "sign"


@pytest.fixture
def new_workers() -> WorkerPool:
    """Workers that know the sign; they are ended by what is tested."""
    with WorkerPool("cpu", threads=1, one_per_track=True) as pool:
        yield pool


@pytest.fixture
def hearing() -> Iterator[None]:
    """Ctrl-C is heard: a shell tells its background jobs to ignore it, and the tests may be one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def verify(subject: str, folder: Path, workers: WorkerPool) -> Done:
    asked = ("verify", subject, "--tracks", "keras:torch", "--until", "training")
    return in_process(*asked, folder=folder, check=False, workers=workers)


def innermost(done: Done) -> str:
    """Return where a worker was when it was ended."""
    lines = done.stderr.splitlines()
    return lines[lines.index("it was here, innermost first:") + 1]


CASES = [pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


@pytest.mark.parametrize("name", CASES)
def test_what_never_returns_is_ended_and_named(
    name: str, sign: Path, new_workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOTRACK_PATIENCE", str(PATIENCE))
    done = verify(f"tests.sides.endless_pairs:{name}", ROOT, new_workers)

    assert sign.exists()
    assert done.code == 1
    assert f"nothing was heard of it for {PATIENCE:g} s, so it was ended" in done.error_line
    assert innermost(done).endswith(" in never")


def test_a_module_that_never_ends_is_ended_and_named(
    sign: Path, new_workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOTRACK_PATIENCE", "10")
    done = verify("endless:PAIR", sign.parent, new_workers)

    assert sign.exists()
    assert "nothing was heard of it for 10 s, so it was ended" in done.error_line
    assert innermost(done).endswith('endless.py", line 4 in <module>')


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("name", [pytest.param("", id="import"), *CASES])
def test_ctrl_c_is_at_once(name: str, sign: Path, new_workers: WorkerPool) -> None:
    subject, folder = (f"tests.sides.endless_pairs:{name}", ROOT) if name else ("endless:PAIR", sign.parent)
    pressed: list[float] = []

    def press() -> None:
        wait_until(sign.exists, "it never returns")
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    done = verify(subject, folder, new_workers)
    ended = time.monotonic()
    thread.join()

    assert done.code == 130
    assert ended - pressed[0] < 5
