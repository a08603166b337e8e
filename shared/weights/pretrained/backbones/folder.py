"""A folder with a network in the Hugging Face layout: on disk, or from the hub."""

from pathlib import Path

from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError
from twotrack.shared.weights.pretrained import hub
from twotrack.shared.weights.pretrained.backbones import INSTALL, OFFLINE, OnStep

CONFIG, TENSORS, PREPROCESSOR = "config.json", "model.safetensors", "preprocessor_config.json"


def find_folder(weights: str, backbone: str, expected: str, on_step: OnStep) -> Path:
    """Return the folder that `weights` names, downloaded if it is on the hub; UserError if there is none.

    `expected` says what `--weights` can be for this backbone.
    """
    path = ordinary.named(weights)
    if not path.is_dir():
        path = _downloaded(weights, expected, on_step)
    missing = [name for name in (CONFIG, TENSORS) if not (path / name).is_file()]
    if missing:
        pickled = TENSORS in missing and any(path.glob("*.bin"))
        hint = " (weights in a .bin file are a pickle, which can run code: save them as safetensors)" if pickled else ""
        raise UserError(
            f"{path}: expected the files of a {backbone}, missing: {', '.join(missing)}{hint}; "
            "name another folder with --weights."
        )
    return path


def _downloaded(weights: str, expected: str, on_step: OnStep) -> Path:
    on_hub = hub.parse(weights)
    if on_hub is None:
        raise UserError(f"--weights {weights}: no such file or folder; expected {expected}.")
    on_step(f"downloading {weights}")
    or_a_folder = f"name a folder with --weights FOLDER, or take the backbone {OFFLINE}, whose weights need no network"
    return hub.download(on_hub, (CONFIG, TENSORS, PREPROCESSOR), or_a_folder, INSTALL)
