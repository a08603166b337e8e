"""Presets of keras-hub, read by keras-hub itself."""

from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import save_file

from twotrack.keras_track import hub
from twotrack.shared.errors import UserError


def to_safetensors(model: str, preset: str, out: Path) -> None:
    """Write the weights of a preset of keras-hub's class `model`, float32, under their paths.

    Raises UserError if keras-hub cannot find or read the preset, or if it is of another class.
    """
    try:
        found = getattr(hub, model).from_preset(preset)
    except Exception as error:  # no network, no such preset, a damaged file: each of keras-hub's readers has its own
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"keras-hub cannot read the preset '{preset}' of {model}: {reason}; name one that it lists for "
            f"keras_hub.models.{model}.presets, a folder of one, or a file with --weights FILE."
        ) from error
    weights = {variable.path: np.array(keras.ops.convert_to_numpy(variable), np.float32) for variable in found.weights}
    save_file(weights, out)
