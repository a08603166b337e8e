"""Seconds, memory and disk that models of real sizes take to verify: python -m tests.benchmarks.sizes [PAIR ...]

Each is verified by the command, with PyTorch and Keras on PyTorch; options of it may follow the pairs. `make sizes`
calls it.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PAIRS = ("RESNET50", "BERT_BASE", "BERT_LARGE")
EVERY = 1.0
"""Seconds between looks; a look at every page of several gigabytes takes time of its own."""


@dataclass
class Seen:
    """The most of what was there at one time."""

    memory: float = 0.0
    """Bytes of all processes together, shared pages once."""
    disk: float = 0.0
    """Bytes in the folder for temporary files."""
    seconds: float = 0.0
    """Of processors, of all processes."""
    code: int = 0
    """That the command ended with."""
    wall: float = 0.0
    """Seconds from start to end."""

    def look(self, process: psutil.Process, folder: Path) -> None:
        """Look at a process, its children, and a folder."""
        memory = seconds = 0.0
        for one in [process, *process.children(recursive=True)]:
            try:
                memory += one.memory_full_info().pss
                seconds += sum(one.cpu_times()[:2])
            except psutil.Error:  # it has ended
                continue
        self.memory, self.seconds = max(self.memory, memory), max(self.seconds, seconds)
        self.disk = max(self.disk, _size(folder))


def _size(folder: Path) -> float:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:  # it is gone
            continue
    return total


def watched(words: Sequence[str]) -> Seen:
    """Do a command of twotrack, and return what it took; what it prints goes to stderr, beside the tables on stdout."""
    start, seen = time.perf_counter(), Seen()
    with tempfile.TemporaryDirectory() as name:
        command = [str(Path(sys.executable).with_name("twotrack")), *words]
        with subprocess.Popen(command, env=os.environ | {"TMPDIR": name}, stdout=sys.stderr) as process:
            one = psutil.Process(process.pid)
            while process.poll() is None:
                seen.look(one, Path(name))
                time.sleep(EVERY)
    seen.code, seen.wall = process.returncode, time.perf_counter() - start
    return seen


def measure(pair: str, options: Sequence[str] = ()) -> None:
    """Verify a pair, and print what it said and took."""
    name = f"tests.benchmarks.size_pairs:{pair}"
    seen = watched(["verify", name, "--tracks", "torch,keras:torch", "--first", *options])
    print(
        f"{pair}: exit code {seen.code}, {seen.wall:.0f} s, {seen.seconds:.0f} s of processors, "
        f"{seen.memory / 1e9:.1f} GB of memory, {seen.disk / 1e9:.2f} GB of disk",
        flush=True,
    )


if __name__ == "__main__":
    first_option = next((place for place, one in enumerate(sys.argv) if one.startswith("--")), len(sys.argv))
    for each in sys.argv[1:first_option] or PAIRS:
        measure(each, sys.argv[first_option:])
