"""What `--weights` names, as a .safetensors file: a torch state_dict is converted once, by torch, into the cache."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from twotrack.shared.base import ordinary
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.weights.pretrained.backbones import IMAGENET, NONE, OnStep
from twotrack.shared.weights.pretrained.backbones.cache import cached
from twotrack.shared.weights.pretrained.backbones.download import download
from twotrack.shared.workers.door import open_torch
from twotrack.shared.workers.task import task

SAFE, PICKLED = ".safetensors", (".pth", ".pt")
COUNTER = "num_batches_tracked"
"""Of batch normalisation in torch; no weight, and not in every checkpoint."""


def is_file_name(weights: str) -> bool:
    """Return whether `--weights` is a file or a URL, by its form."""
    return "://" in weights or weights.endswith((SAFE, *PICKLED)) or ordinary.named(weights).is_file()


def find_file(weights: str, on_step: OnStep) -> Path:
    """Return the .safetensors file that holds what the file or URL `weights` does; UserError if there is none."""
    path = download(weights, on_step) if "://" in weights else ordinary.named(weights)
    if not path.is_file():
        raise UserError(f"--weights {weights}: no such file; expected {_expected()}.")
    return as_safetensors(path, on_step)


def as_safetensors(path: Path, on_step: OnStep) -> Path:
    """Return the file itself, or its tensors in the cache if it is a torch file."""
    if path.suffix == SAFE:
        return path
    if path.suffix not in PICKLED:
        raise UserError(f"--weights {path}: expected {_expected()}.")

    def make(file: Path) -> None:
        on_step(f"converting {path.name}")
        _convert(path, file)

    return cached(f"{sha256_of(path)}{SAFE}", make)


def _expected() -> str:
    return f"'{IMAGENET}', '{NONE}', a URL, or a file that ends in {', '.join((SAFE, *PICKLED))}"


def _convert(path: Path, out: Path) -> None:
    """Read the file in a process that has torch."""
    from twotrack.shared.workers.processes import Worker

    if find_spec("torch") is None:
        raise UserError(
            f"'{path}' is a torch file, and torch, which reads it once, is not installed here; run: "
            f"{TRACKS['torch'].install_line}; or name a {SAFE} file with --weights."
        )
    with Worker("torch", "cpu") as worker:
        worker.call(convert_state, Conversion(path, out))


@dataclass(frozen=True)
class Conversion:
    """A torch file, and the .safetensors file that it becomes."""

    path: Path
    out: Path


@task
def convert_state(files: Conversion) -> None:
    """Write the tensors of a state_dict, float32, without counters; UserError if it holds anything else."""
    open_torch("cpu").to_safetensors(files.path, files.out)
