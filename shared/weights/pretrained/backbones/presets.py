"""Presets of keras-hub as .safetensors files: read once by keras-hub itself, in a process of a Keras track."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS, installed_track
from twotrack.shared.weights.pretrained.backbones import INSTALL, OnStep
from twotrack.shared.weights.pretrained.backbones.cache import cached
from twotrack.shared.workers.door import open_keras
from twotrack.shared.workers.task import task

PREFIX = "keras-hub:"
"""In front of a preset's name or folder, in `--weights`."""
TENSORS = "model.weights.h5"


def is_preset(weights: str) -> bool:
    """Return whether `--weights` names a preset, by its form."""
    return weights.startswith(PREFIX)


def find_preset(weights: str, model: str, on_step: OnStep) -> Path:
    """Return a .safetensors file with the weights of a preset of keras-hub's class `model`, under Keras' paths.

    Raises UserError if keras-hub or Keras is not installed, and if keras-hub cannot read the preset.
    """
    if find_spec("keras_hub") is None:
        raise UserError(f"--weights {weights}: a preset needs keras-hub, not installed here; run: {INSTALL}")
    track, preset = _keras_track(), weights.removeprefix(PREFIX)

    def make(file: Path) -> None:
        from twotrack.shared.workers.processes import Worker

        on_step(f"reading the preset {preset}")
        with Worker(track, "cpu") as worker:
            worker.call(convert_preset, Preset(track, model, preset, file))

    return cached(f"{_key(model, preset)}.safetensors", make)


def _keras_track() -> str:
    """Return the first Keras track that is installed; UserError if there is none."""
    tracks = [name for name, spec in TRACKS.items() if spec.backend]
    usable = [name for name in tracks if not TRACKS[name].missing]
    return installed_track((usable or tracks)[0]).name


def _key(model: str, preset: str) -> str:
    """Return what tells this preset from others: a folder's weights, or the name and the keras-hub that knows it."""
    weights = Path(preset, TENSORS)
    content = sha256_of(weights) if weights.is_file() else f"{preset} of keras-hub {version('keras-hub')}"
    return hashlib.sha256(f"{model} {content}".encode()).hexdigest()


@dataclass(frozen=True)
class Preset:
    """A preset of a class of keras-hub, and the .safetensors file that it becomes."""

    track: str
    model: str
    preset: str
    out: Path


@task
def convert_preset(asked: Preset) -> None:
    """Write the weights of the preset, float32; UserError if keras-hub cannot read it."""
    open_keras(asked.track, "cpu").preset_to_safetensors(asked.model, asked.preset, asked.out)
