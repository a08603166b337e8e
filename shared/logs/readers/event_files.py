"""TensorBoard's event files, read with the messages of the package `tensorboard`, which need no TensorFlow."""

from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.logs.names import common_name
from twotrack.shared.logs.readers.limits import require_few, require_readable
from twotrack.shared.logs.readers.rows import completed
from twotrack.shared.logs.series import Log, Series, make_series

MARK = "tfevents"
KIND = "TensorBoard event files"
_SPLIT_FOLDERS = {"train", "training", "validation", "val", "valid", "eval", "test", "dev"}
_FLOAT32_DIGITS = 7
_NUMBERS = {1: 7, 2: 17, 3: 17, 9: 17, 14: 3, 19: 4}
"""Decimal digits of the types of tensors that a scalar may have: float, double, int32, int64, bfloat16, half."""
HEAD, CHECKSUM = 12, 4
"""Bytes."""
CHECKED = 2**16
"""Bytes of a record up to which its checksum is computed, which is slow in Python; larger ones are pictures."""
Points = dict[str, list[tuple[int, float, int]]]


def is_event_file(path: Path) -> bool:
    """Tell by its name whether TensorBoard would read the file."""
    return MARK in path.name


def is_below(folder: Path) -> bool:
    """Tell whether there are event files in the folder, or in a folder below it."""
    return any(_files(folder.rglob("*")))


def read_file(path: Path) -> Log:
    """Read one event file."""
    return _log(path, {"": [path]}, [])


def read_folder(folder: Path) -> Log:
    """Read the event files of one training: those of the folder, and of its parts such as train and validation.

    UserError if the folder holds several trainings. Folders below that stand for neither give their settings only.
    """
    by_part: defaultdict[str, list[Path]] = defaultdict(list)
    for file in sorted(_files(folder.rglob("*"))):
        by_part[file.parent.relative_to(folder).as_posix()].append(file)
    known = {part: files for part, files in by_part.items() if part == "." or part.lower() in _SPLIT_FOLDERS}
    others = {part: files for part, files in by_part.items() if part not in known}
    if known:
        parts = {"" if part == "." else part: files for part, files in known.items()}
        return _log(folder, parts, [file for files in others.values() for file in files])
    tops = sorted({part.split("/")[0] for part in others})
    if len(tops) > 1:
        raise UserError(f"'{folder}' holds event files of several trainings: {', '.join(tops)}; name one of them.")
    return read_folder(folder / tops[0])


def _files(paths: Iterator[Path]) -> Iterator[Path]:
    return (path for path in paths if is_event_file(path) and path.is_file())


def _log(path: Path, parts: dict[str, list[Path]], settings_only: list[Path]) -> Log:
    series: dict[str, Series] = {}
    settings: dict[str, Any] = {}
    for part, files in parts.items():
        points, found = _read(files)
        settings |= found
        for tag, values in points.items():
            series[f"{part}/{tag}" if part else tag] = _series(tag, values)
    for file in settings_only:
        settings |= _read([file])[1]
    require_few(path, len(series))
    return Log(path, KIND, series, settings, ("hparams",) if settings else ())


def _series(tag: str, points: list[tuple[int, float, int]]) -> Series:
    """Return a tag's series; Keras counts epochs, not steps, in the tags that begin with epoch_."""
    positions, values = [float(step) for step, _, _ in points], [value for _, value, _ in points]
    digits = max(held for _, _, held in points)
    mean = common_name(tag).endswith("_epoch")
    if tag.startswith("epoch_"):
        return make_series(values, None, completed(positions), True, digits)
    return make_series(values, positions, None, mean, digits)


def _read(files: list[Path]) -> tuple[Points, dict[str, Any]]:
    """Return (step, value, digits) by tag, in the order of writing, and the hyperparameters."""
    points: Points = defaultdict(list)
    settings: dict[str, Any] = {}
    plugins: dict[str, str] = {}
    for file in files:
        require_readable(file)
        for event in _events(file):
            for value in event.summary.value:
                # Only a tag's first value says which plugin it belongs to.
                plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
                if plugin == "hparams":
                    settings |= _hyperparameters(value.metadata.plugin_data.content)
                elif (scalar := _scalar(value, plugin)) is not None:
                    points[value.tag].append((event.step, *scalar))
    return points, settings


def _events(path: Path) -> Iterator[Any]:
    """Yield the file's events; of a file that is still written, the complete ones. UserError if it is no event file."""
    _require_installed(path)
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    for number, record in enumerate(_records(path)):
        try:
            yield Event.FromString(record)
        except DecodeError as error:
            raise _damaged(path, number) from error


def _records(path: Path) -> Iterator[bytes]:
    """Yield the records of a TFRecord file: a length, its checksum, so many bytes, their checksum.

    TensorBoard's own reader asks for as much memory as a length claims. What ends too early was not written to its end.
    """
    left, number = path.stat().st_size, 0
    with path.open("rb") as file:
        while len(head := file.read(HEAD)) == HEAD:
            left -= HEAD
            length = int.from_bytes(head[:8], "little")
            if not _is_intact(head[:8], head[8:]):
                raise _damaged(path, number)
            if length + CHECKSUM > left:
                break
            record, checksum = file.read(length), file.read(CHECKSUM)
            if length <= CHECKED and not _is_intact(record, checksum):
                raise _damaged(path, number)
            yield record
            left, number = left - length - CHECKSUM, number + 1
    if number == 0:
        raise _damaged(path, 0)


def _is_intact(content: bytes, checksum: bytes) -> bool:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    return masked_crc32c(content) == int.from_bytes(checksum, "little")


def _damaged(path: Path, count: int) -> UserError:
    return UserError(f"'{path}' is no event file of TensorBoard, or is damaged after {count} events.")


def _require_installed(path: Path) -> None:
    if find_spec("tensorboard") is None:
        raise UserError(
            f"'{path}' is an event file; reading it needs the package tensorboard, not installed here; "
            "run: pip install -c constraints.txt -e '.[tensorboard]'"
        )


def _scalar(value: Any, plugin: str) -> tuple[float, int] | None:
    """Return a summary's number and its decimal digits; None for pictures, histograms, texts and arrays."""
    if value.HasField("simple_value"):
        return value.simple_value, _FLOAT32_DIGITS
    if not value.HasField("tensor") or plugin not in {"", "scalars"} or value.tensor.dtype not in _NUMBERS:
        return None
    if any(side.size != 1 for side in value.tensor.tensor_shape.dim):
        return None
    from tensorboard.util.tensor_util import make_ndarray

    array = make_ndarray(value.tensor)
    return (float(array.reshape(-1)[0]), _NUMBERS[value.tensor.dtype]) if array.size == 1 else None


def _hyperparameters(content: bytes) -> dict[str, Any]:
    """Return the session's settings from the hparams plugin's message; nothing if it holds something else."""
    from google.protobuf.message import DecodeError
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        data = HParamsPluginData.FromString(content)
    except DecodeError:
        return {}
    return {name: _plain(value) for name, value in data.session_start_info.hparams.items()}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind in {"number_value", "string_value", "bool_value"} else None
