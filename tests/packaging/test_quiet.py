"""No command speaks to a network unless that is what it was asked for."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT
from twotrack.shared.spec import quiet
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.processes import worker_environment

_TO_A_NETWORK = re.compile(r"connect\(\d+[^,]*, \{sa_family=AF_INET6?|sendto\(.*sa_family=AF_INET6?|sendmmsg\(")
SLOW = pytest.mark.slow
COMMANDS = [
    ("list",),
    ("runs", "."),
    ("data", "telco"),
    ("run", "neuron", "--track", "torch", "--epochs", "1", "--examples", "256"),
    pytest.param(("compare", "neuron", "--tracks", ",".join(TRACKS), "--epochs", "1", "--examples", "256"), marks=SLOW),
]


def test_every_process_is_told_to_be_quiet():
    for name, value in quiet.SETTINGS.items():
        assert worker_environment(None, "cpu", None)[name] == value


@pytest.mark.skipif(not shutil.which("strace"), reason="it is strace that sees connections of libraries in C")
@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_no_command_opens_a_connection_or_looks_up_a_name(command: tuple[str, ...], tmp_path: Path):
    log = tmp_path / "strace"
    watch = ["strace", "-f", "-e", "trace=connect,sendto,sendmmsg", "-o", str(log)]
    done = subprocess.run([*watch, SCRIPT, *command], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert [line for line in log.read_text().splitlines() if _TO_A_NETWORK.search(line)] == []


@pytest.mark.skipif(not shutil.which("strace"), reason="as above")
def test_a_look_up_would_be_seen(tmp_path: Path):
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    log = tmp_path / "strace"
    subprocess.run(["strace", "-f", "-e", "trace=connect", "-o", log, "python3", "-c", code], check=True)

    assert _TO_A_NETWORK.search(log.read_text())
