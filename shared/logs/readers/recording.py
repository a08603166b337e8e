"""A recording's folder as a log: the loss and the learning rate of its steps, the validation loss of its epochs.

Read from its manifest alone, as a log needs no tensor; every field is checked for its kind.
"""

import json
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.logs.readers.limits import require_readable
from twotrack.shared.logs.series import Log, Series, make_series

MANIFEST, FORMAT = "recording.json", "twotrack recording"
_SETTINGS = ("framework", "backend", "precision", "device", "loss", "optimizer", "dropout", "environment", "batches")


def is_recording(folder: Path) -> bool:
    """Tell whether a folder claims to be a recording."""
    return (folder / MANIFEST).is_file()


def read(folder: Path) -> Log:
    """Read a recording as a log, with what it says of optimizer, loss and versions as the settings."""
    file = folder / MANIFEST
    require_readable(file)
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"'{file}' cannot be read: {error}; record it again, or copy the whole folder.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"'{file}' does not say that it is a {FORMAT}; record it again, or copy the whole folder.")
    settings = {name: content[name] for name in _SETTINGS if content.get(name)}
    return Log(folder, "twotrack recording", _series(content), settings, (MANIFEST,))


def _series(content: dict[str, Any]) -> dict[str, Series]:
    steps = [step for step in _list(content.get("steps")) if isinstance(step, dict) and _is_number(step.get("number"))]
    found = {}
    for name in ("loss", "learning_rate"):
        points = [(float(step["number"]), float(step[name])) for step in steps if _is_number(step.get(name))]
        if points:
            found[name] = make_series([value for _, value in points], [number for number, _ in points], None)
    validation = [float(value) for value in _list(content.get("validation")) if _is_number(value)]
    if validation:
        found["val_loss"] = make_series(validation, None, [float(epoch + 1) for epoch in range(len(validation))])
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
