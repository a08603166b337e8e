"""Whether exports answer in the C++ runtimes of other versions of TensorFlow, and in OpenVINO.

python -m tests.benchmarks.runtimes                        every chapter; TensorFlow 2.20.0 and 2.19.1, and OpenVINO
python -m tests.benchmarks.runtimes neuron --versions 2.20.0

A version's wheel is downloaded into a folder of its own and only its C++ libraries are unpacked; nothing is installed.
Each runtime is loaded in a process of its own and goes through the gate, as the installed one does in an export.
"""

import argparse
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import openvino_reader
from twotrack.shared import chapters
from twotrack.shared.export.formats import TF_SERVING
from twotrack.shared.export.serving import OLDEST_TAG
from twotrack.shared.export.table import train
from twotrack.shared.export.workflow import export
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

VERSIONS = ("2.20.0", OLDEST_TAG)
LIBRARIES = "tensorflow/libtensorflow"
INSTALLED = "installed"
GATE = """
import sys
from pathlib import Path
from twotrack.shared.export.tf_serving import gate, loader
if sys.argv[2] != "installed":
    loader.folder_of = lambda name: Path(sys.argv[2], name)
found = gate.check_version(Path(sys.argv[1]))
for check in found.checks:
    if check.state == "refused":
        sys.exit(f"refused: {check.name}: {check.detail}")
print(f"{max(found.differences.values()):.0e}")
"""
"""Prints the largest difference of a probability; the libraries are those of the folder that it is given."""


@dataclass(frozen=True)
class Row:
    """One export in one runtime."""

    export: str
    reader: str
    result: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", default=list(chapters.CHAPTERS), metavar="CHAPTER")
    parser.add_argument("--versions", nargs="*", default=list(VERSIONS), metavar="VERSION")
    parser.add_argument("--wheels", type=Path, help="a folder with wheels that are downloaded already")
    asked = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="twotrack-runtimes-") as temporary, lent_or_new(None, "cpu") as workers:
        readers = {INSTALLED: INSTALLED} | {
            version: str(libraries(version, Path(temporary), asked.wheels)) for version in asked.versions
        }
        openvino = openvino_reader.unpacked(
            Path(temporary), asked.wheels or downloaded(openvino_reader.WHEEL, Path(temporary))
        )
        print("| export | read by | largest difference of a probability, or why none |\n|---|---|---|")
        for slug in asked.chapters:
            for row in rows(slug, readers, openvino, Path(temporary), workers):
                print(f"| `{row.export}` | {row.reader} | {row.result} |", flush=True)


def rows(slug: str, readers: dict[str, str], openvino: Path, folder: Path, workers: WorkerPool) -> Iterator[Row]:
    """Train a chapter for one batch, export it, let every runtime read it."""
    version = export(train(slug, "torch", folder, workers), TF_SERVING, folder / "served", workers).out
    for reader, place in readers.items():
        yield Row(slug, f"TensorFlow {reader}", answers(version, place))
    yield Row(slug, openvino_reader.NAME, openvino_reader.answers(version, openvino))


def answers(version: Path, libraries: str) -> str:
    """Return what the gate says of a version with the libraries of a folder, or `installed`."""
    command = [sys.executable, "-P", "-c", GATE, str(version), libraries]
    found = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    )
    said = (found.stdout if found.returncode == 0 else found.stderr).strip().splitlines()
    return said[-1] if said else f"the process ended with code {found.returncode}"


def libraries(version: str, folder: Path, wheels: Path | None = None) -> Path:
    """Return a folder with the C++ libraries of a version, below `tensorflow`; its wheel is downloaded if need be."""
    (wheel,) = (wheels or downloaded(f"tensorflow=={version}", folder)).glob(
        f"tensorflow-{version}-cp{_python()}-*.whl"
    )
    into = folder / version
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into, [name for name in archive.namelist() if name.startswith(LIBRARIES)])
    return into


def downloaded(requirement: str, folder: Path) -> Path:
    """Download the wheel of a requirement into a folder; return that."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    subprocess.run(command, check=True)
    return folder


def _python() -> str:
    return f"{sys.version_info.major}{sys.version_info.minor}"


if __name__ == "__main__":
    main()
