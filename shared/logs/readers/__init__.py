"""Formats of logs, each read into `Log` without the framework that wrote it; nothing is unpickled or executed."""

import json
from collections.abc import Callable
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.logs.readers import event_files, json_documents, recording, run_folder, tables
from twotrack.shared.logs.readers.limits import require_readable
from twotrack.shared.logs.series import Log

FORMATS = (
    "TensorBoard event files (a file or a folder), CSV, JSON lines, a JSON history, Hugging Face's trainer_state.json, "
    "the folder of a run or of a recording"
)
_IN_FOLDERS = ("trainer_state.json", "metrics.csv", "log.csv", "training.csv", "metrics.jsonl", "history.json")


def read_log(path: Path) -> Log:
    """Read the log that a file or folder holds; UserError if there is none, or none that is known."""
    if not path.exists():
        raise UserError(f"'{path}' does not exist; expected one of: {FORMATS}.")
    log = _read_folder(path) if path.is_dir() else _read_file(path)
    if not log.series:
        raise UserError(f"'{path}' ({log.kind}) holds no series of numbers; expected columns or tags such as loss.")
    return log


def _read_file(path: Path) -> Log:
    require_readable(path)
    return _reader_of(path)(path)


def _reader_of(path: Path) -> Callable[[Path], Log]:
    """Return the reader by the file's name or, where that says nothing, its first bytes."""
    if event_files.is_event_file(path):
        return event_files.read_file
    ending = path.suffix.lower()
    if ending in {".csv", ".tsv"}:
        return tables.read_csv
    if ending in {".jsonl", ".ndjson"}:
        return json_documents.read_lines
    with path.open("rb") as file:
        start = file.read(4096)
    if ending == ".json" or start.lstrip()[:1] in (b"{", b"["):
        return json_documents.read_lines if _is_lines(start) else json_documents.read_document
    if ending in {".txt", ".log", ""} and b"\0" not in start and any(mark in start for mark in (b",", b"\t", b";")):
        return tables.read_csv
    raise UserError(f"'{path}' is of no known format; expected one of: {FORMATS}.")


def _is_lines(start: bytes) -> bool:
    """Tell whether the first line alone is a JSON object."""
    first, newline, rest = start.strip().partition(b"\n")
    try:
        return isinstance(json.loads(first), dict) and bool(newline and rest.strip())
    except (ValueError, RecursionError):
        return False


def _read_folder(folder: Path) -> Log:
    if run_folder.is_run(folder):
        return run_folder.read(folder)
    if recording.is_recording(folder):
        return recording.read(folder)
    for name in _IN_FOLDERS:
        if (folder / name).is_file():
            return _read_file(folder / name)
    checkpoint = json_documents.last_checkpoint(folder)
    if checkpoint is not None:
        return _read_file(checkpoint)
    tabular = sorted(file for file in folder.iterdir() if file.suffix.lower() in {".csv", ".tsv", ".jsonl", ".ndjson"})
    if len(tabular) > 1:
        names = ", ".join(file.name for file in tabular)
        raise UserError(f"'{folder}' holds several logs, {names}: name one of them.")
    if tabular:
        return _read_file(tabular[0])
    if event_files.is_below(folder):
        return event_files.read_folder(folder)
    raise UserError(f"'{folder}' holds no log; expected one of: {FORMATS}.")
